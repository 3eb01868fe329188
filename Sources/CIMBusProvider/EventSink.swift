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
///
/// A source that cannot wait, such as one that reads what the kernel or a service says, calls ``post(_:)-([CIMInstance])`` instead. One that has lost
/// events before it could raise them says how many by ``reportLoss(_:)``.
public final class EventSink: Sendable {
    private struct State {
        var link: Link?
        var filters = EventFilters()
        var texts: [UInt32: String] = [:]
        var wasActive = false
        var outbox = EventOutbox()
        var isSending = false

        mutating func forgetListeners() {
            (filters, texts) = (EventFilters(), [:])
            outbox = EventOutbox()
        }
    }

    /// The broker's end of the sink.
    private struct Link: Sendable {
        let connection: Connection
        let broker: UniqueName
        let path: ObjectPath
        let classes: BrokerClasses
        let log: FailureLog
    }

    private let state = Mutex(State())
    private let onActivity: (@Sendable (_ isActive: Bool) -> Void)?
    private let onQueries: (@Sendable (_ queries: [String]) -> Void)?
    private let accessCheck: (@Sendable (_ query: String, _ userID: UInt32) -> Bool)?

    /// - Parameters:
    ///   - onActivity: called when the first one begins to listen, and when the last one has gone: a source can sleep in between. It comes from the
    ///     connection's loop, and must not block.
    ///   - onQueries: called with the queries of all who listen, each time that there is one more or one fewer: a source can make only what is wanted.
    ///     It comes from the loop as well, in the order of the changes.
    ///   - accessCheck: whether a user may subscribe to such events; nil: whoever has the right Subscribe may. It comes from the loop as well.
    public init(
        onActivity: (@Sendable (_ isActive: Bool) -> Void)? = nil,
        onQueries: (@Sendable (_ queries: [String]) -> Void)? = nil,
        accessCheck: (@Sendable (_ query: String, _ userID: UInt32) -> Bool)? = nil
    ) {
        self.onActivity = onActivity
        self.onQueries = onQueries
        self.accessCheck = accessCheck
    }

    /// Whether anybody listens. An event that is raised while nobody does is lost to nobody.
    public var isActive: Bool { state.withLock { $0.link != nil && !$0.filters.isEmpty } }

    /// The queries of those who listen, in no particular order.
    public var queries: [String] { state.withLock { $0.link == nil ? [] : Array($0.texts.values) } }

    /// Raises an event. See ``indicate(_:)-([CIMInstance])``.
    public func indicate(_ event: CIMInstance) async throws(CIMError) { try await indicate([event]) }

    /// Raises events, in this order. What comes back first is that the broker has taken them, and never waits for a subscriber.
    ///
    /// Throws AccessDenied where the provider's EventQueryList does not cover one of them, and InvalidObject and the like where one does not fit its
    /// class; then none of them is raised. Where nobody wants any of them, nothing is sent, and nothing is thrown. Throws TransportFailure when the
    /// broker leaves meanwhile.
    public func indicate(_ events: [CIMInstance]) async throws(CIMError) {
        let (link, filters) = state.withLock { ($0.link, $0.filters.prepared()) }
        guard let link, !filters.isEmpty else { return }
        let now = CIMInstance.timeCreated
        var wanted: [CIMInstance] = []
        for var event in events {
            // A condition may be about the time.
            event.stamp(now)
            if await isWanted(event, filters, link) { wanted.append(event) }
        }
        if wanted.isEmpty { return }
        let sent = wanted
        try await call(
            link, "Indicate", Signature(verified: "aa{sv}")
        ) { (body) throws(DBusError) in
            let array = body.beginArray(elementAlignment: 4)
            for event in sent { body.append(instance: event) }
            body.endArray(array)
        }
    }

    private func call(
        _ link: Link, _ member: String, _ signature: Signature, _ body: @escaping (inout BodyWriter) throws(DBusError) -> Void
    ) async throws(CIMError) {
        do throws(DBusError) {
            let message = try Message.methodCall(
                destination: BusName(link.broker), path: link.path, interface: Contract.eventSink, member: MemberName(verified: member),
                flags: .noAutoStart, signature: signature, body: body)
            _ = try await link.connection.call(message)
        } catch {
            throw CIMError(error)
        }
    }

