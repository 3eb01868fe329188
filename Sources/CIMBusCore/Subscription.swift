import CIM

/// What a subscription has beside its operation (Semantics J.2).
public struct Subscription: Sendable {
    /// What becomes of a subscription's events.
    public struct Terms: Hashable, Sendable, Codable {
        /// How long after its first event a group is reported; nil: each event is reported by itself.
        public var window: Microseconds?
        /// Whether only providers have such events: if each of those asked denies them, the subscription is refused.
        public var isOfProviders: Bool
        /// The most bytes that may wait for the subscriber, where that is less than what any may have.
        public var queueBytes: Int?

        public init(window: Microseconds? = nil, isOfProviders: Bool = false, queueBytes: Int? = nil) {
            self.window = window
            self.isOfProviders = isOfProviders
            self.queueBytes = queueBytes
        }
    }

    /// Events of one group, since the first of them.
    struct Group: Hashable, Sendable {
        var first: EventQueue.Event
        var count: UInt32
        var ends: Microseconds
    }

    public let terms: Terms
    /// The number by which providers know the query.
    public let query: UInt32
    var waiting = EventQueue()
    /// Lost since the last batch.
    var lost: UInt64 = 0
    /// Lost since it began.
    public internal(set) var lostInAll: UInt64 = 0
    /// The sources that have events for it, and whether they let it have them.
    var sources: [EventSourceID: EventSource.Access] = [:]
    /// Whether a source has ever let it have events.
    var wasGranted = false
    /// The sources that are told of the query, and have not said that they know it.
    var unheard: Set<EventSourceID> = []
    /// Whether the subscriber was told that every source knows the query; and until when it is not told otherwise.
    var isSettled = false
    var settles: Microseconds?
    var groups: [String: Group] = [:]

    /// A source may say any number.
    mutating func countLost(_ count: UInt64) {
        lost = count < UInt64.max - lost ? lost + count : .max
        lostInAll = count < UInt64.max - lostInAll ? lostInAll + count : .max
    }

    /// Events that wait for the subscriber.
    public var waitingEvents: Int { waiting.count }

    init(_ terms: Terms, query: UInt32) {
        self.terms = terms
        self.query = query
    }

    /// When to look at it again: the next window ends, or it waited for its sources long enough.
    var nextLook: Microseconds? { groups.values.reduce(isSettled ? nil : settles) { min($0 ?? $1.ends, $1.ends) } }
}

/// An event for one subscriber.
public struct Raised: Hashable, Sendable, Codable {
    public var subscription: OperationID
    public var payload: PayloadID
    public var bytes: UInt32
    /// The values by which the subscription groups its events, where it does.
    public var group: String

    public init(_ subscription: OperationID, _ payload: PayloadID, bytes: UInt32, group: String = "") {
        self.subscription = subscription
        self.payload = payload
        self.bytes = bytes
        self.group = group
    }
}

/// A sink into which a provider's process raises events: the provider's own, or one of a part of its events.
public struct EventSource: Sendable {
    /// Whether a subscriber gets the source's events.
    ///
    /// `asked` can become `granted` or `denied`; each of them ends with the subscription or the source.
    public enum Access: Hashable, Sendable {
        case asked
        case granted
        case denied
    }

    public let id: EventSourceID
    public let peer: PeerID
    public let registration: RegistrationID
    /// Whether its provider is asked about each subscriber, and told of queries.
    public let asksAccess: Bool
    public let isTold: Bool
    /// Those who get its events, in the order of their subscriptions.
    public internal(set) var listeners: Set<OperationID> = []
    /// Those about whom the provider was asked, or which it denied.
    var others: Set<OperationID> = []

    /// Whether anybody listens.
    public var isActive: Bool { !listeners.isEmpty }
}
