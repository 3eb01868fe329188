import CIM

/// How what the providers of a class and of one of its ancestors say about an instance is put together (Semantics C.3, C.4), without decoding
/// a value: see ``ObjectSelection/append(_:merging:_:)``.
///
/// A property that the derived class inherits as it is comes from the ancestor's provider, all others, and the keys, from the derived one's.
/// What only one of them has is taken from that one.
public struct ObjectMerge: Sendable {
    /// For each slot of the derived class the ancestor's, where that is the one to ask.
    let counterparts: [Int?]
    /// What it is for; kept, so that a merge found by their identity is theirs.
    public let derived: ObjectLayout
    public let ancestor: ObjectLayout

    public init(of derived: ObjectLayout, with ancestor: ObjectLayout) {
        self.derived = derived
        self.ancestor = ancestor
        guard let declaration = derived.declaration, let above = ancestor.declaration else {
            counterparts = Array(repeating: nil, count: derived.slots.count)
            return
        }
        counterparts = declaration.properties.map { property in
            !property.isKey && above.isSameOrDerived(from: property.origin) ? ancestor.slot(named: property.name) : nil
        }
    }
}
