import CIM

@testable import CIMBusCore

/// What the schedules of a run brought about: which kinds of events and effects, how operations ended, how long schedules were.
struct Coverage: Sendable {
    /// Every kind of effect, by the name of its case.
    static let effects = [
        "deliver", "discard", "progress", "finish", "abandon", "answerNext", "answerSkip", "answerResult", "expire", "conduct", "ask",
        "call",
        "credit", "cancelCall", "openLane", "closeLane", "start", "ping", "probe", "registrationChanged", "note",
    ]
    /// Every kind of event, by the name of its case.
    static let events = [
        "peerAppeared", "heard", "peerVanished", "usesBus", "pingAnswered", "probeAnswered", "laneOpened", "laneLost", "sent", "shutDown",
        "advance", "begin", "cancelSink", "cancel", "fail", "close", "acknowledge", "pull", "beginPart", "join", "partEnded", "supplyFrom",
        "consumed", "supply", "conducted", "answered", "checkUse", "indicate", "misfit", "setStatus", "addRef", "release", "transfer",
        "register", "unregister", "define", "undefine", "expect", "expectationFailed", "startFailed", "load", "suspend", "resume",
    ]
    static let notes: [Note.Event] = [.leak, .violation, .vanished, .unresponsive, .responsive, .startFailed, .lostReply]
    /// Reasons that the broker alone, and not its core, has, or that no schedule of this kind brings about.
    static let elsewhere: Set<Explanation.Reason> = [.oversized, .replyLost, .tooDeep]

    var effectCounts = [Int](repeating: 0, count: Coverage.effects.count)
    var eventCounts = [Int](repeating: 0, count: Coverage.events.count)
    var noteCounts: [Note.Event: Int] = [:]
    var reasonCounts: [Explanation.Reason: Int] = [:]
    var ownWords = 0
    var refusals: [WBEMStatus: Int] = [:]
    var forms = [0, 0, 0, 0]
    var claims = 0
    var schedules = 0
    /// Of each schedule: steps, and operations.
    var steps = Distribution()
    var operations = Distribution()
    var actions = [Int](repeating: 0, count: SimulatedStep.Action.allCases.count)

    mutating func saw(_ effect: Effect) {
        if let place = Self.place(of: effect) { effectCounts[place] += 1 }
        if case .note(let note) = effect { noteCounts[note.event, default: 0] += 1 }
        guard case .finish(_, let outcome) = effect else { return }
        if let reason = outcome.explanation?.reason { reasonCounts[reason, default: 0] += 1 } else { ownWords += 1 }
    }

    mutating func saw(_ event: CoreEvent) {
        if let place = Self.place(of: event) { eventCounts[place] += 1 }
    }
    mutating func refused(_ status: WBEMStatus) { refusals[status, default: 0] += 1 }
    mutating func began(_ form: Request.Form) {
        switch form {
        case .sync: forms[0] += 1
        case .semisync: forms[1] += 1
        case .async: forms[2] += 1
        case .part: forms[3] += 1
        }
    }

    mutating func add(_ other: Coverage) {
        for index in effectCounts.indices { effectCounts[index] += other.effectCounts[index] }
        for index in eventCounts.indices { eventCounts[index] += other.eventCounts[index] }
        for index in actions.indices { actions[index] += other.actions[index] }
        for index in forms.indices { forms[index] += other.forms[index] }
        noteCounts.merge(other.noteCounts, uniquingKeysWith: +)
        reasonCounts.merge(other.reasonCounts, uniquingKeysWith: +)
        refusals.merge(other.refusals, uniquingKeysWith: +)
        ownWords += other.ownWords
        claims += other.claims
        schedules += other.schedules
        steps.add(other.steps)
        operations.add(other.operations)
    }

    /// What no schedule brought about.
    var missing: [String] {
        Self.effects.indices.filter { effectCounts[$0] == 0 }.map { "effect \(Self.effects[$0])" }
            + Self.events.indices.filter { eventCounts[$0] == 0 }.map { "event \(Self.events[$0])" }
            + Self.notes.filter { noteCounts[$0] == nil }.map { "note \($0)" }
            + Explanation.Reason.allCases.filter { reasonCounts[$0] == nil && !Self.elsewhere.contains($0) }.map { "end because of \($0)" }
    }

    // A kind that is new does not compile until it stands here. Those of events to subscribers have schedules of their own (EventScheduleTests).

    private static func place(of effect: Effect) -> Int? {
        switch effect {
        case .deliver: 0
        case .discard: 1
        case .progress: 2
        case .finish: 3
        case .abandon: 4
        case .answerNext: 5
        case .answerSkip: 6
        case .answerResult: 7
        case .expire: 8
        case .conduct: 9
        case .ask: 10
        case .call: 11
        case .credit: 12
        case .cancelCall: 13
        case .openLane: 14
        case .closeLane: 15
        case .start: 16
        case .ping: 17
        case .probe: 18
        case .registrationChanged: 19
        case .note: 20
        case .deliverEvents, .lose, .closeGroup, .askAccess, .newQuery, .cancelQuery, .listenersChanged, .sourceClosed, .look, .compare,
            .forgetLook, .fire:
            nil
        }
    }

    private static func place(of event: CoreEvent) -> Int? {
        switch event {
        case .peerAppeared: 0
        case .heard: 1
        case .peerVanished: 2
        case .usesBus: 3
        case .pingAnswered: 4
        case .probeAnswered: 5
        case .laneOpened: 6
        case .laneLost: 7
        case .sent: 8
        case .shutDown: 9
        case .advance: 10
        case .begin: 11
        case .cancelSink: 12
        case .cancel: 13
        case .fail: 14
        case .close: 15
        case .acknowledge: 16
        case .pull: 17
        case .beginPart: 18
        case .join: 19
        case .partEnded: 20
        case .supplyFrom: 21
        case .consumed: 22
        case .supply: 23
        case .conducted: 24
        case .answered: 25
        case .checkUse: 26
        case .indicate: 27
        case .misfit: 28
        case .setStatus: 29
        case .addRef: 30
        case .release: 31
        case .transfer: 32
        case .register: 33
        case .unregister: 34
        case .define: 35
        case .undefine: 36
        case .expect: 37
        case .expectationFailed: 38
        case .startFailed: 39
        case .load: 40
        case .suspend: 41
        case .resume: 42
        case .openSource, .closeSource, .listen, .accessAnswered, .raise, .raiseAggregate, .watch, .looked, .lookFailed, .want, .startTimer,
            .stopTimer, .sourceLost, .queryHeard:
            nil
        }
    }
}

/// How often each number came, in tens.
struct Distribution: Sendable {
    private var counts = [Int](repeating: 0, count: 101)
    private(set) var sum = 0
    private(set) var most = 0

    mutating func add(_ number: Int) {
        counts[min(100, number / 10)] += 1
        sum += number
        most = max(most, number)
    }

    mutating func add(_ other: Distribution) {
        for index in counts.indices { counts[index] += other.counts[index] }
        sum += other.sum
        most = max(most, other.most)
    }

    /// The number that so many of a hundred do not reach, rounded up to tens.
    func percentile(_ percent: Int) -> Int {
        var left = counts.reduce(0, +) * percent / 100
        for (index, count) in counts.enumerated() {
            left -= count
            if left < 0 { return index * 10 + 10 }
        }
        return most
    }
}
