import CIMBusCore
import DBus
import Glibc

/// What carries the core: the clock, the effects that wait for their turn, the alarm, and the trace.
///
/// It is the one reader of the clock for the core, and the one place where the core changes.
struct CoreHost {
    private(set) var core: BrokerCore
    private var trace: TraceWriter?
    private var alarm: (token: EventLoop.TimerToken, at: Microseconds)?
    /// Effects that are to be carried out, from `next` on.
    private var waiting: [Effect] = []
    private var next = 0
    /// Whether somebody carries effects out, or answers a call first.
    private var isBusy = false

    init(limits: Limits, rights: Rights) {
        core = BrokerCore(limits: limits, rights: rights)
        core.steps = []
    }

    /// CLOCK_BOOTTIME, in µs.
    static var now: Microseconds {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Microseconds(time.tv_sec) * 1_000_000 + Microseconds(time.tv_nsec) / 1_000
    }

    /// - Throws: ``CIMBusError``: the file cannot be written.
    mutating func startTrace(at path: String) throws(CIMBusError) {
        trace = try TraceWriter(path, core.limits)
        core.trace = []
    }

    /// Tells the core an event, which happens now. What it causes waits for ``nextEffect()``, also where the event was refused.
    mutating func decide<Answer, Failure: Error>(_ event: (inout BrokerCore) throws(Failure) -> Answer) throws(Failure) -> Answer {
        core.now = Self.now
        defer {
            let effects = core.takeEffects()
            if waiting.isEmpty { waiting = effects } else { waiting += effects }
        }
        return try event(&core)
    }

    // MARK: - Turns

    /// Whoever gets true carries effects out, in order, until ``nextEffect()`` is nil, and calls ``endTurn()``. What they cause comes after them.
    mutating func beginTurn() -> Bool {
        defer { isBusy = true }
        return !isBusy
    }

    mutating func nextEffect() -> Effect? {
        guard next < waiting.count else {
            waiting.removeAll(keepingCapacity: true)
            next = 0
            return nil
        }
        defer { next += 1 }
        return waiting[next]
    }

    /// - Returns: the steps that operations have taken.
    mutating func endTurn() -> [FlightStep] {
        isBusy = false
        if let trace { trace.write(core.takeTrace()) }
        return core.takeSteps()
    }

    // MARK: - The alarm

    /// Whether the core has something to do before the alarm rings.
    mutating func needsAlarm() -> Bool {
        guard let earliest = core.earliestDeadline else { return false }
        if let alarm, alarm.at <= earliest { return false }
        guard let due = core.nextDeadline else { return false }
        return alarm.map { due < $0.at } ?? true
    }

    /// Sees to it that `ring` is called when the core has something to do. `ring` is to call ``alarmRang()``.
    mutating func setAlarm(on loop: EventLoop, _ ring: @escaping @Sendable () -> Void) {
        guard let due = core.nextDeadline else { return }
        if let alarm { loop.cancel(alarm.token) }
        alarm = (loop.schedule(after: .microseconds(max(0, due - Self.now)), ring), due)
    }

    mutating func alarmRang() { alarm = nil }
}

extension Broker {
    /// Tells the core an event, and carries out what it causes. `event` may not look at ``core``.
    @discardableResult
    func tell<Answer>(_ event: (inout BrokerCore) -> Answer) -> Answer {
        let answer = host.decide(event)
        carryOut()
        return answer
    }

    /// - Throws: ``Refusal``: the core's.
    @discardableResult
    func tell<Answer>(_ event: (inout BrokerCore) throws(Refusal) -> Answer) throws(Refusal) -> Answer {
        defer { carryOut() }
        return try host.decide(event)
    }

    /// The same; whoever asked gets the answer before anything that the event causes.
    func tell<Answer>(_ event: (inout BrokerCore) -> Answer, answering: (Answer) -> Void) {
        let answer = host.decide(event)
        let isFirst = host.beginTurn()
        answering(answer)
        if isFirst { finishTurn() }
    }

    /// The same; a refusal is thrown, and not answered.
    func tell<Answer>(_ event: (inout BrokerCore) throws(Refusal) -> Answer, answering: (Answer) -> Void) throws(Refusal) {
        let isFirst = host.beginTurn()
        defer { if isFirst { finishTurn() } }
        answering(try host.decide(event))
    }

    private func carryOut() {
        if host.beginTurn() { finishTurn() }
    }

    private func finishTurn() {
        while let effect = host.nextEffect() { perform(effect) }
        let steps = host.endTurn()
        if !steps.isEmpty {
            metrics.add(steps) { flights.beginning(of: $0) }
            flights.add(steps)
        }
        guard host.needsAlarm() else { return }
        host.setAlarm(on: loop) { [weak self] in
            self?.assumeIsolated { broker in
                broker.host.alarmRang()
                broker.tell { $0.advance() }
            }
        }
    }
}
