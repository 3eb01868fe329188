import CIM
import SeededRandom

@testable import CIMBusCore

/// A broker without a bus, with everybody around it: a core, processes that behave by habit, the ways between them, a clock that steps move, and
/// a referee that sees what each of them sees.
struct SimulatedWorld {
    /// A process, or the place of one that is not there.
    struct Seat {
        let plan: SimulatedPlan.Seat
        /// As the broker knows it; nil while it is not there.
        var peer: PeerID?
        /// Its process has ended: what it wrote is still on its way.
        var isLeaving = false
        /// It is stopped: it reads nothing, and writes nothing.
        var isStopped = false
        /// It reads, and answers no ping: its method runs.
        var works = false
        /// Whether it has a private connection now, and whether it has something by the bus since it was pinged there last.
        var isPrivate: Bool
        var letters: [Queue<Letter>] = [Queue(), Queue()]
        var mail: [Queue<Mail>] = [Queue(), Queue()]
        /// Pings that are to be read before it has answered.
        var pingsToRead = 0
        var hasRead = false
        /// Calls in hand, and a sink for each reference that it believes it has.
        var calls: [SinkID] = []
        var held: [SinkID] = []
        /// What it asked for and has not ended, results included.
        var operations: [OperationID] = []
        var claims: [Claim] = []
        var names: [Int] = []

        var isThere: Bool { peer != nil && !isLeaving }
        var acts: Bool { isThere && !isStopped }
    }

    static let paths = ["/a", "/b", "/c", "/d"]
    static let words: [WBEMStatus] = [.noError, .sPartialResults, .notFound, .providerNotCapable, .failed, .accessDenied, .sFalse]
    /// By bus, and by private connection.
    static let bus = 0

    let plan: SimulatedPlan
    var core: BrokerCore
    var referee: Referee
    var coverage = Coverage()
    var seats: [Seat]
    var seatOf: [Int] = [0]
    var effects: [Effect] = []
    var nextEffect = 0
    var isPerforming = false
    var lastPayload: UInt64 = 0
    var lastCall: UInt64 = 0
    var reading: UInt64 = 0
    /// What the broker's surroundings still have to do.
    var probes: [PeerID] = []
    var lanesToOpen: [LaneID] = []
    var openLanes: [LaneID] = []
    var starts: [RegistrationID] = []
    var asks: [(whole: OperationID, index: Int)] = []
    var conducted: [OperationID] = []
    /// Batches of parts that their conductor has not taken, one entry each.
    var untaken: [OperationID] = []
    var names: [RegistrationID] = []
    var isShuttingDown = false
    /// Places of those who have gone, which the broker gives back when it has done what they were for.
    var abandonedClaims: [(claim: Claim, peer: PeerID)] = []
    /// How often something was due at the same moment, and which that was.
    var standing = 0
    var advancedAt: Microseconds = 0
    /// What a person reads about it, where somebody does.
    var story: [String]?

    init(_ plan: SimulatedPlan) {
        self.plan = plan
        core = BrokerCore(limits: plan.limits)
        core.now = .seconds(1_000)
        referee = Referee(plan.limits)
        seats = plan.seats.map { Seat(plan: $0, isPrivate: $0.isPrivate) }
        for index in plan.names.indices {
            let id = core.define(namespace: "root", name: Self.name(index), uid: 0, terms: plan.names[index])
            names.append(id ?? RegistrationID(0))
            if let id { referee.defined(id, index, isPerUser: plan.names[index].isPerUser) }
        }
        for seat in seats.indices { come(seat) }
        for seat in seats.indices { if let name = seats[seat].plan.name { register(seat, name, isForUser: false, way: Self.bus) } }
    }

    static func name(_ index: Int) -> String { ["Clocks", "Disks", "Cards", "Desks"][index % 4] }

    var now: Microseconds { core.now }

    // MARK: - Effects

    /// Carries out what the core's events have caused, in order; what that causes comes after it. Then the referee looks.
    mutating func settle() {
        let caused = core.takeEffects()
        if effects.isEmpty { effects = caused } else { effects += caused }
        guard !isPerforming else { return }
        isPerforming = true
        while nextEffect < effects.count {
            let effect = effects[nextEffect]
            nextEffect += 1
            coverage.saw(effect)
            if story != nil { tell(effect) }
            referee.saw(effect, core)
            perform(effect)
        }
        effects.removeAll(keepingCapacity: true)
        nextEffect = 0
        isPerforming = false
        referee.looked(at: core)
    }

    private mutating func tell(_ effect: Effect) {
        let seconds = Double((now - .seconds(1_000)) / 1_000) / 1_000
        story?.append("        \(seconds) s: \(effect)")
    }

    func seat(of peer: PeerID) -> Int? {
        let seat = Int(peer.number) < seatOf.count ? seatOf[Int(peer.number)] : -1
        return seat >= 0 && seats[seat].peer == peer ? seat : nil
    }

    mutating func send(_ mail: Mail, to peer: PeerID, by way: Int) {
        guard let seat = seat(of: peer), !seats[seat].isLeaving else { return }
        seats[seat].mail[seats[seat].isPrivate ? way : Self.bus].append(mail)
    }

