import CIM
import CIMQuery
import CIMRepository

/// What a registration says about the events that its provider may raise: the queries of its EventQueryList, and what is wrong with others.
struct EventOffers: Sendable {
    var offers: [EventOffer] = []
    /// One line for each query that counts for nothing (Semantics J.3).
    var faults: [String] = []

    init() {}

    init(_ queries: [String], in namespace: CIMNamespaceName, over snapshot: SchemaSnapshot) {
        let (location, classes) = snapshot.surroundings(of: namespace)
        for text in queries {
            do throws(QueryError) {
                offers.append(try EventOffer(text, location: location, classes: classes))
            } catch {
                let name = error.status.name ?? error.status.hex
                faults.append("EventQueryList \"\(text.clipped(200))\" is ignored: \(name), \(error.description.clipped())")
            }
        }
    }

    /// Whether the provider may raise such an event.
    func cover(_ event: CIMClass, about target: CIMClass?) -> Bool { offers.contains { $0.covers(event, about: target) } }
}

extension SchemaSnapshot {
    /// What the registrations of a namespace say about their events, by their names.
    func eventOffers(in namespace: CIMNamespaceName) -> [CIMName: EventOffers] {
        if let known = knownOffers(in: namespace) { return known }
        var all: [CIMName: EventOffers] = [:]
        for definition in schema.providers(in: namespace) where definition.isDecoupled && definition.isEnabled {
            if let queries = definition.eventQueries {
                all[CIMName(definition.name)] = EventOffers(queries, in: namespace, over: self)
            }
        }
        keep(all, in: namespace)
        return all
    }
}