    private func isWanted(_ event: CIMInstance, _ filters: EventFilters, _ link: Link) async -> Bool {
        if filters.takesEverything { return true }
        // A filter asks for the classes of the event and of what is in it.
        await link.classes.learn(event)
        return filters.want(event)
    }

    // MARK: - Raising without waiting

    /// Raises an event. See ``post(_:)-([CIMInstance])``.
    public func post(_ event: CIMInstance) { post([event]) }

    /// Raises events, in this order and behind those that were posted before, and returns at once.
    ///
    /// While the broker does not take them 10,000 events or 16 MiB wait. Past that the oldest are lost, and so is an event that the broker refuses.
    /// The subscribers hear how many are lost, as from ``reportLoss(_:)``; a refusal is logged. What waits when the broker leaves is gone.
    public func post(_ events: [CIMInstance]) {
        let now = CIMInstance.timeCreated
        send { outbox in
            for var event in events {
                event.stamp(now)
                outbox.append(event)
            }
        }
    }

    /// The source has lost so many events before it could raise them, behind those that were posted. Each subscriber hears of them with the next event
    /// that it gets, as `__NumberOfEventsLost`.
    public func reportLoss(_ count: UInt64) { send { $0.appendLoss(count) } }

    private func send(_ change: (inout EventOutbox) -> Void) {
        let mustSend = state.withLock { state in
            guard state.link != nil, !state.filters.isEmpty else { return false }
            change(&state.outbox)
            guard !state.isSending, !state.outbox.isEmpty else { return false }
            state.isSending = true
            return true
        }
        if mustSend { Task { await sendPosted() } }
    }

    private func sendPosted() async {
        while true {
            let next = state.withLock { state -> (Link, EventOutbox.Parcel)? in
                if let link = state.link, let parcel = state.outbox.next() { return (link, parcel) }
                state.isSending = false
                return nil
            }
            switch next {
            case (_, .events(let events))?: await sendPosted(events)
            case (let link, .loss(let count))?:
                try? await call(link, "ReportLoss", Signature(verified: "t")) { (body) throws(DBusError) in body.append(uint64: count) }
            case nil: return
            }
        }
    }

    /// Where the broker does not take them together, it may take some.
    private func sendPosted(_ events: [CIMInstance]) async {
        do throws(CIMError) {
            try await indicate(events)
        } catch {
            if error.status == .transportFailure { return }
            if events.count > 1 {
                for event in events { await sendPosted([event]) }
                return
            }
            let log = state.withLock { state in
                state.outbox.appendLoss(1)
                return state.link?.log
            }
            log?.refused("event \(events.first?.className ?? "") is lost", error)
        }
    }

    // MARK: - The broker's side, on the loop

    func opened(
        _ path: ObjectPath, on connection: Connection, _ broker: UniqueName, in namespace: CIMNamespaceName, _ log: FailureLog
    ) {
        let classes = BrokerClasses(connection, broker, namespace)
        state.withLock { state in
            state.link = Link(connection: connection, broker: broker, path: path, classes: classes, log: log)
            state.forgetListeners()
        }
        tellActivity()
        tellQueries()
    }

    /// The broker is gone, and everybody who listened.
    func closed() {
        state.withLock { state in
            state.link = nil
            state.forgetListeners()
        }
        tellActivity()
        tellQueries()
    }

    func newQuery(_ id: UInt32, _ text: String) {
        let classes = state.withLock { state in
            // Until it is read, everything is sent: the broker filters, too.
            state.filters[id] = .everything
            state.texts[id] = text
            return state.link?.classes
        }
        tellActivity()
        tellQueries()
        guard let classes else { return }
        Task {
            let filter = await EventFilter(text, classes)
            state.withLock { state in
                if state.filters[id] != nil, state.link?.classes === classes { state.filters[id] = filter }
            }
        }
    }

    func cancelQuery(_ id: UInt32) {
        state.withLock { state in
            state.filters[id] = nil
            state.texts[id] = nil
        }
        tellActivity()
        tellQueries()
    }

    func mayListen(_ query: String, _ userID: UInt32) -> Bool { accessCheck?(query, userID) ?? true }

    private func tellQueries() {
        if let onQueries { onQueries(queries) }
    }

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
