import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import Glibc

/// A timer that is stored (Semantics J.9).
struct StoredTimer: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case interval(Microseconds)
        /// Microseconds since 1970.
        case absolute(Int64)
    }

    let namespace: CIMNamespaceName
    let name: String
    let kind: Kind
    let skipsPassed: Bool

    /// Nil for an instruction that says nothing that could be done.
    init?(_ instruction: CIMInstance, in namespace: CIMNamespaceName) {
        guard let name = instruction["TimerId"]?.stringValue else { return nil }
        self.namespace = namespace
        self.name = name
        skipsPassed = instruction["SkipIfPassed"]?.boolValue ?? false
        if let milliseconds = instruction["IntervalBetweenEvents"]?.int64Value, milliseconds > 0 {
            kind = .interval(milliseconds * 1_000)
        } else if case .datetime(let time)? = instruction["EventDateTime"], let moment = time.microsecondsSince1970 {
            kind = .absolute(moment)
        } else {
            return nil
        }
    }
}

/// Which of the core's timers is which stored one.
struct StoredTimers {
    private(set) var running: [StoredTimer: TimerID] = [:]
    private var last: UInt64 = 0
    /// Timers that fire once, and have.
    var fired: Set<StoredTimer> = []

    subscript(id: TimerID) -> StoredTimer? { running.first { $0.value == id }?.key }

    mutating func start(_ timer: StoredTimer) -> TimerID {
        last += 1
        running[timer] = TimerID(last)
        return TimerID(last)
    }

    mutating func stop(_ timer: StoredTimer) -> TimerID? { running.removeValue(forKey: timer) }
}

/// Timers raise events.
extension Broker {
    /// The clock may be set: what is due at a time of day is looked at again this often.
    private static let longestWait: Microseconds = .seconds(60)

    /// What is stored of timers, and which of those that fire once have.
    func storedTimers() async -> (timers: [StoredTimer], fired: [CIMInstance]) {
        var timers: [StoredTimer] = []
        for namespace in schema.names {
            timers += await stored("__TimerInstruction", in: namespace).compactMap { StoredTimer($0, in: namespace) }
        }
        return (timers, await stored(Self.firingClass, in: .root))
    }

    private static let firingClass = "CIMBus_TimerFiring"

    /// These timers run from now on, and no others. One that is as it was goes on.
    func adopt(_ timers: [StoredTimer], fired records: [CIMInstance]) {
        let wanted = Set(timers)
        for record in records {
            let timer = timers.first { Self.isRecord(record, of: $0) }
            if let timer {
                permanents.timers.fired.insert(timer)
            } else if let path = Self.path(of: record) {
                change(.deleteInstance(path, in: .root))
            }
        }
        for timer in permanents.timers.running.keys where !wanted.contains(timer) {
            if let id = permanents.timers.stop(timer) { tell { $0.stopTimer(id) } }
        }
        for timer in timers where permanents.timers.running[timer] == nil { start(timer, permanents.timers.start(timer)) }
    }

    private func start(_ timer: StoredTimer, _ id: TimerID) {
        switch timer.kind {
        case .interval(let interval): tell { $0.startTimer(id, after: interval, every: interval, skipsPassed: timer.skipsPassed) }
        case .absolute(let moment):
            let wait = moment - Self.now
            // A moment that has passed is due now, unless it is to be skipped then, or was told before the broker was started again.
            if permanents.timers.fired.contains(timer) || wait <= 0 && timer.skipsPassed { return }
            tell { $0.startTimer(id, after: min(max(0, wait), Self.longestWait), every: nil, skipsPassed: true) }
        }
    }

    func fired(_ id: TimerID, _ firings: UInt32) {
        guard let timer = permanents.timers[id] else { return }
        if case .absolute(let moment) = timer.kind {
            if moment > Self.now { return start(timer, id) }
            permanents.timers.fired.insert(timer)
            // First it is noted: whatever happens to the broker, nobody is told twice.
            Task(executorPreference: loop) { [self] in
                await self.note(.putInstance(Self.record(of: timer, moment), in: .root))
                await self.tell(of: timer, firings)
            }
            return
        }
        tell(of: timer, firings)
    }

    private func tell(of timer: StoredTimer, _ firings: UInt32) {
        raise(
            CIMInstance(className: "__TimerEvent", ["TimerId": .string(timer.name), "NumFirings": .uint32(firings)]), in: timer.namespace)
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    // MARK: - What has fired, for the next broker

    private static func record(of timer: StoredTimer, _ moment: Int64) -> CIMInstance {
        CIMInstance(
            className: firingClass,
            ["Namespace": .string(timer.namespace.text), "TimerId": .string(timer.name), "Moment": .sint64(moment)])
    }

    private static func isRecord(_ record: CIMInstance, of timer: StoredTimer) -> Bool {
        guard case .absolute(let moment) = timer.kind else { return false }
        return record["Namespace"]?.stringValue == timer.namespace.text && record["TimerId"]?.stringValue == timer.name
            && record["Moment"]?.int64Value == moment
    }

    private static func path(of record: CIMInstance) -> CIMObjectPath? {
        guard let namespace = record["Namespace"]?.stringValue, let name = record["TimerId"]?.stringValue else { return nil }
        return CIMObjectPath(
            className: firingClass,
            keys: .keys([
                CIMObjectPath.Key(name: "Namespace", value: .string(namespace)), CIMObjectPath.Key(name: "TimerId", value: .string(name)),
            ]))
    }
}
