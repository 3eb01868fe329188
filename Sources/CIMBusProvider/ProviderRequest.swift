import CIM
import CIMBusWire
import DBus

/// The methods of `org.cimbus1.Provider`, and how to find the sink in their arguments.
enum ProviderMethod: String, CaseIterable {
    case getObject = "GetObjectAsync"
    case putInstance = "PutInstanceAsync"
    case deleteInstance = "DeleteInstanceAsync"
    case createInstanceEnum = "CreateInstanceEnumAsync"
    case execQuery = "ExecQueryAsync"
    case execMethod = "ExecMethodAsync"

    /// The types of the arguments, of which the last is the sink.
    var signature: StaticString {
        switch self {
        case .getObject, .deleteInstance, .createInstanceEnum: "ssia{sv}o"
        case .putInstance: "sa{sv}ia{sv}o"
        case .execQuery: "sssia{sv}o"
        case .execMethod: "sssia{sv}a{sv}o"
        }
    }

    /// How many texts the arguments begin with.
    private var leadingTexts: Int {
        switch self {
        case .getObject, .deleteInstance, .createInstanceEnum: 2
        case .putInstance: 1
        case .execQuery, .execMethod: 3
        }
    }

    func sink(of call: MethodCall) throws -> ObjectPath {
        var reader = call.reader
        for _ in 0..<leadingTexts { _ = try reader.readStringBytes() }
        if self == .putInstance { try reader.skipArray(elementAlignment: 8) }
        _ = try reader.readInt32()
        try reader.skipArray(elementAlignment: 8)
        if self == .execMethod { try reader.skipArray(elementAlignment: 8) }
        // An argument of this type: its form has been checked.
        return ObjectPath(verified: try reader.readString())
    }

    /// What the call is about, in words; nil for what cannot be read.
    func subject(of call: MethodCall) -> String? {
        var reader = call.reader
        guard let namespace = try? reader.readString() else { return nil }
        let subject: String? =
            switch self {
            case .putInstance: (try? reader.readInstance())?.className
            case .execQuery: (try? reader.readString()).flatMap { _ in try? reader.readString() }
            case .execMethod: (try? reader.readString()).flatMap { path in (try? reader.readString()).map { "\(path):\($0)" } }
            case .getObject, .deleteInstance, .createInstanceEnum: try? reader.readString()
            }
        return subject.map { "\($0) in \(namespace)" }
    }
}

extension BodyReader {
    /// - Parameter likely: what it mostly is.
    mutating func readNamespace(_ likely: CIMNamespaceName) throws -> CIMNamespaceName {
        let bytes = try readStringBytes()
        if bytes.count == likely.text.utf8.count, bytes.elementsEqual(likely.text.utf8) { return likely }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let namespace = CIMNamespaceName(text) else { throw CIMError(.invalidNamespace, "\"\(text)\" is no namespace") }
        return namespace
    }

    mutating func readPath() throws -> CIMObjectPath {
        let text = try readStringBytes()
        do {
            return try CIMObjectPath(parsing: text)
        } catch {
            throw CIMError(.invalidObjectPath, "\"\(String(decoding: text, as: UTF8.self).prefix(300))\": \(error)", cause: error)
        }
    }

    /// Remembers where the context lies, and goes past it: few providers look at it.
    mutating func passContext() throws -> BodyReader {
        let context = self
        try skipArray(elementAlignment: 8)
        return context
    }
}

extension CIMError {
    /// The error that a provider's own code threw, as the client shall see it.
    init(thrown error: any Error) {
        switch error {
        case let error as CIMError: self = error
        case let error as DBusError: self.init(error)
        case let error as ObjectFault: self.init(error.status, error.description, cause: error)
        case is DBusDecodingError, is DBusEncodingError:
            let fault = ObjectFault(error)
            self.init(fault.kind == .misfit ? .failed : fault.resultStatus, fault.description, cause: error)
        case is CancellationError: self.init(.callCancelled, "the provider's task was cancelled")
        default:
            let status = error.systemErrorNumber.flatMap { WBEMStatus(systemError: $0) }
            self.init(status ?? .failed, "\(error)", cause: error)
        }
    }

    /// Gives a provider's own status object the number and the words of the error, where the object has none. A client reads those of the
    /// object (Semantics B.3.1).
    mutating func completeStatus() {
        guard var object = extendedStatus else { return }
        if object["StatusCode"] == nil { object["StatusCode"] = .uint32(status.rawValue) }
        if object["Description"] == nil, !message.isEmpty { object["Description"] = .string(message) }
        extendedStatus = object
    }

    /// The number and the words alone, as a status object that is never too large.
    var words: CIMInstance {
        CIMInstance(
            className: "__ExtendedStatus",
            ["StatusCode": .uint32(status.rawValue), "Description": .string(String(decoding: message.utf8.prefix(4096), as: UTF8.self))])
    }
}
