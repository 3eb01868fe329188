import CIM
import CIMBusCore
import CIMBusWire
import DBus
import Glibc

/// The arguments of one `org.cimbus1.Services` operation, read and checked as far as the call itself says: flags, path syntax, sink, context
/// (Semantics A.3, A.5). What it throws is the D-Bus error reply, and nothing has changed.
struct ServicesCall {
    enum Form { case sync, semisync, async }

    let kind: Request.Kind
    let form: Form
    let namespace: CIMNamespaceName
    private(set) var path: CIMObjectPath?
    private(set) var method = ""
    /// Of a query; its language has been checked.
    private(set) var query = ""
    private(set) var flags: OperationFlags = []
    private var given = Context()
    private(set) var sink: ObjectPath?
    /// Where the instance of a put, or the in parameters, lie in the message.
    private(set) var object: BodyReader?

    var context: [(String, DBusValue)] { given.values }
    var contextBytes: Int { given.bytes }
    var timeout: Microseconds? { given.timeout }
    var parent: OperationID? { given.parent }
    var derivedSystemProperties: Bool { given.derivedSystemProperties }
    /// Whether of a class only what it takes to read its instances is wanted.
    var classShape: Bool { given.classShape }
    /// Whether a query is to be explained, and not run.
    var explains: Bool { given.explains }

    /// What a context says, apart from what it is for.
    fileprivate struct Context {
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

    /// - Parameters:
    ///   - bodySize: the bytes of the whole message's body.
    ///   - arguments: a cursor at the first argument.
    ///   - server: the name of this machine.
    init(
        _ kind: Request.Kind, _ form: Form, _ namespace: CIMNamespaceName, bodySize: Int, _ arguments: BodyReader, server: String,
        known: inout KnownContext
    ) throws(CIMError) {
        self.kind = kind
        self.form = form
        self.namespace = namespace
        // One object, its path and its context; it is measured before anything in it is looked at.
        guard bodySize <= Self.largestCall else {
            throw CIMError(.quotaViolation, "\(kind.rawValue): a call of \(bodySize) bytes; an object takes at most 8 MiB")
        }
        do {
            var reader = arguments
            switch kind {
            case .getObject, .deleteInstance: path = try parse(reader.readString(), server)
            case .createInstanceEnum: path = try Self.className(reader.readString(), "CreateInstanceEnum")
            case .putInstance, .putClass:
                var given = try Self.passObject(&reader)
                object = given
                if try given.enterArray(elementAlignment: 8) == given.position {
                    throw CIMError(.invalidParameter, "\(kind.rawValue): the object is NULL")
                }
            case .deleteClass: path = try Self.className(reader.readString(), "DeleteClass")
            // The classes of no superclass are the topmost ones.
            case .createClassEnum:
                let text = try reader.readString()
                path = text.isEmpty ? CIMObjectPath(className: "") : try Self.className(text, "CreateClassEnum")
            case .execQuery, .execNotificationQuery:
                query = try Self.query(language: reader.readString(), text: reader.readString(), kind)
            case .execMethod:
                path = try parse(reader.readString(), server)
                method = try reader.readString()
                if method.isEmpty { throw CIMError(.invalidParameter, "ExecMethod: the method's name is empty") }
                if method.utf8.count > 255 { throw CIMError(.invalidParameter, "ExecMethod: the method's name is longer than 255 bytes") }
            }
            flags = try Self.checked(OperationFlags(rawValue: reader.readInt32()), kind, form)
            try readContext(&reader, &known)
            if !context.isEmpty {
                try checkExtensions()
                settleExtensions()
            }
            if kind == .execMethod { object = try Self.passObject(&reader) }
            if form == .async {
                // Whether it is NULL, the core says.
                let path = try reader.readObjectPath()
                guard path.text.utf8.count <= Self.longestSink else {
                    throw CIMError(.invalidParameter, "\(kind.rawValue)Async: the sink's path is longer than \(Self.longestSink) bytes")
                }
                sink = path
            }
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.marshalInvalidSignature, "\(kind.rawValue): \(error)")
        }
    }

    /// A look at the instances of a class and of those below it (Semantics J.4).
    /// - Parameter properties: those that are needed beside the keys; nil: all.
    init(polling className: String, in namespace: CIMNamespaceName, reading properties: [String]?) {
        kind = .createInstanceEnum
        form = .semisync
        self.namespace = namespace
        path = CIMObjectPath(className: className)
        given.derivedSystemProperties = false
        guard let properties else { return }
        given.values = [(ContextKey.getExtensions, .boolean(true)), (ContextKey.getProperties, .strings(properties))]
    }

    /// A permanent subscription's query.
    init(subscribing query: String, in namespace: CIMNamespaceName) {
        kind = .execNotificationQuery
        form = .async
        self.namespace = namespace
        self.query = query
        given.derivedSystemProperties = false
    }

    private static let largestContext = 64 << 10
    private static let largestCall = Contract.largestObject + (256 << 10)
    private static let longestSink = 1024

    // MARK: - Paths

    private func parse(_ text: String, _ server: String) throws -> CIMObjectPath {
        if text.isEmpty { throw CIMError(.invalidParameter, "\(kind.rawValue): the object path is NULL") }
        let path: CIMObjectPath
        do throws(ObjectPathError) {
            path = try CIMObjectPath(parsing: text)
        } catch {
            throw CIMError(.invalidObjectPath, "\(kind.rawValue): \(error)")
        }
        if let host = path.server, !CIMLocation.isServer(host, server) {
            throw CIMError(.invalidObjectPath, "\(kind.rawValue): the path names server \(host); this is \(server)")
        }
        if let other = path.namespace, CIMNamespaceName(other) != namespace {
            throw CIMError(.invalidObjectPath, "\(kind.rawValue): the path names namespace \(other); this is \(namespace)")
        }
        if kind == .deleteInstance, path.isClassPath {
            throw CIMError(.invalidParameter, "DeleteInstance: \(path.className) is a class; give the path of an instance")
        }
        return path
    }

