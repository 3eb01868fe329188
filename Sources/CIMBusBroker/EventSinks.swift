import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import DBus

/// What the broker knows of a sink into which a provider raises events, and the core does not.
struct EventSinkRecord: Sendable {
    let peer: PeerID
    let registration: RegistrationID
    /// The name of the registration, and where it is.
    let provider: String
    let namespace: CIMNamespaceName
    /// By which way the provider is called.
    let way: Way
    /// The queries to which the sink is restricted; nil: all that the registration says.
    let restriction: [String]?
    /// Where the provider is told of queries, and where it is asked about subscribers; nil: nowhere.
    let told: ObjectPath?
    let asked: ObjectPath?
    /// Which events may be raised into it.
    private(set) var offers: [EventOffer] = []
    private(set) var faults: [String] = []
    /// Who gets what passes it; nil: whoever could subscribe.
    var audience: EventAudience?
    /// Subscribers about whom the provider is to be asked.
    var toAsk: [OperationID] = []
    /// Subscriptions whose queries the provider was told, and may not know yet.
    var toConfirm: [OperationID] = []

    init(
        of registration: Entry<Registration>, at peer: PeerID, in namespace: CIMNamespaceName, by way: Way, told: ObjectPath?,
        asked: ObjectPath?, restriction: [String]? = nil
    ) {
        self.peer = peer
        self.registration = registration.id
        provider = registration.name
        self.namespace = namespace
        self.way = way
        self.told = told
        self.asked = asked
        self.restriction = restriction
    }

    /// What may be raised follows from what is stored.
    mutating func adopt(_ snapshot: SchemaSnapshot) {
        let registered = snapshot.eventOffers(in: namespace)[CIMName(provider)] ?? EventOffers()
        guard let restriction else {
            (offers, faults) = (registered.offers, registered.faults)
            return
        }
        let own = EventOffers(restriction, in: namespace, over: snapshot)
        let (_, classes) = snapshot.surroundings(of: namespace)
        (offers, faults) = ([], own.faults)
        for offer in own.offers {
            let targets = offer.targets.compactMap { classes($0.text) }
            let isCovered =
                targets.isEmpty
                ? registered.cover(offer.declaration, about: nil) : targets.allSatisfy { registered.cover(offer.declaration, about: $0) }
            if isCovered {
                offers.append(offer)
            } else {
                faults.append("\"\(offer.text.clipped(200))\" is not in the EventQueryList of \(provider)")
            }
        }
    }
}

/// The sinks into which providers raise events.
struct EventSinks {
    private(set) var all: [EventSourceID: EventSinkRecord] = [:]
    /// The sink of a registration that is not restricted, by the process that serves it; and the last registration of each process.
    private var whole: [RegistrationID: EventSourceID] = [:]
    private var lastRegistration: [PeerID: RegistrationID] = [:]
    /// The processes that are being asked about a subscriber.
    var asking: Set<EventSourceID> = []

    subscript(id: EventSourceID) -> EventSinkRecord? {
        get { all[id] }
        set { all[id] = newValue }
    }

    mutating func add(_ record: EventSinkRecord, _ id: EventSourceID) {
        all[id] = record
        if record.restriction == nil { whole[record.registration] = id }
    }

    mutating func remove(_ id: EventSourceID) {
        guard let record = all.removeValue(forKey: id) else { return }
        if whole[record.registration] == id { whole[record.registration] = nil }
        asking.remove(id)
    }

    /// The subscription has ended: no provider is asked about it, however long the one before it in line stays unanswered.
    mutating func forget(_ id: OperationID) {
        for source in all.keys {
            all[source]?.toAsk.removeAll { $0 == id }
            all[source]?.toConfirm.removeAll { $0 == id }
        }
    }

    mutating func registered(_ registration: RegistrationID, by peer: PeerID) { lastRegistration[peer] = registration }

    mutating func forget(_ peer: PeerID) { lastRegistration[peer] = nil }

    /// What `GetSink` and `GetService` are about where they do not say it.
    func lastRegistration(of peer: PeerID) -> RegistrationID? { lastRegistration[peer] }

    func sink(of registration: RegistrationID) -> EventSourceID? { whole[registration] }

    mutating func adopt(_ snapshot: SchemaSnapshot) {
        for id in all.keys { all[id]?.adopt(snapshot) }
    }
}
