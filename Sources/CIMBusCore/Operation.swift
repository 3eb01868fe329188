import CIM

/// What a client asked for, as far as decisions need it. The broker keeps the arguments themselves.
public struct Request: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case getObject = "GetObject"
        case putInstance = "PutInstance"
        case deleteInstance = "DeleteInstance"
        case createInstanceEnum = "CreateInstanceEnum"
        case execMethod = "ExecMethod"
        case execQuery = "ExecQuery"
        case execNotificationQuery = "ExecNotificationQuery"
        case putClass = "PutClass"
        case deleteClass = "DeleteClass"
        case createClassEnum = "CreateClassEnum"

        /// Whether its result is any number of objects, and not one or none.
        public var isEnumeration: Bool {
            switch self {
            case .createInstanceEnum, .execQuery, .execNotificationQuery, .createClassEnum: true
            case .getObject, .putInstance, .deleteInstance, .execMethod, .putClass, .deleteClass: false
            }
        }

        /// Whether it changes instances or classes.
        public var isWrite: Bool { self == .putInstance || self == .deleteInstance || self == .putClass || self == .deleteClass }
    }

    /// How the result reaches the client (Semantics A.1).
    public enum Form: Hashable, Sendable, Codable {
        /// The reply to the call is the result.
        case sync
        /// The broker owns the sink and the client pulls.
        case semisync
        /// The client's own sink.
        case async(sink: String)
        /// The broker itself takes the objects: a part of an operation that it conducts.
        case part
    }

    /// Who answers.
    public enum Target: Hashable, Sendable, Codable {
        /// This provider.
        case provider(RegistrationID)
        /// The broker itself, with an object or with a failure that belongs in the sink (A.5: "reported through the sink").
        case broker(Outcome, answer: Batch?)
        /// The broker conducts it: it asks providers in parts (``BrokerCore/beginPart(of:kind:target:at:)``) and its own repository, supplies
        /// the objects, and says how it ended.
        case conducted
        /// Nobody: it subscribes to events (``BrokerCore/raise(_:from:)``), and has no end of its own.
        /// - Parameter terms: what becomes of the events.
        case events(terms: Subscription.Terms)

        /// The provider's.
        var registration: RegistrationID? { if case .provider(let id) = self { id } else { nil } }

        /// Whether the broker asks providers for it.
        var hasParts: Bool { isConducted || isOfEvents }

        var isConducted: Bool { if case .conducted = self { true } else { false } }

        var isOfEvents: Bool { if case .events = self { true } else { false } }
    }

    public var client: PeerID
    public var kind: Kind
    public var form: Form
    public var target: Target
    /// `WBEM_FLAG_SEND_STATUS`.
    public var wantsProgress: Bool
    /// `WBEM_FLAG_OWNER_UPDATE`: a push provider may write while it is read (Semantics E.4).
    public var updatesAsOwner: Bool
    /// The client's own deadline, relative (`__TIMEOUT_USEC`).
    public var timeout: Microseconds?
    /// What the context claims to be nested in (`__OPERATION`). Believed only from a holder (L12).
    public var parent: OperationID?
    /// The bytes of the instance of a put, or of a method's in parameters.
    public var inputBytes: Int

    public init(
        client: PeerID, kind: Kind, form: Form, target: Target, wantsProgress: Bool = false, updatesAsOwner: Bool = false,
        timeout: Microseconds? = nil, parent: OperationID? = nil, inputBytes: Int = 0
    ) {
        self.client = client
        self.kind = kind
        self.form = form
        self.target = target
        self.wantsProgress = wantsProgress
        self.updatesAsOwner = updatesAsOwner
        self.timeout = timeout
        self.parent = parent
        self.inputBytes = inputBytes
    }
}

/// A batch of objects as the core sees it: an id, and how large each object is.
public struct Batch: Hashable, Sendable, Codable {
    public var payload: PayloadID
    /// Bytes of each object, in order.
    public var sizes: [UInt32]
    public var bytes: Int
    /// How many `Indicate` calls it takes to hand it to a client's sink; each is one batch for the client to acknowledge.
    public var parts: Int

