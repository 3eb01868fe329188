import CIM

/// What a commit has changed of what is stored, with how it was before: what events tell of (Semantics J.1).
///
/// The instances of a class that is deleted, and what is in a namespace that is deleted, go with it unmentioned.
public enum StoredChange: Hashable, Sendable {
    /// An instance; `before` is nil for a new one, `after` for one that is gone. Each has its path.
    case instance(before: CIMInstance?, after: CIMInstance?, in: CIMNamespaceName)
    /// A class, resolved.
    case declaration(before: CIMClass?, after: CIMClass?, in: CIMNamespaceName)
    /// A namespace that is new, or gone.
    case namespace(CIMNamespaceName, isThere: Bool)
}
