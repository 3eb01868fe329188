import CIM
import CIMBusWire
import CIMQuery
import DBus
import Glibc
import Synchronization

/// The query of one who listens, as far as it is understood here.
enum EventFilter: Sendable {
    /// Whatever is raised is sent: the broker filters in any case.
    case everything
    case query(EventQuery, Predicate, BrokerClasses)

    init(_ text: String, _ classes: BrokerClasses) async {
        self = .everything
        guard case .select(let select)? = try? WQLQuery(parsing: text), let declaration = await classes.fetch(select.className.text) else {
            return
        }
        guard
            let query = try? EventQuery(
                select, checkedAgainst: declaration, location: CIMLocation(namespace: classes.namespace), classes: classes.lookup)
        else { return }
        self = .query(query, query.predicate(classes: classes.lookup), classes)
    }

    var takesEverything: Bool { if case .everything = self { true } else { false } }

    /// Whether the one who listens wants the event. What cannot be told here is wanted.
    func wants(_ event: CIMInstance) -> Bool {
        guard case .query(let query, let predicate, let classes) = self else { return true }
        guard let declaration = classes.lookup(event.className), classes.knowsAll(in: event) else { return true }
        return query.isAbout(declaration) && predicate.matches(event)
    }
}

/// The queries of all who listen, by the numbers that the broker has given them.
struct EventFilters: Sendable {
    private var all: [UInt32: EventFilter] = [:]
    /// How many of them take everything.
    private var unread = 0
    /// The others. Made when it is asked for, and forgotten when anything changes.
    private var index: EventIndex<UInt32>?

    var isEmpty: Bool { all.isEmpty }

    var takesEverything: Bool { unread > 0 }

    subscript(id: UInt32) -> EventFilter? {
        get { all[id] }
        set {
            for (filter, change) in [(all[id], -1), (newValue, 1)] where filter?.takesEverything == true { unread += change }
            all[id] = newValue
            index = nil
        }
    }

    /// The same, ready to be asked many times.
    mutating func prepared() -> EventFilters {
        if index == nil {
            var made = EventIndex<UInt32>()
            for case (let id, .query(let query, _, _)) in all { made.insert(id, query) }
            index = made
        }
        return self
    }

    /// Whether anybody wants the event. What cannot be told here is wanted.
    func want(_ event: CIMInstance) -> Bool {
        if takesEverything { return true }
        guard let index else { return all.values.contains { $0.wants(event) } }
        return index.candidates { event[$0] ?? .null }.contains { all[$0]?.wants(event) ?? false }
    }
}

/// The classes of a broker's namespace, as far as a provider of events has needed them.
final class BrokerClasses: Sendable {
    let namespace: CIMNamespaceName
    private let connection: Connection
    private let broker: UniqueName
    /// Nil for one that there is not.
    private let known = Mutex<[CIMName: CIMClass?]>([:])

    private static let most = 1_024

    init(_ connection: Connection, _ broker: UniqueName, _ namespace: CIMNamespaceName) {
        self.connection = connection
        self.broker = broker
        self.namespace = namespace
    }

    var lookup: ClassLookup { { [self] name in known.withLock { $0[CIMName(name)] ?? nil } } }

    /// Fetches the classes of an event and of the objects in it that are not known yet.
    func learn(_ event: CIMInstance) async {
        for name in Self.names(in: event) { _ = await fetch(name) }
    }

    func knowsAll(in event: CIMInstance) -> Bool { Self.names(in: event).allSatisfy { lookup($0) != nil } }

    private static func names(in event: CIMInstance) -> [String] {
        [event.className]
            + event.properties.compactMap { property in if case .object(let object) = property.value { object.className } else { nil } }
    }

    func fetch(_ name: String) async -> CIMClass? {
        if let known = known.withLock({ $0[CIMName(name)] }) { return known }
        let question = try? Message.methodCall(
            destination: BusName(broker), path: Contract.path(of: namespace), interface: Contract.services,
            member: MemberName(verified: "GetObject"), values: [.string(name), .int32(0), .dictionary([])])
        guard let question, let reply = try? await connection.call(question, timeout: .seconds(10)) else { return nil }
        var reader = reply.reader
        let found = reply.hasSignature("a{sv}") ? try? reader.readClass() : nil
        known.withLock { known in
            // To ask once more costs less than to keep what nobody needs.
            if known.count >= Self.most { known = [:] }
            known[CIMName(name)] = .some(found)
        }
        return found
    }
}

extension CIMInstance {
    /// TIME_CREATED of an event that is made now: 100 ns since 1601, UTC.
    static var timeCreated: CIMValue {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return .uint64(UInt64(max(0, time.tv_sec) + 11_644_473_600) * 10_000_000 + UInt64(time.tv_nsec) / 100)
    }

    /// An event that does not say when it was made was made now. The time stands first, as in its class.
    mutating func stamp(_ now: CIMValue) {
        switch self["TIME_CREATED"] {
        case nil: properties.insert(Property(name: "TIME_CREATED", value: now), at: 0)
        case .null?: self["TIME_CREATED"] = now
        default: break
        }
    }
}
