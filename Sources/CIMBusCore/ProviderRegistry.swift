import CIM

/// A provider's registration: the definition stays, the process behind it comes and goes.
public struct Registration: Sendable {
    public enum State: String, Hashable, Sendable {
        case running, suspended, unresponsive, absent
        /// It answers pings and other calls, and has left calls unanswered.
        case losingReplies = "losing-replies"
    }

    /// The numbers `org.cimbus1.Registration.Counters` shows.
    public struct Counters: Hashable, Sendable {
        public var operations: UInt64 = 0
        public var objects: UInt64 = 0
        public var failures: UInt64 = 0
        public var vanished: UInt64 = 0
        public var leaks: UInt64 = 0
        public var violations: UInt64 = 0
        /// Those of peers that have no part in the sink and serve nothing; of no registration.
        public var strangersViolations: UInt64 = 0
        public var cancelled: UInt64 = 0
        /// Calls that it left unanswered though it answered others (``Limits/lostReply``).
        public var lostReplies: UInt64 = 0
        /// Values that did not fit their properties, and went on as NULL.
        public var lostValues: UInt64 = 0
        /// Events for subscribers, counted for each, and those of them that subscribers lost.
        public var events: UInt64 = 0
        public var lostEvents: UInt64 = 0

        public init() {}
    }

    /// An operation that counts as a failure, or a call that the provider lost.
    public struct Failure: Hashable, Sendable {
        public var status: WBEMStatus
        public var kind: Request.Kind
        /// Nil: the provider said so itself.
        public var explanation: Explanation?
    }

    public let id: RegistrationID
    public let name: String
    public let namespace: String
    /// Whose calls it serves, where each user has a process of their own; nil: everybody's (Semantics D.1).
    public let user: UInt32?
    /// What its definition says.
    public internal(set) var terms = Terms()
    /// The process that serves it now.
    public internal(set) var peer: PeerID?
    /// Whether that is called by its private connection.
    var isPrivate = false
    public internal(set) var uid: UInt32
    public internal(set) var pid: UInt32?
    public internal(set) var isSuspended = false
    public internal(set) var silence: Microseconds
    public internal(set) var ping: Microseconds
    public internal(set) var counters = Counters()
    /// What went wrong last, in whichever way.
    public internal(set) var lastFailure: Failure?
    public internal(set) var open: Set<SinkID> = []
    /// How many calls its process has lost (``Limits/lostReply``), by kind.
    public internal(set) var lost: [Request.Kind: Int] = [:]
    public internal(set) var calls = Calls()
    /// How it gets a process, while it has none.
    public internal(set) var activation = Activation.idle
    /// Starts that failed since one succeeded, or since it registered without being started.
    var failedStarts = 0
    /// Whether somebody listens for events that its provider has: then it is started, and not only for calls.
    public internal(set) var isWanted = false
    /// When the process that was started registered; nil: it was not, or its start is a success already.
    var startedAt: Microseconds?
    /// Operations that wait for it to register.
    var waiting: Set<OperationID> = []

    /// Whether the broker can start it. A process that a name on the bus starts is everybody's, so that no single user's can be.
    public var isStartable: Bool { terms.busName != nil && user == nil && !terms.isPerUser }
}

/// Who serves what. Names compare without case, as all of CIM's do.
public struct ProviderRegistry: Sendable {
    struct Key: Hashable, Sendable {
        var namespace: String
        var name: CIMName
        var user: UInt32?
    }

    private(set) var byID = Table<RegistrationID, Registration>()
    private var byName: [Key: RegistrationID] = [:]
    private var last: UInt64 = 0

    public init() {}

    public var all: TableValues<Registration> { byID.values }

    public var count: Int { byID.count }

    /// - Parameter user: of a registration for one user alone.
    public func find(namespace: String, name: String, user: UInt32? = nil) -> Entry<Registration>? {
        byName[Key(namespace: namespace, name: CIMName(name), user: user)].flatMap { byID[$0] }
    }

    public func find(_ id: RegistrationID) -> Entry<Registration>? { byID[id] }

    subscript(_ id: RegistrationID) -> Entry<Registration>? {
        get { byID[id] }
        _modify { yield &byID[id] }
    }

    /// A definition for a name that has none.
    mutating func define(namespace: String, name: String, user: UInt32?, uid: UInt32) -> RegistrationID {
        last += 1
        let id = RegistrationID(last)
        byID[id] = Entry(Registration(id: id, name: name, namespace: namespace, user: user, uid: uid, silence: 0, ping: 0))
        byName[Key(namespace: namespace, name: CIMName(name), user: user)] = id
        return id
    }

    mutating func remove(_ id: RegistrationID) {
        guard let known = byID.removeValue(forKey: id) else { return }
        byName[Key(namespace: known.namespace, name: CIMName(known.name), user: known.user)] = nil
    }

    func definitions(of uid: UInt32) -> Int { byID.values.reduce(0) { $0 + ($1.uid == uid ? 1 : 0) } }
}