    mutating func batch(_ sizes: [UInt32], parts: Int = 1) -> Batch {
        lastPayload += 1
        let batch = Batch(PayloadID(lastPayload), sizes: sizes, parts: parts)
        referee.made(batch.payload)
        return batch
    }

    mutating func object() -> PayloadID { batch([1]).payload }

    mutating func outcome(_ word: Letter.Word) -> Outcome {
        Outcome(Self.words[word.status % Self.words.count], object: word.hasObject ? object() : nil)
    }

    mutating func call() -> CallID {
        lastCall += 1
        return CallID(lastCall)
    }

    private mutating func sent(_ bytes: Int, to peer: PeerID, by way: Int) {
        send(.other(bytes: bytes), to: peer, by: way)
        core.sent(bytes, to: peer)
        settle()
    }

    private mutating func perform(_ effect: Effect) {
        switch effect {
        case .deliver(let id, let payload): deliver(id, payload)
        case .progress(let id, _):
            sent(50, to: referee[id].client, by: referee[id].way)
        case .finish(let id, let outcome): finish(id, outcome)
        case .abandon(let id), .expire(let id): forget(id)
        case .conduct(let id):
            guard let join = referee[id].join else { return conducted.append(id) }
            core.conduct(id, by: Self.joins[join].join)
            settle()
        case .ask(let whole, let index): asks.append((whole, index))
        case .answerNext(let call, let id, let objects, _):
            let bytes = referee.answered(call, id, objects: objects)
            sent(64 + bytes, to: referee[id].client, by: referee[id].way)
        case .answerSkip(let call, let id, let objects, _):
            _ = referee.answered(call, id, objects: objects)
        case .answerResult(let call, let id, _):
            _ = referee.answered(call, id, objects: 0)
            sent(64, to: referee[id].client, by: referee[id].way)
        case .call(let sink):
            guard let leg = core.legs[sink] else {
                core.answered(sink, .unanswered(.because(.badAnswer, text: "it could not be called")))
                return settle()
            }
            send(.call(sink), to: leg.peer, by: core.lane(of: sink) == .private ? 1 : Self.bus)
        case .credit(_, _): break
        case .cancelCall(let sink, let peer, _): send(.cancelled(sink), to: peer, by: Self.bus)
        case .start(let id): starts.append(id)
        case .openLane(let lane): lanesToOpen.append(lane)
        case .closeLane(let lane): openLanes.removeAll { $0 == lane }
        case .ping(let peer, _): ping(peer)
        case .probe(let peer): probes.append(peer)
        case .discard, .registrationChanged, .note: break
        // The referee has said that there are none.
        case .deliverEvents, .lose, .closeGroup, .askAccess, .newQuery, .cancelQuery, .listenersChanged, .sourceClosed, .look, .compare,
            .forgetLook, .fire:
            break
        }
    }

    /// It is pinged by each way that it uses.
    private mutating func ping(_ peer: PeerID) {
        guard let seat = seat(of: peer), !seats[seat].isLeaving else { return }
        let usesBus = core.peers[peer]?.usesBus == true
        let ways = seats[seat].isPrivate ? usesBus ? [0, 1] : [1] : [0]
        if ways.count > 1 {
            core.usesBus(peer, false)
            settle()
        }
        seats[seat].pingsToRead = ways.count
        for way in ways { seats[seat].mail[way].append(.ping) }
    }

    private mutating func deliver(_ id: OperationID, _ payload: PayloadID) {
        let sizes = referee.sizes(of: payload)
        switch referee[id].form {
        case .async:
            let parts = referee.parts(of: payload)
            send(.objects(id, batches: parts, bytes: sizes.reduce(0) { $0 + Int($1) }), to: referee[id].client, by: referee[id].way)
        case .semisync, .sync: break
        case .part:
            guard let whole = referee[id].whole else { return }
            // Some parts are for the conductor alone.
            if referee[whole].join == nil || payload.number % 8 == 0 { return untaken.append(id) }
            let batch = batch(sizes)
            referee.supplied(batch, to: whole, by: id, core)
            core.supply(whole, batch, from: id)
            settle()
        }
    }

    private mutating func finish(_ id: OperationID, _ outcome: Outcome) {
        switch referee[id].form {
        case .async: sent(120, to: referee[id].client, by: referee[id].way)
        case .sync: sent(outcome.status.isSuccess ? 64 + referee[id].deliveredBytes : 256, to: referee[id].client, by: referee[id].way)
        case .semisync: return
        case .part:
            if let whole = referee[id].whole, let index = referee[id].index {
                var stated = outcome
                if outcome.object != nil { stated.object = object() }
                stated.explanation = nil
                referee.ended(index, of: whole, stated, hasBegun: referee[id].hasBegun, core)
                core.partEnded(whole, index, stated)
                settle()
            }
        }
        forget(id)
    }

    private mutating func forget(_ id: OperationID) {
        let client = referee[id].client
        if let seat = seat(of: client) { seats[seat].operations.removeAll { $0 == id } }
        if let place = conducted.firstIndex(of: id) { conducted.remove(at: place) }
    }
}
