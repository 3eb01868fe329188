import CIM
import CIMAdoption
import CIMBusProvider
import CIMQuery
import DBus
import Logging
import Synchronization

/// Signals of the adopted services as events. A service is listened to while somebody wants what it tells, and no longer.
public final class AdoptedEvents: Sendable {
    let classes: AdoptedClasses
    let misfits: Misfits
    let logger: Logger
    private let own: BusAddress
    private let known: ClassLookup
    private let prepared: InstanceBuilder
    private let sinkBox = Mutex<EventSink?>(nil)
    private let state = Mutex(State())

    private struct State {
        var listeners: [ServiceKey: ServiceListener] = [:]
        /// What each query wants, by the bytes of its text: a thousand subscribers come one after the other.
        var demands: [[UInt8]: EventDemand] = [:]
    }

    /// The classes of the broker's that are needed to understand what subscribers want.
    static let systemClasses = [
        "__Event", "__ExtrinsicEvent", "__InstanceOperationEvent", "__InstanceCreationEvent", "__InstanceModificationEvent",
        "__InstanceDeletionEvent",
    ]

    /// - Parameters:
    ///   - own: the bus of the broker.
    ///   - known: the broker's classes of events.
    public init(
        _ classes: AdoptedClasses, own: BusAddress, misfits: Misfits, logger: Logger, known: @escaping @Sendable (String) -> CIMClass?
    ) {
        self.classes = classes
        self.own = own
        self.misfits = misfits
        self.logger = logger
        self.known = known
        prepared = InstanceBuilder(classes, misfits)
    }

    /// Where the events go; nil where no mapping has any.
    public func makeSink() -> EventSink? {
        if classes.eventQueries.isEmpty { return nil }
        let sink = EventSink(onQueries: { [self] in demanded($0) })
        sinkBox.withLock { $0 = sink }
        return sink
    }

    /// Makes instances of what a signal says, as of now.
    var builder: InstanceBuilder {
        var builder = prepared
        builder.setTime()
        return builder
    }

    func raise(_ event: CIMInstance) { sinkBox.withLock { $0 }?.post(event) }

    func reportLoss(_ count: UInt64) { sinkBox.withLock { $0 }?.reportLoss(count) }

    func address(of bus: ClassContext.Bus) -> BusAddress {
        switch bus {
        case .own: own
        case .system: .system
        case .session: .session
        }
    }

    private func demanded(_ queries: [String]) {
        state.withLock { state in
            var demands: [[UInt8]: EventDemand] = [:]
            var all = EventDemand()
            for query in queries {
                let text = Array(query.utf8)
                let demand = demands[text] ?? state.demands[text] ?? EventDemand(query, of: classes, known: known)
                demands[text] = demand
                all.formUnion(demand)
            }
            state.demands = demands
            for (key, listener) in state.listeners where all.services[key] == nil {
                listener.want(ServiceDemand())
                state.listeners[key] = nil
            }
            for (key, demand) in all.services {
                let listener = state.listeners[key] ?? ServiceListener(key, self)
                state.listeners[key] = listener
                listener.want(demand)
            }
        }
    }
}

/// Listens to one service, in a task of its own, until nobody wants anything of it.
final class ServiceListener: Sendable {
    private let queue = SignalQueue()
    private let last = Mutex(ServiceDemand())

    init(_ key: ServiceKey, _ events: AdoptedEvents) {
        let queue = queue
        Task {
            let listening = Listening(key, events, queue)
            await listening.run()
        }
    }

    func want(_ demand: ServiceDemand) {
        let isOther = last.withLock { last in
            defer { last = demand }
            return last != demand
        }
        if isOther { queue.want(demand) }
    }
}
