import CIM

/// What an event tells of (Semantics J.1).
public enum EventKind: Hashable, Sendable {
    /// Of an instance that was created, modified or deleted.
    case instance
    case `class`
    case namespace
    case timer
    /// Of anything else: what providers raise.
    case extrinsic
    /// Of the event machinery's own troubles.
    case system
    /// Every kind: `__Event` itself.
    case any

    /// Nil for a class that is no event class.
    public init?(_ declaration: CIMClass) {
        func isBelow(_ name: String) -> Bool { declaration.isSameOrDerived(from: name) }
        if isBelow("__InstanceOperationEvent") {
            self = .instance
        } else if isBelow("__ClassOperationEvent") {
            self = .class
        } else if isBelow("__NamespaceOperationEvent") {
            self = .namespace
        } else if isBelow("__TimerEvent") {
            self = .timer
        } else if isBelow("__SystemEvent") || isBelow("CIMBus_ProviderEvent") {
            self = .system
        } else if CIMName.equal(declaration.name, "__Event") {
            self = .any
        } else if isBelow("__Event") || declaration.isIndication {
            self = .extrinsic
        } else {
            return nil
        }
    }
}
