import CIM

/// What polling has to know of a query about instances that nobody tells of (Semantics J.4).
public struct PolledProperties: Hashable, Sendable {
    /// A change of one of these is a modification; nil: a change of any property is.
    public let compared: [String]?
    /// The properties that a look needs beside the keys; nil: all.
    public let read: [String]?
}

extension EventQuery {
    /// What is compared, and what is read. A query that names properties of TargetInstance or PreviousInstance, keys aside, is about changes of
    /// those; one that names none is about all changes.
    /// - Parameter target: the class whose instances are polled, resolved.
    public func polledProperties(of target: CIMClass) -> PolledProperties {
        var named = CIMNameSet()
        var names: [String] = []
        var isWhole = false
        func add(_ name: String) {
            guard target.property(named: name) != nil, !target.keyNames.contains(where: { CIMName.equal($0, name) }), named.insert(name)
            else {
                return
            }
            names.append(name)
        }
        func addPath(_ path: PropertyPath) {
            guard Self.objects.contains(path.first) else { return }
            if let inner = path.names.dropFirst().first { add(inner.text) } else { isWhole = true }
        }
        for leaf in condition?.leaves ?? [] {
            if let name = inner(leaf.property, leaf.steps) { add(name) }
            if case .compareProperty(_, let property, let steps, _) = leaf.test, let name = inner(property, steps) { add(name) }
        }
        switch query.list {
        case .all: isWhole = true
        case .properties(let paths): for path in paths { addPath(path) }
        }
        let compared = names.isEmpty ? nil : names
        for path in query.grouping?.properties ?? [] { addPath(path) }
        return PolledProperties(compared: compared, read: isWhole || compared == nil ? nil : names)
    }

    private static let objects: [CIMName] = ["TargetInstance", "PreviousInstance"]

    /// The property of an object in the event at which a condition looks.
    private func inner(_ property: Int, _ steps: [CheckedCondition.Step]) -> String? {
        guard Self.objects.contains(CIMName(conditionProperties[property])), case .property(let name)? = steps.first else { return nil }
        return name
    }
}

extension CheckedCondition {
    fileprivate var leaves: [Leaf] {
        switch self {
        case .all(let conditions), .any(let conditions): conditions.flatMap(\.leaves)
        case .leaf(let leaf): [leaf]
        }
    }
}
