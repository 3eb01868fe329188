import CIM
import CIMBusCore
import CIMBusWire
import DBus
import Glibc

/// The context of a call: what the broker obeys itself, what it hands on, and what it refuses (Semantics A.5, C.1.3).
extension ServicesCall {
    /// What a context says, apart from what it is for.
    struct Context {
        var values: [(String, DBusValue)] = []
        /// About what a large context takes of memory: its values take many times their bytes on the wire. Small ones are bounded by the number
        /// of operations.
        var bytes = 0
        var timeout: Microseconds?
        var parent: OperationID?
        var derivedSystemProperties = true
        var classShape = false
        var explains = false
    }

    /// The context that was read last: a session says the same in each of its calls.
    struct KnownContext {
        fileprivate var bytes: [UInt8] = []
        fileprivate var context = Context()

        /// A longer one is not kept.
        fileprivate static let most = 256

        fileprivate func isMade(of other: UnsafeRawBufferPointer) -> Bool {
            guard other.count == bytes.count, let start = other.baseAddress else { return false }
            return bytes.withUnsafeBytes { own in own.baseAddress.map { memcmp($0, start, own.count) == 0 } ?? false }
        }
    }

    private static let largestContext = 64 << 10

    mutating func readContext(_ reader: inout BodyReader, _ known: inout KnownContext) throws {
        let end = try reader.enterArray(elementAlignment: 8)
        let bytes = reader.bytes(in: reader.position..<end)
        if known.isMade(of: bytes) {
            given = known.context
            return reader.move(to: end)
        }
        given = try Self.context(&reader, until: end)
        if bytes.count <= KnownContext.most { known = KnownContext(bytes: Array(bytes), context: given) }
    }

    private static func context(_ reader: inout BodyReader, until end: Int) throws -> Context {
        var given = Context()
        guard end - reader.position <= largestContext else {
            throw CIMError(.quotaViolation, "a context of \(end - reader.position) bytes; 64 KiB are the most")
        }
        if end - reader.position > 1 << 10 { given.bytes = (end - reader.position) * 16 }
        var names = CIMNameSet()
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            let name = try reader.readString()
            let value: DBusValue
            do throws(DBusDecodingError) {
                value = try reader.readValue(Signature(verified: "v"))
            } catch {
                throw CIMError(error.code == .tooDeep ? .quotaViolation : .invalidContext, "context value \(name): \(error)")
            }
            guard value.depth <= Nesting.containers - 3 else {
                throw CIMError(.quotaViolation, "context value \(name) nests more than \(Nesting.containers) containers deep")
            }
            guard names.insert(name) else {
                throw CIMError(.invalidContext, "context value \(name) is there twice")
            }
            // In any case: a provider may look names up as WMI does, and would take a client's word for the broker's.
            switch ContextKey.brokers.first(where: { CIMName.equal($0, name) }) {
            case ContextKey.timeout:
                guard let microseconds = number(value), microseconds > 0 else {
                    throw CIMError(.invalidContext, "\(name) must be a positive number of microseconds")
                }
                given.timeout = Microseconds(clamping: min(microseconds, UInt64(Microseconds.seconds(86_400 * 365))))
            case ContextKey.operation:
                guard let number = number(value) else {
                    throw CIMError(.invalidContext, "\(name) must be an operation's number")
                }
                given.parent = OperationID(number)
            case ContextKey.derivedSystemProperties: given.derivedSystemProperties = try flag(value, name)
            case ContextKey.classShape: given.classShape = try flag(value, name)
            case ContextKey.explain: given.explains = try flag(value, name)
            case .some: break
            case nil: given.values.append((name, value.innermost))
            }
        }
        try reader.leaveArray(end)
        return given
    }

    /// A number as it may be written (``CIMValue/read(as:)``).
    private static func number(_ value: DBusValue) -> UInt64? { CIMValue(scalar: value)?.read(asScalar: .uint64)?.uint64Value }

    private static func flag(_ value: DBusValue, _ name: String) throws(CIMError) -> Bool {
        guard case .boolean(let flag)? = CIMValue(scalar: value)?.read(asScalar: .boolean) else {
            throw CIMError(.invalidContext, "\(name) must be TRUE or FALSE")
        }
        return flag
    }

    private static let extensionFlags = [
        ContextKey.putExtensions, ContextKey.putStrictNulls, ContextKey.putAtomic, ContextKey.putClientRequest, ContextKey.getExtensions,
        ContextKey.getKeysOnly, ContextKey.getClientRequest,
    ]

    /// What asks for a partial put or read has the type it has in WMI (Semantics C.1.3), from here on: a value that nobody understands would be
    /// a full one.
    mutating func checkExtensions() throws(CIMError) {
        for index in context.indices where context[index].0.hasPrefix("__") {
            let (name, value) = context[index]
            if Self.extensionFlags.contains(where: { CIMName.equal($0, name) }) {
                given.values[index].1 = .boolean(try Self.flag(value, name))
            }
            if CIMName.equal(name, ContextKey.locale) {
                guard let text = value.text, CIMLocale.isWellFormed(text) else {
                    throw CIMError(.invalidContext, "\(name) must be the name of a locale, such as \"MS_409\" or \"en_US\"")
                }
            }
            let isRead = CIMName.equal(name, ContextKey.getProperties)
            guard isRead || CIMName.equal(name, ContextKey.putProperties) else { continue }
            guard case .array? = Optional(value.unwrapped), let elements = value.elements else {
                throw CIMError(.invalidContext, "\(name) must be an array of strings, the names of properties")
            }
            let names = elements.compactMap(\.text)
            guard names.count == elements.count else {
                throw CIMError(.invalidContext, "\(name) must be an array of strings, the names of properties")
            }
            if isRead, names.contains("*") {
                throw CIMError(.invalidContext, "\(name) takes names of properties, not \"*\"; leave it out to get all")
            }
            given.values[index].1 = .strings(names)
        }
    }

    /// A provider's nested call does not inherit what its client asked of a put or a read, unless it says that it asks itself (Semantics
    /// C.1.3); that word is for the broker.
    mutating func settleExtensions() {
        for (all, request) in [(ContextKey.putPrefix, ContextKey.putClientRequest), (ContextKey.getPrefix, ContextKey.getClientRequest)] {
            let isOwn = parent == nil || self[request] == .boolean(true)
            given.values.removeAll { name, _ in
                CIMName.equal(name, request)
                    || !isOwn && CIMName.hasPrefix(name, all)
            }
        }
    }

    /// A value of the context, in any case of its name.
    private subscript(name: String) -> DBusValue? { context.first { CIMName.equal($0.0, name) }?.1 }

    /// The language of the caller; English where it says none, or one that nobody knows.
    var locale: CIMLocale { self[ContextKey.locale]?.text.flatMap { CIMLocale($0) } ?? .english }

    /// What a read asks for less than everything: the keys, or these properties and the keys (Semantics C.1.3).
    var partialRead: RowFilter.Kept? {
        guard self[ContextKey.getExtensions] == .boolean(true) else { return nil }
        if self[ContextKey.getKeysOnly] == .boolean(true) { return .keys }
        return (self[ContextKey.getProperties]?.elements?.compactMap(\.text)).map { .namesAndKeys($0) }
    }

    /// The properties that a put writes, if it is a partial one.
    var partialPut: [String]? {
        guard self[ContextKey.putExtensions] == .boolean(true) else { return nil }
        return self[ContextKey.putProperties]?.elements?.compactMap(\.text)
    }
}
