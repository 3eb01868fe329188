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

    /// What precedes the sink, which is the last argument.
    private var typesBeforeSink: StaticString {
        switch self {
        case .getObject, .deleteInstance, .createInstanceEnum: "ssia{sv}"
        case .putInstance: "sa{sv}ia{sv}"
        case .execQuery: "sssia{sv}"
        case .execMethod: "sssia{sv}a{sv}"
        }
    }

    func sink(of call: MethodCall) throws -> ObjectPath {
        var reader = call.reader
        let types = typesBeforeSink
        try reader.skip(types: UnsafeRawBufferPointer(start: types.utf8Start, count: types.utf8CodeUnitCount))
        // An argument of this type: the bus has checked its form.
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
    mutating func readNamespace() throws -> CIMNamespaceName {
        let text = try readString()
        guard let namespace = CIMNamespaceName(text) else { throw CIMError(.invalidNamespace, "\"\(text)\" is no namespace") }
        return namespace
    }

    mutating func readPath() throws -> CIMObjectPath {
        let text = try readString()
        do {
            return try CIMObjectPath(parsing: text)
        } catch {
            throw CIMError(.invalidObjectPath, "\"\(text.prefix(300))\": \(error)", cause: error)
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
