/// Values of objects that did not fit their properties, and became NULL: real systems send dates that are none, and one such value must not
/// cost all objects of an enumeration.
public struct LostValues: Sendable {
    /// How many there were.
    public private(set) var count = 0
    /// What was wrong with the first of each property, which is named with its class.
    public private(set) var reasons: [(property: String, reason: String)] = []

    public var isEmpty: Bool { count == 0 }

    mutating func add(_ property: String, _ fault: ObjectFault) {
        count += 1
        guard !reasons.contains(where: { $0.property == property }) else { return }
        reasons.append((property, fault.description))
    }
}
