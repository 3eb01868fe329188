/// What the core knows about one process on a connection: whose it is, what it holds, what it is owed.
public struct Peer: Sendable {
    /// Whether it answers. It can vanish from each of these.
    public enum Liveness: Hashable, Sendable, Charted {
        /// Can transition to: asked, unresponsive.
        case responsive
        /// Left a call unanswered that nobody waits for any more; asked by a ping, and new calls wait until it says anything. Can transition to:
        /// responsive, unresponsive.
        case asked
        /// Missed a ping. Can transition to: responsive, as soon as it says anything.
        case unresponsive

        var place: Int {
            switch self {
            case .responsive: 1
            case .asked: 2
            case .unresponsive: 3
            }
        }

        static let chart: Steps<Liveness> = [
            nil: [.responsive], .responsive: [.asked, .unresponsive, nil], .asked: [.responsive, .unresponsive, nil],
            .unresponsive: [.responsive, nil],
        ]
    }

    /// Whether it may have something to say to a sink: it serves, or was given references.
    public var mayUseSinks: Bool { !registrations.isEmpty || !sinks.isEmpty }

    public let id: PeerID
    public let uid: UInt32
    public let pid: UInt32?
    /// Sinks on which it has, or had, references. Death empties them.
    var sinks: Set<SinkID> = []
    /// Operations it asked for, finished results included.
    var operations: Set<OperationID> = []
    /// Those of them with a report of progress that it has not been sent yet.
    var reported: Set<OperationID> = []
    /// Its sink paths in use: one open operation each (L1).
    var clientSinks: [String: OperationID] = [:]
    public internal(set) var registrations: Set<RegistrationID> = []
    /// `Indicate` calls it has unanswered.
    var indicates = 0
    /// Calls of its own that wait for the broker: while there are any, a missed ping proves nothing (L8).
    var owed = 0
    /// When anything was last heard from it, and when the outstanding ping was sent.
    var heard: Microseconds
    var pingedAt: Microseconds?
    /// Since when the bus has been asked whether it is behind with its work, before a missed ping counts.
    var probedAt: Microseconds?
    /// Whether anything came or went by the bus since it was pinged there last: what has a private connection alone is pinged by that, and the
    /// bus, which counts what is unanswered, has no part in it.
    public internal(set) var usesBus = true
    /// Whether the outstanding ping counts among those that may be unanswered on the bus.
    var pingIsCounted = false
    /// A ping is due that found no room among the outstanding ones.
    var wantsPing = false
    /// It is vanishing in this very event; nothing is sent to it any more.
    var isGone = false
    public internal(set) var liveness = Liveness.responsive
    var reads = ReadMark()
    /// Whether it may have something to read, and was not asked since whether it has.
    var isUnasked = false
    /// When its own reading gave credit back while operations of its user stood in line, and when anybody's of its user did last before it had
    /// something to read (``BrokerCore/waitsSince(_:)``).
    var creditedAt = Microseconds.min
    var creditedBesides = Microseconds.min
    var pace = Pace()
    var calls = PeerCalls()

    /// It was sent a call for `sink`. Of what was not asked anything before, the quiet begins only now.
    mutating func wasCalled(_ sink: SinkID, at moment: Microseconds) {
        if sinks.isEmpty, pingedAt == nil { heard = max(heard, moment) }
        sinks.insert(sink)
    }

    /// It said something.
    /// - Returns: whose it is, whether it seemed to be there before, and what it has read by that.
    mutating func spoke(at moment: Microseconds) -> (uid: UInt32, liveness: Liveness, read: Int) {
        heard = moment
        return (uid, liveness, readBySpeaking())
    }

    /// What it has read by saying something, in bytes: all it was sent, if no call of its own waits for an answer and it was not seen to send
    /// without waiting for answers. One that makes blocking calls and nothing else never gets to answer a ping.
    mutating func readBySpeaking() -> Int {
        guard owed == 0, pace.waitsForAnswers, reads.unread > reads.promised else { return 0 }
        let read = reads.unread - reads.promised
        reads.read += read
        return read
    }
}

/// The calls to one provider process that are not simply under way.
struct PeerCalls: Sendable {
    /// Unanswered, and nobody waits for them any more. True: the call has been told of as lost.
    var abandoned: [SinkID: Bool] = [:]
    /// Legs that wait for a slot, in order: plain ones by the user that they are charged to, and nested ones, which no plain one holds up (L12).
    private var lines: [UInt32: WaitingLine<SinkID>] = [:]
    private var users: [SinkID: UInt32] = [:]
    private var nested = WaitingLine<SinkID>()

    var isWaiting: Bool { !lines.isEmpty || !nested.isEmpty }

    /// Whether a plain one waits that is charged to another user.
    func isWaiting(besides uid: UInt32) -> Bool { lines.count > (lines[uid] == nil ? 0 : 1) }

    /// How many plain ones of this user wait.
    func waits(of uid: UInt32) -> Int { lines[uid]?.count ?? 0 }

    /// How many wait for a slot.
    var waitingCount: Int { lines.values.reduce(nested.count) { $0 + $1.count } }

    /// All that wait for a slot, in the order in which they came.
    var waiting: [SinkID] { (lines.values.flatMap(\.inOrder) + nested.inOrder).sorted() }

    /// The first nested one: no plain one is before it.
    var nextNested: SinkID? { nested.first }

    /// The plain one whose turn it is: the first of the user who has the fewest slots; of several, the one that came first.
    /// - Parameter slots: how many the user has whose first this is; nil: the user may have no other.
    func nextPlain(_ slots: (UInt32, SinkID) -> Int?) -> SinkID? {
        var best: (slots: Int, sink: SinkID)?
        for (uid, line) in lines {
            guard let sink = line.first, let taken = slots(uid, sink) else { continue }
            if best.map({ (taken, sink) < $0 }) ?? true { best = (taken, sink) }
        }
        return best?.sink
    }

    mutating func wait(_ sink: SinkID, of uid: UInt32, isNested: Bool) {
        if isNested {
            nested.join(sink)
        } else {
            lines[uid, default: WaitingLine()].join(sink)
            users[sink] = uid
        }
    }

    mutating func leave(_ sink: SinkID) {
        nested.leave(sink)
        guard let uid = users.removeValue(forKey: sink) else { return }
        lines[uid]?.leave(sink)
        if lines[uid]?.isEmpty == true { lines[uid] = nil }
    }
}

/// Whether a peer waits for an answer before it asks again. One that was seen sending many calls together does not, and what it says proves
/// nothing about what it has read.
struct Pace: Hashable, Sendable {
    /// A library may send a few together: introspection, a subscription, and the call itself.
    private static let mostTogether = 4
    private var reading: UInt64 = 0
    private var together = 0
    private(set) var waitsForAnswers = true

    mutating func spoke(in reading: UInt64) {
        together = reading != 0 && reading == self.reading ? together + 1 : 1
        self.reading = reading
        if together > Self.mostTogether { waitsForAnswers = false }
    }
}
