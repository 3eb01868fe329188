import CIM
import DBus

/// A class of events that a service's signal is.
public struct AdoptedEvent: Sendable {
    /// As a class whose objects are rows: the arguments of the signal are the columns.
    public let adopted: AdoptedClass
    public let context: EventContext

    public var name: String { adopted.name }

    /// The superclass that every such class has above it, where nobody knows more of it.
    static let base: CIMClass = {
        var base = CIMClass(name: "__ExtrinsicEvent")
        base.properties = [
            CIMProperty(name: "SECURITY_DESCRIPTOR", type: CIMTypeReference(.uint8, isArray: true)),
            CIMProperty(name: "TIME_CREATED", type: CIMTypeReference(.uint64)),
        ]
        return base
    }()
}

extension AdoptedClasses {
    /// What the provider of the classes may raise: an EventQueryList.
    public var eventQueries: [String] {
        var queries: [String] = []
        for adopted in classes.values.sorted(by: { $0.name < $1.name }) {
            let own = adopted.context.signals?.eventClasses ?? []
            // What is said of a superclass is said of it.
            let parent = parent(of: adopted.declaration).flatMap { self[$0.name]?.context.signals?.eventClasses } ?? []
            for event in own where !parent.contains(event) {
                queries.append("SELECT * FROM \(event) WHERE TargetInstance ISA '\(adopted.name)'")
            }
        }
        return queries + events.values.map(\.name).sorted().map { "SELECT * FROM \($0)" }
    }
}
