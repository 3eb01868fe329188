import CIM

/// Tells the groups of GROUP … BY from each other. Values that WQL calls equal are of one group.
public struct EventGrouping: Sendable {
    /// The properties that events have to hand out, in this order.
    public let properties: [String]
    private let steps: [[CheckedCondition.Step]]
    private let reading: Predicate

    init(_ grouped: [TypedProperty], classes: @escaping ClassLookup) {
        properties = grouped.map(\.name)
        steps = grouped.map(\.steps)
        reading = Predicate(nil, properties: [], classes: classes)
    }

    /// The event's group: a text that is the same for all of the group, and for no other.
    public func group(of row: borrowing some QueryRow) -> String {
        var group = ""
        for (index, steps) in steps.enumerated() {
            let text =
                switch reading.reach(steps, from: row.value(at: index)) {
                case .null: "-"
                case .string(let value): "s" + CIMName.folded(value)
                case let value: "v" + value.description
                }
            // The length keeps the values apart, whatever is in them.
            group += "\(text.utf8.count):\(text)"
        }
        return group
    }
}
