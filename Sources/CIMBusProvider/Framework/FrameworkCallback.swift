import CIM
import CIMBusWire

/// The callbacks of a ``FrameworkProvider``, and the flags of each (Semantics E.2, FlagDefs).
public enum FrameworkCallback: Hashable, Sendable, CaseIterable {
    case enumerateInstances, getObject, execQuery, putInstance, deleteInstance, execMethod

    /// The flags that a provider takes when it says nothing else.
    public var acceptableFlags: OperationFlags {
        self == .putInstance ? [.createOnly, .updateOnly] : []
    }

    /// The flags that never reach the callback, since they are for the broker. SEND_STATUS asks for reports, which a provider may make or
    /// not (R95). DIRECT_READ says whom the broker asks.
    var strippedFlags: OperationFlags {
        let always: OperationFlags = [.returnImmediately, .sendStatus]
        return switch self {
        case .enumerateInstances: always.union([.shallow, .forwardOnly, .useAmendedQualifiers, .directRead])
        case .getObject: always.union([.useAmendedQualifiers, .directRead])
        case .execQuery: always.union([.ensureLocatable, .forwardOnly, .useAmendedQualifiers, .prototype, .directRead])
        case .putInstance, .deleteInstance, .execMethod: always
        }
    }
}

extension OperationFlags {
    /// Throws UnsupportedParameter when there is a flag that is not acceptable.
    public func validate(acceptable: OperationFlags) throws(CIMError) {
        let others = subtracting(acceptable)
        guard others.isEmpty else {
            throw CIMError(.unsupportedParameter, "flags 0x\(String(UInt32(bitPattern: others.rawValue), radix: 16)) are not supported")
        }
    }
}
