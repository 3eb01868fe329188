import CIM
import CIMBusWire
import DBus
import Synchronization

/// Where a provider raises events (`IWbemEventSink`; Semantics J.3).
///
/// A provider makes one, gives it to its service (``ProviderService/Options-swift.struct/events``), and raises events from anywhere, at any time. The sink
/// holds the queries of those who listen. An event that nobody wants is dropped here at once, and nothing of it is sent. While no broker is there,
/// nobody listens.
///
/// ```swift
/// let alarms = EventSink()
/// service.options.events = alarms
/// …
/// if alarms.isActive { try await alarms.indicate(CIMInstance(className: "Site_Alarm", ["Place": "roof"])) }
/// ```
public final class EventSink: Sendable {
    private struct State {
        var link: Link?
        var filters: [UInt32: EventFilter] = [:]
        var wasActive = false
    }

    /// The broker's end of the sink.
    private struct Link: Sendable {
        let connection: Connection
        let broker: UniqueName
        let path: ObjectPath
        let classes: BrokerClasses
    }

    private let state = Mutex(State())
    private let onActivity: (@Sendable (_ isActive: Bool) -> Void)?
    private let accessCheck: (@Sendable (_ query: String, _ userID: UInt32) -> Bool)?

    /// - Parameters:
    ///   - onActivity: called when the first one begins to listen, and when the last one has gone: a source can sleep in between. It comes from the
    ///     connection's loop, and must not block.
    ///   - accessCheck: whether a user may subscribe to such events; nil: whoever has the right Subscribe may. It comes from the loop as well.
    public init(
        onActivity: (@Sendable (_ isActive: Bool) -> Void)? = nil,
        accessCheck: (@Sendable (_ query: String, _ userID: UInt32) -> Bool)? = nil
    ) {
        self.onActivity = onActivity
        self.accessCheck = accessCheck
    }

    /// Whether anybody listens. An event that is raised while nobody does is lost to nobody.
    public var isActive: Bool { state.withLock { $0.link != nil && !$0.filters.isEmpty } }

    /// Raises an event. See ``indicate(_:)-([CIMInstance])``.
    public func indicate(_ event: CIMInstance) async throws(CIMError) { try await indicate([event]) }

    /// Raises events, in this order. What comes back first is that the broker has taken them, and never waits for a subscriber.
    ///
    /// Throws AccessDenied where the provider's EventQueryList does not cover one of them, and InvalidObject and the like where one does not fit its
    /// class; then none of them is raised. Where nobody wants any of them, nothing is sent, and nothing is thrown. Throws TransportFailure when the
    /// broker leaves meanwhile.
    public func indicate(_ events: [CIMInstance]) async throws(CIMError) {
        let (link, filters) = state.withLock { ($0.link, $0.filters) }
        guard let link, !filters.isEmpty else { return }
        let now = CIMInstance.timeCreated
        var wanted: [CIMInstance] = []
        for var event in events {
            // A condition may be about the time.
            if event["TIME_CREATED"]?.isNull ?? true { event["TIME_CREATED"] = now }
            if await isWanted(event, filters, link) { wanted.append(event) }
        }
        if wanted.isEmpty { return }
        let sent = wanted
        do throws(DBusError) {
            let message = try Message.methodCall(
                destination: BusName(link.broker), path: link.path, interface: Contract.eventSink, member: MemberName(verified: "Indicate"),
                flags: .noAutoStart, signature: Signature(verified: "aa{sv}")
            ) { (body) throws(DBusError) in
                let array = body.beginArray(elementAlignment: 4)
                for event in sent { body.append(instance: event) }
                body.endArray(array)
            }
            _ = try await link.connection.call(message)
        } catch {
            throw CIMError(error)
        }
    }

    private func isWanted(_ event: CIMInstance, _ filters: [UInt32: EventFilter], _ link: Link) async -> Bool {
        if filters.values.contains(where: \.takesEverything) { return true }
        // A filter asks for the classes of the event and of what is in it.
        await link.classes.learn(event)
        return filters.values.contains { $0.wants(event) }
    }

    // MARK: - The broker's side, on the loop

    func opened(_ path: ObjectPath, on connection: Connection, _ broker: UniqueName, in namespace: CIMNamespaceName) {
        let classes = BrokerClasses(connection, broker, namespace)
        state.withLock { state in
            state.link = Link(connection: connection, broker: broker, path: path, classes: classes)
            state.filters = [:]
        }
        tellActivity()
    }

    /// The broker is gone, and everybody who listened.
    func closed() {
        state.withLock { state in
            state.link = nil
            state.filters = [:]
        }
        tellActivity()
    }

    func newQuery(_ id: UInt32, _ text: String) {
        let classes = state.withLock { state in
            // Until it is read, everything is sent: the broker filters, too.
            state.filters[id] = .everything
            return state.link?.classes
        }
        tellActivity()
        guard let classes else { return }
        Task {
            let filter = await EventFilter(text, classes)
            state.withLock { state in
                if state.filters[id] != nil, state.link?.classes === classes { state.filters[id] = filter }
            }
        }
    }

    func cancelQuery(_ id: UInt32) {
        state.withLock { $0.filters[id] = nil }
        tellActivity()
    }

    func mayListen(_ query: String, _ userID: UInt32) -> Bool { accessCheck?(query, userID) ?? true }

    private func tellActivity() {
        let change: Bool? = state.withLock { state in
            let isActive = state.link != nil && !state.filters.isEmpty
            guard isActive != state.wasActive else { return nil }
            state.wasActive = isActive
            return isActive
        }
        if let change { onActivity?(change) }
    }
}
