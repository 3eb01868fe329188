import CIM

/// A path that references are compared with: the same object wherever server and namespace are spelled out, whatever the case, the order of
/// the keys, and whether a single key is named (Semantics H.1).
struct ReferenceComparand: Hashable, Sendable {
    let path: CIMObjectPath
    private let location: CIMLocation
    private let namespace: String
    private let keys: [CIMName: CIMObjectPath.KeyValue]

    /// `path` is canonical when its class is known.
    init(_ path: CIMObjectPath, in location: CIMLocation) {
        self.path = path
        self.location = location
        namespace = path.namespace ?? location.namespace.text
        var keys: [CIMName: CIMObjectPath.KeyValue] = [:]
        if case .keys(let given) = path.keys {
            for key in given { keys[CIMName(key.name ?? "")] = key.value }
        }
        self.keys = keys
    }

    func refers(to other: CIMObjectPath) -> Bool {
        guard CIMName.equal(path.className, other.className), CIMName.equal(namespace, other.namespace ?? location.namespace.text),
            location.isHere(path.server) ? location.isHere(other.server) : CIMName.equal(path.server ?? "", other.server ?? "")
        else { return false }
        guard case .keys(let theirs) = other.keys, case .keys = path.keys else { return path.keys == other.keys }
        guard theirs.count == keys.count else { return false }
        if theirs.count == 1, let mine = keys.first, let theirs = theirs.first {
            return mine.key.text.isEmpty || theirs.name.map { mine.key == CIMName($0) } ?? true ? isSame(mine.value, theirs.value) : false
        }
        for key in theirs {
            guard let mine = keys[CIMName(key.name ?? "")], isSame(mine, key.value) else { return false }
        }
        return true
    }

    /// A key that refers is written as text by some and as a path by others.
    private func isSame(_ mine: CIMObjectPath.KeyValue, _ theirs: CIMObjectPath.KeyValue) -> Bool {
        switch (mine, theirs) {
        case (.reference(let one), .reference(let other)):
            return ReferenceComparand(one, in: location).refers(to: other)
        case (.reference(let path), .string(let text)), (.string(let text), .reference(let path)):
            guard let other = try? CIMObjectPath(parsing: text) else { return false }
            return ReferenceComparand(path, in: location).refers(to: other)
        default:
            return mine == theirs
        }
    }
}
