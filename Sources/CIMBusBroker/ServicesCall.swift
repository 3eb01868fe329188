import CIM
import CIMBusCore
import CIMBusWire
import DBus

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
    var given = Context()
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
