import CIM
import CIMBusWire
import DBus

/// What comes to a subscriber: an event, or word that some are missing.
public enum EventNotice: Hashable, Sendable {
    case event(CIMInstance)
    /// Events are missing here, between what came before and what comes next.
    case gap(EventGap)

    /// The event, where it is one.
    public var event: CIMInstance? { if case .event(let event) = self { event } else { nil } }
}

/// Why events are missing.
public enum EventGap: Hashable, Sendable, CustomStringConvertible {
    /// The subscriber took its events too slowly, or their source lost some before it could raise them: at most so many are missing.
    case lost(UInt64)
    /// The broker was away. Whatever was raised meanwhile is missing, and nobody knows how much that is.
    case brokerRestarted

    public var description: String {
        switch self {
        case .lost(let count): "\(count) events were lost: they came faster than they were taken"
        case .brokerRestarted: "the broker was away; what was raised meanwhile is missing"
        }
    }
}

/// Events, as they are raised. `for try await notice in session.events("SELECT * FROM Site_Alarm")`
///
/// A subscription has no end of its own. The sequence throws why it ended: AccessDenied, a query that is none, a class that is gone. When the broker
/// leaves the bus, the sequence waits for the next one, subscribes again, and says so by ``EventGap/brokerRestarted``. A loop that is slower than the
/// events loses the oldest of them, and hears how many by ``EventGap/lost(_:)``; nobody else loses any. Leaving the loop, cancelling its task, calling
/// ``cancel()`` or dropping the sequence ends the subscription. One task can iterate the sequence, once.
public struct EventSequence: AsyncSequence, Sendable {
    public typealias Element = EventNotice
    public typealias Failure = CIMError

    private let subscription: EventSubscription

    init(_ subscription: EventSubscription) { self.subscription = subscription }

    /// Ends the subscription. The loop ends without an error.
    public func cancel() { subscription.cancel() }

    /// Waits until the broker has accepted the subscription, and every source that there is knows of it: what is raised afterwards comes. A source that
    /// does not answer is waited for 2 s. Throws why the subscription was refused, or has ended.
    public func subscribed() async throws(CIMError) { try await subscription.current.sink.reported() }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private let subscription: EventSubscription
        private let lifetime: EventSubscription.Lifetime
        private var decoder = InstanceDecoder(expectedClass: "")
        private var notices: [EventNotice] = []
        private var index = 0
        /// Whether the subscription was renewed, and no event has come since: a broker that keeps nothing gets the classes of providers later.
        private var isFresh = false
        private var pause = EventSubscription.firstPause

        fileprivate init(_ subscription: EventSubscription) {
            self.subscription = subscription
            lifetime = EventSubscription.Lifetime(subscription)
        }

        public mutating func next() async throws(CIMError) -> EventNotice? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CIMError) -> EventNotice? {
            while index >= notices.count {
                guard let batch = try await nextBatch(isolation: actor) else { return nil }
                notices = batch
                index = 0
            }
            defer { index += 1 }
            return notices[index]
        }

        private mutating func nextBatch(isolation actor: isolated (any Actor)?) async throws(CIMError) -> [EventNotice]? {
            while true {
                switch await subscription.current.sink.take() {
                case .batch(let message):
                    isFresh = false
                    let events = try await subscription.session.decode(&decoder, what: "an event") { try $0.readInstances(message) }
                    return events.flatMap(Self.notices)
                case .ended(.success): return nil
                case .ended(.failure(let error)):
                    if subscription.isCancelled { return nil }
                    let isMissing = isFresh && [.invalidClass, .invalidNamespace].contains(error.status)
                    guard isMissing || error.status.endsWithBroker else { throw error }
                    if isMissing {
                        try? await Task.sleep(for: pause)
                        pause = Swift.min(pause * 2, EventSubscription.longestPause)
                    }
                    guard try await subscription.renew() else { return nil }
                    if isMissing { continue }
                    (isFresh, pause) = (true, EventSubscription.firstPause)
                    decoder = InstanceDecoder(expectedClass: "")
                    return [.gap(.brokerRestarted)]
                case .nothing: continue
                }
            }
        }

        private static func notices(_ event: CIMInstance) -> [EventNotice] {
            var event = event
            guard let lost = event.takeEventsLost() else { return [.event(event)] }
            return [.gap(.lost(lost)), .event(event)]
        }
    }
}

extension CIMInstance {
    /// How many events were lost before this one; nil where the broker says of none. The property is gone from the event afterwards.
    mutating func takeEventsLost() -> UInt64? {
        guard let lost = self[Contract.numberOfEventsLost]?.uint64Value else { return nil }
        properties.removeAll { CIMName.equal($0.name, Contract.numberOfEventsLost) }
        return lost
    }
}

extension WBEMStatus {
    /// Whether an operation ends so because the broker has gone: another may come.
    fileprivate var endsWithBroker: Bool { self == .transportFailure || self == .shuttingDown }
}

extension Session {
    /// Subscribes to events (ExecNotificationQuery; Semantics J).
    /// - Parameter query: an event query, such as `SELECT * FROM Site_Alarm WHERE Level > 4`.
    public func events(_ query: String, options: OperationOptions = OperationOptions()) -> EventSequence {
        EventSequence(EventSubscription(self, query, options))
    }

    /// Subscribes with callbacks: `onNotice` for each event and each gap, then `completion` exactly once, with nil after ``Subscription/cancel()``.
    /// The calls come one after the other, from no particular thread. A slow callback loses events of its own.
    @discardableResult
    public func subscribe(
        _ query: String, options: OperationOptions = OperationOptions(), onNotice: @escaping @Sendable (EventNotice) -> Void,
        completion: @escaping @Sendable (CIMError?) -> Void
    ) -> Subscription {
        let subscription = EventSubscription(self, query, options)
        Task {
            do throws(CIMError) {
                for try await notice in EventSequence(subscription) {
                    // The client may cancel from within a callback.
                    if subscription.isCancelled { break }
                    onNotice(notice)
                }
                completion(nil)
            } catch {
                completion(error)
            }
        }
        return Subscription(subscription)
    }

    /// Who would raise the events of a query, and what would be polled. Nothing is subscribed to.
    public func explainEvents(_ query: String, options: OperationOptions = OperationOptions()) async throws(CIMError) -> [String] {
        var options = options
        options.context[ContextKey.explain] = .boolean(true)
        var lines: [String] = []
        for try await plan in InstanceSequence(Operation(start(.execNotificationQuery(query, options))), .queried(self)) {
            lines += plan["Lines"]?.stringArrayValue ?? []
        }
        return lines
    }
}

/// A subscription with callbacks.
public struct Subscription: Sendable {
    private let subscription: EventSubscription

    init(_ subscription: EventSubscription) { self.subscription = subscription }

    /// Ends it. A callback that runs now is the last but for `completion`.
    public func cancel() { subscription.cancel() }

    /// See ``EventSequence/subscribed()``.
    public func subscribed() async throws(CIMError) { try await subscription.current.sink.reported() }
}