    private static func className(_ text: String, _ what: String) throws -> CIMObjectPath {
        if text.isEmpty { throw CIMError(.invalidParameter, "\(what): the class name is NULL") }
        guard CIMName.isValidIdentifier(text) else {
            throw CIMError(.invalidClass, "\(what): \"\(text.clipped(80))\" is not a class name")
        }
        return CIMObjectPath(className: text)
    }

    /// Semantics A.4, A.5: the language is told from the text before anything else is looked at.
    private static func query(language: String, text: String, _ kind: Request.Kind) throws -> String {
        guard CIMName.equal(language, "WQL") else {
            throw CIMError(.invalidQueryType, "\(kind.rawValue): the language is \"\(language.clipped(40))\"; WQL is spoken here")
        }
        if text.isEmpty { throw CIMError(.invalidParameter, "\(kind.rawValue): the query is NULL") }
        return text
    }

    /// Remembers where an `a{sv}` lies, and goes past it.
    private static func passObject(_ reader: inout BodyReader) throws -> BodyReader {
        let place = reader
        let start = reader.position
        try reader.skipArray(elementAlignment: 8)
        if reader.position - start > Contract.largestObject {
            throw CIMError(.quotaViolation, "the object takes \(reader.position - start) bytes, more than 8 MiB")
        }
        return place
    }

    // MARK: - Flags

    private static func checked(_ flags: OperationFlags, _ kind: Request.Kind, _ form: Form) throws -> OperationFlags {
        var legal: OperationFlags
        switch kind {
        case .getObject: legal = [.useAmendedQualifiers, .directRead]
        case .putInstance: legal = [.useAmendedQualifiers, .updateOnly, .createOnly]
        case .deleteInstance, .execMethod: legal = []
        case .createInstanceEnum: legal = [.useAmendedQualifiers, .directRead, .shallow]
        case .execQuery: legal = [.useAmendedQualifiers, .directRead, .ensureLocatable, .prototype]
        case .execNotificationQuery:
            legal = [.useAmendedQualifiers, .returnImmediately, .forwardOnly]
            if form == .sync { throw CIMError(.invalidParameter, "\(kind.rawValue): events have no end; use semisync or async") }
            if form == .semisync, !flags.contains(.forwardOnly) {
                throw CIMError(.invalidParameter, "\(kind.rawValue): FORWARD_ONLY (0x20) is required: events are not kept")
            }
        case .putClass: legal = [.useAmendedQualifiers, .updateOnly, .createOnly, .safeUpdate, .forceUpdate, .ownerUpdate]
        case .deleteClass: legal = [.ownerUpdate]
        case .createClassEnum: legal = [.useAmendedQualifiers, .shallow]
        }
        switch form {
        case .async: legal.insert(.sendStatus)
        case .sync, .semisync:
            legal.formUnion([.returnImmediately, .noErrorObject])
            if kind.isEnumeration { legal.insert(.forwardOnly) }
        }
        let wrong = flags.subtracting(legal)
        guard wrong.isEmpty else {
            let bits = "0x" + String(UInt32(bitPattern: wrong.rawValue), radix: 16)
            throw CIMError(.invalidParameter, "\(kind.rawValue): flags \(bits) are not for this \(form) call")
        }
        if kind == .putInstance || kind == .putClass, flags.isSuperset(of: [.updateOnly, .createOnly]) {
            throw CIMError(.invalidParameter, "\(kind.rawValue): UPDATE_ONLY and CREATE_ONLY contradict each other")
        }
        if kind == .putClass, flags.isSuperset(of: [.safeUpdate, .forceUpdate]) {
            throw CIMError(.invalidParameter, "PutClass: UPDATE_SAFE_MODE and UPDATE_FORCE_MODE contradict each other")
        }
        return flags
    }

    // MARK: - Context

    private mutating func readContext(_ reader: inout BodyReader, _ known: inout KnownContext) throws {
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
    private mutating func checkExtensions() throws(CIMError) {
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
    private mutating func settleExtensions() {
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

extension String {
    /// At most `count` bytes of it, cut between characters of Unicode: names and texts from peers stand in what many others get.
    func clipped(_ count: Int = 512) -> String {
        // A line break would begin another line of the log.
        oneLine.cut(count)
    }

    /// The same, with its lines.
    func clippedLines(_ count: Int) -> String { printableLines.cut(count) }

    private func cut(_ count: Int) -> String {
        if utf8.count <= count { return self }
        var text = ""
        for scalar in unicodeScalars {
            guard text.utf8.count + UTF8.width(scalar) + 3 <= count else { break }
            text.unicodeScalars.append(scalar)
        }
        return text + "…"
    }
}

extension DBusValue {
    /// The value inside one variant.
    var innermost: DBusValue { if case .variant(let value) = self { value } else { self } }

    /// Containers around the deepest value, itself included.
    var depth: Int {
        switch self {
        case .variant(let value): 1 + value.depth
        case .array(_, let elements): 1 + (elements.map(\.depth).max() ?? 0)
        case .structure(let fields): 1 + (fields.map(\.depth).max() ?? 0)
        case .dictEntry(let key, let value): 1 + max(key.depth, value.depth)
        case .bytes: 1
        default: 0
        }
    }
}