    public init(_ payload: PayloadID, sizes: [UInt32], parts: Int = 1) {
        self.payload = payload
        self.sizes = sizes
        self.parts = max(1, parts)
        bytes = sizes.reduce(0) { $0 + Int($1) }
    }
}

/// One client request, from its admission to its one end (L1).
public struct Operation: Sendable {
    /// How far it is. Every operation begins queued, and every end passes statusSeen and ended, however short the time; an operation whose client
    /// leaves is gone from wherever it is.
    public enum State: String, Hashable, Sendable, Charted {
        /// Nobody works on it: it waits for a call slot at its provider, or for its provider. Can transition to: running; statusSeen, when it ends
        /// without a call; gone.
        case queued
        /// The provider has its call, or its conductor has it. Can transition to: statusSeen; gone.
        case running
        /// The result is known; references, or objects a slow client has not taken yet, may hold the end back (L4). Can transition to: ended; gone.
        case statusSeen = "status-seen"
        /// The final status is out. A semisynchronous operation stays in this state until its results expire, any other is gone at once. Can
        /// transition to: gone.
        case ended

        var place: Int {
            switch self {
            case .queued: 1
            case .running: 2
            case .statusSeen: 3
            case .ended: 4
            }
        }

        static let chart: Steps<State> = [
            nil: [.queued], .queued: [.running, .statusSeen, nil], .running: [.statusSeen, nil], .statusSeen: [.ended, nil], .ended: [nil],
        ]
    }

    public let id: OperationID
    public let request: Request
    public let startedAt: Microseconds
    /// The operation it is nested in, and how deep (L12).
    public let parent: OperationID?
    public let depth: Int
    /// The user of the outermost client: who is charged, and `__ORIGIN_UID`.
    public let origin: UInt32
    public let deadline: Microseconds?
    /// Whether it was asked for by a provider in a call of its own, so that it is never queued behind that (L12).
    let isNested: Bool
    public internal(set) var state: State
    /// The registration that is asked: of one that each user has for themselves, the caller's.
    public internal(set) var registration: RegistrationID?
    /// The registration whose process it waits for.
    var awaited: RegistrationID?
    /// What its client sent, until a provider is called.
    var input: QuotaLedger.Place?
    /// The open provider call, if there is one.
    public internal(set) var leg: SinkID?
    public internal(set) var children: Set<OperationID> = []
    /// Decided, and perhaps not delivered yet.
    public internal(set) var outcome: Outcome?
    /// What is to be done with what its parts say, if it has parts.
    public internal(set) var join: Join?
    /// Which part of its whole's join it is.
    public let index: Int?
    /// The parts that are asked and have handed out objects.
    var begun: [Int] = []
    /// When its conductor last did something, if it has one.
    var conductedAt: Microseconds?
    var delivery = Delivery()
    var pulls: [Pull] = []
    /// When an ended semisynchronous operation's results go, the user they are charged to, and whether its client has seen the end of them.
    var expires: Microseconds?
    var keptFor: UInt32?
    var isRead = false
    /// Nested operations that ended before this one, and whose results are kept: they go with it (L12).
    var results: Set<OperationID> = []

    /// Whether it is a part that the broker conducts itself: a step on the way that nobody outside sees.
    public var isStep: Bool { request.form == .part && request.target.isConducted }

    /// Whether there is a place for objects: those of a put and a delete are for a sink, and no other form has one for them (R61, R135).
    static func takesObjects(_ kind: Request.Kind, _ form: Request.Form) -> Bool {
        guard kind.isWrite else { return true }
        return switch form {
        case .async, .part: true
        case .sync, .semisync: false
        }
    }

    /// Whose failure it would be.
    var asked: RegistrationID? { registration ?? request.target.registration }

