import CIM
import CIMBusCore
import CIMBusWire

/// A class whose provider is not the one of the class above it: the unit in which a hierarchy is asked (Semantics C.1 to C.4).
///
/// Classes next to each other that name the same provider are one unit: that provider knows its own hierarchy, and is asked once, for the
/// class closest to what the client named.
struct ServedClass: Sendable {
    let layout: ObjectLayout
    /// Who answers, or why nobody does.
    let responder: Responder
    /// Whether the class is above the one that the client named.
    let isAncestor: Bool
    /// The unit above it, by its place in the list.
    let above: Int?
    /// The lowest concrete class of a unit above the named class, where that is not the unit's own: what a delete names there.
    let concrete: ObjectLayout?
    /// Whether a class of the unit is concrete, and one of those is below none (Semantics C.2).
    var isConcrete: Bool
    var isTopmost: Bool

    enum Responder: Sendable {
        case provider(RegistrationID)
        case failure(Outcome)

        /// As the core is told.
        var requestTarget: Request.Target {
            switch self {
            case .provider(let registration): .provider(registration)
            case .failure(let outcome): .broker(outcome, answer: nil)
            }
        }
    }
}

/// The units of a class's hierarchy, a unit above those below it; and the static concrete classes at and below it.
struct ClassHierarchy: Sendable {
    var served: [ServedClass] = []
    var stored: [String] = []
    /// Why nobody has an instance of the named class, or of one below it: it is dynamic and names no provider, and no class below is served.
    var nobody: Outcome?

    /// Where the instances are, each source for itself.
    var sources: [InstanceSource] {
        let providers = served.filter { !$0.isAncestor }.map { InstanceSource($0.responder, $0.layout) }
        return stored.isEmpty ? providers : providers + [.stored(classes: stored)]
    }

    /// Who is asked to delete.
    var concrete: [ServedClass] { served.filter(\.isConcrete) }

    /// Whether a unit has another one below it: their answers have to be merged.
    var needsMerge: Bool { served.contains { $0.above != nil } }
}
