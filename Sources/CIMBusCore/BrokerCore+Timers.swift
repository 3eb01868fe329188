/// A timer of the event machinery (Semantics J.9).
public struct EventTimer: Hashable, Sendable {
    /// Nil: it fires once.
    let interval: Microseconds?
    /// Whether firings that could not be told in their time are forgotten; else they are told with the next one, as a number.
    let skipsPassed: Bool
    /// When it would fire next if nothing were ever late, and when it is looked at.
    var nominal: Microseconds
    var due: Microseconds
}

extension BrokerCore {
    /// From now on the timer fires: first after `delay`, then at each `interval`. One of the same id begins anew.
    public mutating func startTimer(_ id: TimerID, after delay: Microseconds, every interval: Microseconds?, skipsPassed: Bool) {
        began(.startTimer(id, after: delay, every: interval, skipsPassed: skipsPassed))
        let due = later(max(0, delay))
        timers[id] = EventTimer(interval: interval.map { max(1, $0) }, skipsPassed: skipsPassed, nominal: due, due: due)
        agenda.remove(.timer(id))
        agenda.schedule(.timer(id), at: due)
    }

    /// A silent no-op where the timer has gone.
    public mutating func stopTimer(_ id: TimerID) {
        began(.stopTimer(id))
        timers[id] = nil
        agenda.remove(.timer(id))
    }

    /// What was due since it fired last is one event, with the number of firings; never several.
    mutating func review(_ id: TimerID) {
        guard var timer = timers[id] else { return }
        guard timer.due <= now else { return agenda.schedule(.timer(id), at: timer.due) }
        guard let interval = timer.interval else {
            timers[id] = nil
            return effects.append(.fire(id, firings: 1))
        }
        let passed = (now - timer.nominal) / interval
        timer.nominal = later(interval - (now - timer.nominal) % interval)
        timer.due = max(timer.nominal, later(limits.shortestTimer))
        timers[id] = timer
        agenda.schedule(.timer(id), at: timer.due)
        effects.append(.fire(id, firings: timer.skipsPassed ? 1 : UInt32(clamping: passed + 1)))
    }
}
