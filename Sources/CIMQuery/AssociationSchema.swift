import CIM

/// What an association query has to know of a namespace.
public protocol AssociationSchema: Sendable {
    /// The class, resolved; nil when there is none.
    func resolvedClass(named name: String) -> CIMClass?

    /// Every association class, resolved, abstract ones included.
    var associationClasses: [CIMClass] { get }

    /// Everyone who has instances of an association class.
    var associationSources: [QuerySource] { get }
}
