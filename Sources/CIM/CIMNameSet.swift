/// Names that have been seen, in any case: a list while there are few of them, as there mostly are, so that nothing is hashed.
package struct CIMNameSet: Sendable {
    private static let few = 8
    private var list: [String] = []
    /// All of them, once they are not few.
    private var set: Set<CIMName> = []

    package init() {}

    /// False when the name is there already.
    package mutating func insert(_ name: String) -> Bool {
        guard list.count == Self.few else {
            if list.contains(where: { CIMName.equal($0, name) }) { return false }
            list.append(name)
            if list.count == Self.few { set = Set(list.map { CIMName($0) }) }
            return true
        }
        return set.insert(CIMName(name)).inserted
    }
}