    /// Objects handed to the client so far.
    public var objectsDelivered: Int { delivery.objects }
    public var deliveredBytes: Int { delivery.bytes }
    /// Bytes of objects that wait to be pulled.
    public var bufferedBytes: Int { request.form == .semisync ? delivery.outstanding : 0 }
}

/// A client's call that waits for the result of a semisynchronous operation.
struct Pull: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case next(Int)
        case skip(Int)
        case result
    }

    var call: CallID
    var kind: Kind
    var deadline: Microseconds
}

/// The way from a provider's batches to the client, with its window (Design 3, flow control).
struct Delivery: Hashable, Sendable {
    /// A batch that was accepted and not handed over; its provider waits for the credit.
    struct Waiting: Hashable, Sendable {
        var batch: Batch
        var call: CallID?
        var sink: SinkID?
        var peer: PeerID?
        /// The part that it came from, which may hand over another once this one is.
        var part: OperationID?
        /// Of a subscription: the events of which the batch consists, and how many were lost before the first of them.
        var events: [PayloadID] = []
        var lost: UInt64 = 0

        /// What stands for its objects.
        var payloads: [PayloadID] { events.isEmpty ? [batch.payload] : events }
    }

    /// Whose line the operation stands in, and since when.
    struct Turn: Hashable, Sendable {
        var uid: UInt32
        var since: Microseconds
    }

    /// What a pulled batch has left.
    struct Buffered: Hashable, Sendable {
        var sizes: ArraySlice<UInt32>
    }

    var queue: [Waiting] = []
    /// Asynchronous: handed over and not acknowledged.
    var unacknowledged: [Int] = []
    /// Semisynchronous: not pulled. Synchronous: gathered for the reply.
    var buffered: [Buffered] = []
    /// Bytes of `unacknowledged` or `buffered`.
    var outstanding = 0
    /// Since when the window has been closed, or the user's credit used up; ``BrokerCore/waitsSince(_:)`` knows what came back since.
    var blockedSince: Microseconds?
    /// Its place in the line for its user's credit, if it has one.
    var turn: Turn?
    var objects = 0
    var bytes = 0
    /// The newest progress report that the client cannot be sent yet, and what it had been sent when the last one went out.
    var progress: Progress?
    var progressMark: Int?

    /// What is looked at before the first batch of the queue goes on; nil: there is none.
    var next: (waiting: Waiting, outstanding: Int, unacknowledged: Int, wasBlocked: Bool)? {
        queue.first.map { ($0, outstanding, unacknowledged.count, blockedSince != nil) }
    }

    /// The first batch of the queue is the client's, or its reply's, from now on.
    mutating func handedOver(_ batch: Batch) {
        queue.removeFirst()
        outstanding += batch.bytes
        objects += batch.sizes.count
        bytes += batch.bytes
        blockedSince = nil
    }

    /// What is kept for a reply, or for `Next`, goes.
    /// - Returns: its bytes.
    mutating func dropBuffer() -> Int {
        buffered = []
        defer { outstanding = 0 }
        return outstanding
    }

    /// Objects that a `Next` could have now, and how many of at most `count` fit in `bytes` (always one).
    func available(_ count: Int, within bytes: Int) -> (objects: Int, bytes: Int, full: Bool) {
        var objects = 0
        var used = 0
        for batch in buffered {
            for size in batch.sizes {
                if objects == count { return (objects, used, true) }
                if objects > 0, used + Int(size) > bytes { return (objects, used, true) }
                objects += 1
                used += Int(size)
            }
        }
        return (objects, used, objects == count)
    }

    /// Takes `count` objects off the front of the buffer.
    mutating func take(_ count: Int) {
        var left = count
        var emptied = 0
        for index in buffered.indices where left > 0 {
            let taken = min(left, buffered[index].sizes.count)
            outstanding -= buffered[index].sizes.prefix(taken).reduce(0) { $0 + Int($1) }
            buffered[index].sizes = buffered[index].sizes.dropFirst(taken)
            left -= taken
            if buffered[index].sizes.isEmpty { emptied += 1 }
        }
        buffered.removeFirst(emptied)
    }
}
