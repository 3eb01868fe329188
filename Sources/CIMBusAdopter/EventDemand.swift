import CIM
import CIMAdoption
import CIMQuery
import DBus

/// A service on its bus.
struct ServiceKey: Hashable, Sendable {
    var bus: ClassContext.Bus
    var service: BusName
}

/// What somebody wants of one service's signals.
struct ServiceDemand: Hashable, Sendable {
    /// The classes of events that its signals are.
    var events: Set<CIMName> = []
    /// The classes of whose instances it tells.
    var instances: Set<CIMName> = []

    var isEmpty: Bool { events.isEmpty && instances.isEmpty }

    mutating func formUnion(_ other: ServiceDemand) {
        events.formUnion(other.events)
        instances.formUnion(other.instances)
    }
}

/// What a subscriber's query wants of the adopted services.
struct EventDemand: Hashable, Sendable {
    private(set) var services: [ServiceKey: ServiceDemand] = [:]

    init() {}

    /// - Parameter known: classes that the mappings do not have, such as those of intrinsic events. A query that cannot be read without them wants all.
    init(_ text: String, of classes: AdoptedClasses, known: @escaping ClassLookup) {
        let query = Self.query(text) { classes.declarations[CIMName($0)] ?? known($0) }
        let bounds = query?.classBounds()
        for event in classes.events.values {
            guard let query, !query.isAbout(event.adopted.declaration) else {
                services[ServiceKey(bus: event.context.bus, service: event.context.service), default: .init()].events.insert(
                    CIMName(event.name))
                continue
            }
        }
        for adopted in classes.classes.values where !adopted.declaration.isAbstract {
            guard let signals = adopted.context.signals else { continue }
            if let query {
                let isAbout = signals.eventClasses.contains { known($0).map { query.isAbout($0) } ?? true }
                guard isAbout, bounds.map({ Self.isWithin($0, adopted, classes) }) ?? true else { continue }
            }
            services[ServiceKey(bus: adopted.context.bus, service: adopted.context.service), default: .init()].instances
                .insert(CIMName(adopted.name))
        }
    }

    private static func query(_ text: String, _ lookup: @escaping ClassLookup) -> EventQuery? {
        guard case .select(let select)? = try? WQLQuery(parsing: text), let declaration = lookup(select.className.text) else { return nil }
        return try? EventQuery(select, checkedAgainst: declaration, location: CIMLocation(namespace: .cimv2), classes: lookup)
    }

    private static func isWithin(_ bounds: [CIMName], _ adopted: AdoptedClass, _ classes: AdoptedClasses) -> Bool {
        bounds.contains { bound in
            adopted.declaration.isSameOrDerived(from: bound.text)
                || classes.declarations[bound]?.isDerived(from: adopted.name) ?? false
        }
    }

    mutating func formUnion(_ other: EventDemand) {
        for (key, demand) in other.services { services[key, default: .init()].formUnion(demand) }
    }
}
