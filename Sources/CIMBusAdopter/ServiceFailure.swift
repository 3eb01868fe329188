import CIM
import CIMAdoption
import CIMBusWire
import DBus

/// What a failed call of a service means for the operation.
enum ServiceFailure {
    /// The operation ends: the service is gone, does not answer, or does not let this process ask.
    static func ends(_ error: DBusError) -> Bool {
        switch error.code {
        case .errorReply(let name): [.serviceUnknown, .noReply, .disconnected, .limitsExceeded].contains(name)
        default: true
        }
    }

    /// The object is not there, or has no such interface.
    static func isAbsent(_ error: DBusError) -> Bool {
        guard case .errorReply(let name) = error.code else { return false }
        return [.unknownObject, .unknownInterface, .unknownMethod].contains(name)
    }

    /// The client's error.
    /// - Parameters:
    ///   - what: what the adopter did: "list Linux_SystemdUnit".
    ///   - hasAnswered: whether the process that was asked has answered before.
    static func error(_ error: DBusError, _ context: ClassContext, _ what: String, hasAnswered: Bool = false) -> CIMError {
        let service = context.service.text
        switch error.code {
        case .timedOut:
            return failure(.providerTimedOut, "service \(service) did not answer in time, to \(what)", error)
        case .errorReply(.noReply), .disconnected, .errorReply(.disconnected): return left(service, what, error)
        case .errorReply(.serviceUnknown) where hasAnswered: return left(service, what, error)
        case .errorReply(.serviceUnknown):
            return failure(.providerLoadFailure, "service \(service) is not on the bus, to \(what): \(error.message)", error)
        case .errorReply(let name):
            let status = context.errors[name] ?? standard(name) ?? CIMError(error).status
            return failure(status, "service \(service) refused to \(what): \(name.text): \(error.message)", error)
        default:
            let other = CIMError(error)
            return failure(other.status, "service \(service), to \(what): \(other.message)", error)
        }
    }

    private static func left(_ service: String, _ what: String, _ error: DBusError) -> CIMError {
        failure(.providerFailure, "service \(service) left the bus before it had answered, to \(what); start it again and retry", error)
    }

    /// With the name and the words of the service's own error in the status object.
    private static func failure(_ status: WBEMStatus, _ message: String, _ error: DBusError) -> CIMError {
        var object = CIMInstance(className: "__ExtendedStatus")
        object["StatusCode"] = .uint32(status.rawValue)
        object["Description"] = .string(message)
        if case .errorReply(let name) = error.code { object["ParameterInfo"] = .string("\(name.text): \(error.message)") }
        return CIMError(status, message, extendedStatus: object, cause: error)
    }

    /// By the last part of the name where services agree on what it means.
    private static func standard(_ name: ErrorName) -> WBEMStatus? {
        switch name.text.split(separator: ".").last {
        case "AccessDenied", "InteractiveAuthorizationRequired", "AuthFailed", "NotAuthorized", "PermissionDenied", "NotPrivileged",
            "NotAuthorizedCanObtain", "NotAuthorizedDismissed":
            .accessDenied
        case "InvalidArgs", "InvalidSignature", "InvalidArgument": .invalidParameter
        case "UnknownObject", "FileNotFound", "NoSuchUnit", "NoSuchSession", "NoSuchUser", "NoSuchSeat", "NoSuchJob", "NoSuchDevice",
            "NotFound", "NameHasNoOwner", "ENOENT":
            .notFound
        case "FileExists", "AlreadyExists", "UnitExists", "EEXIST": .alreadyExists
        case "UnknownMethod", "UnknownInterface": .providerNotCapable
        case "UnknownProperty": .invalidProperty
        case "PropertyReadOnly": .readOnly
        case "NotSupported": .notSupported
        case "NoMemory": .outOfMemory
        case "Timeout", "TimedOut": .timedOut
        default: .providerFailure
        }
    }
}
