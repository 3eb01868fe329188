import CDBus
import Glibc
import Synchronization

/// One thread that waits on file descriptors and timers and runs what is given to it: the jobs of actors that use it as their executor,
/// tasks that prefer it, and plain closures. It may carry several connections.
///
/// Actors that share a loop may call each other synchronously with `assumeIsolated`. Never block it, and never prefer it for code of
/// others: everything on the loop waits. It lives until ``shutdown()``, which ends its connections. What is given to it after that runs all the
/// same, on a thread that is started for it: whoever waits for it is never left waiting.
///
/// `@unchecked Sendable`: everything mutable is either in ``shared`` behind its mutex or touched by the loop's thread alone.
public final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    enum Work: Sendable {
        case job(UnownedJob)
        case action(@Sendable () -> Void)
    }

    enum Phase {
        /// Can transition to: stopping.
        case running
        /// Somebody called ``shutdown()``; the loop ends with this round. Can transition to: draining.
        case stopping
        /// The sources are gone; a thread runs what is left to run. Can transition to: ended.
        case draining
        /// No thread runs. Can transition to: draining, when something is given to the loop.
        case ended
    }

    /// What other threads touch.
    struct Inbox: ~Copyable {
        var work: [Work] = []
        var isAsleep = false
        var phase = Phase.running
    }

    /// A loop for connections that nobody gave one. It never ends.
    public static let common = EventLoop(name: "dbus")

    let inbox = Mutex(Inbox())
    private let wakeUp: Int32
    private let thread = Atomic<UInt>(0)
    private let nextTimer = Atomic<UInt64>(1)

    // The loop's thread alone. Nothing that the loop calls is called while one of them is being changed: no need to note each access down.
    @exclusivity(unchecked) private var local: [Work] = []
    @exclusivity(unchecked) private var timers = TimerQueue()
    @exclusivity(unchecked) private var sources: [any PollSource] = []
    /// Sources that were removed in this round: what was gathered before may not call them any more.
    @exclusivity(unchecked) private var removed: [any PollSource] = []
    @exclusivity(unchecked) private var watches: [UInt64: FileWatch] = [:]
    @exclusivity(unchecked) private var pollSet: [pollfd] = []
    @exclusivity(unchecked) private var polled: [any PollSource] = []
    /// Whether what the sources have read is being handed out: they are asked to ``PollSource/process()`` before the loop waits again.
    @exclusivity(unchecked) private(set) var isHandingOut = false
    /// Whether the sources are gone: none is added any more, and no timer.
    @exclusivity(unchecked) private var isOver = false

    /// Starts the thread.
    /// - Parameter name: of the thread, for debuggers; 15 bytes count.
    public init(name: String = "event-loop") {
        wakeUp = cdbus_new_eventfd()
        precondition(wakeUp >= 0, "no file descriptor for an event loop")
        let isStarted = SystemThread.start(named: name) { [self] in run() }
        precondition(isStarted, "no thread for an event loop")
    }

    deinit { close(wakeUp) }

    /// Whether the caller runs on this loop.
    public var isOnLoop: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    // MARK: Executor

    public func enqueue(_ job: consuming ExecutorJob) { submit(.job(UnownedJob(job))) }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    public func checkIsolated() { precondition(isOnLoop, "not on the event loop") }

    public func isIsolatingCurrentContext() -> Bool? { isOnLoop }

    /// Runs `action` on the loop, after what was given to it before; never before this returns.
    public func execute(_ action: @escaping @Sendable () -> Void) { submit(.action(action)) }

    private func submit(_ work: Work) {
        if isOnLoop {
            local.append(work)
            return
        }
        enum Call { case nobody, sleeper, newThread }
        let call: Call = inbox.withLock { inbox in
            inbox.work.append(work)
            if inbox.phase == .ended {
                inbox.phase = .draining
                return .newThread
            }
            defer { inbox.isAsleep = false }
            return inbox.isAsleep ? .sleeper : .nobody
        }
        switch call {
        case .nobody: break
        case .sleeper: signalWakeUp()
        // Out of threads: better on this one than never.
        case .newThread: if !SystemThread.start(named: "event-loop", { [self] in drain() }) { drain() }
        }
    }

    private func signalWakeUp() {
        var one: UInt64 = 1
        _ = write(wakeUp, &one, 8)
    }

    /// Makes the loop look at its sources again.
    func wake() { if !isOnLoop { submit(.action({})) } }

    /// Ends the thread once what was enqueued before has run. Connections end with it, with `.disconnected`; watches and timers are dropped.
    public func shutdown() {
        execute { [self] in inbox.withLock { if $0.phase == .running { $0.phase = .stopping } } }
    }

    // MARK: Timers

    /// Names one scheduled action.
    public struct TimerToken: Hashable, Sendable {
        let id: UInt64
    }

    /// Runs `action` on the loop after `delay` (at once when it is not positive), unless cancelled before. From any thread.
    @discardableResult
    public func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> TimerToken {
        let token = TimerToken(id: nextTimer.wrappingAdd(1, ordering: .relaxed).oldValue)
        let deadline = Self.now &+ Self.nanoseconds(delay)
        onLoop { [self] in if !isOver { timers.insert(token.id, deadline, action) } }
        return token
    }

    /// Runs `action` on the loop at `instant`. From any thread.
    @discardableResult
    public func schedule(at instant: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) -> TimerToken {
        schedule(after: ContinuousClock.now.duration(to: instant), action)
    }

    /// Forgets the action; nothing happens when it has run. From another thread it may still run once after this returns.
    public func cancel(_ token: TimerToken) {
        onLoop { [self] in timers.remove(token.id) }
    }

    /// CLOCK_BOOTTIME in nanoseconds, which is what `ContinuousClock` counts.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// From 0 to a hundred years.
    static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        if seconds < 0 || attoseconds < 0 { return 0 }
        return min(seconds, 3_155_760_000) &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }

    // MARK: Descriptors

    /// Calls `ready` on the loop with poll's `revents` whenever one of `events` (POLLIN, POLLOUT) or an error condition holds, until
    /// ``removeWatch(_:)``. The caller keeps the descriptor open until then. From any thread.
    public func addWatch(_ descriptor: Int32, events: Int16, ready: @escaping @Sendable (Int16) -> Void) -> TimerToken {
        let token = TimerToken(id: nextTimer.wrappingAdd(1, ordering: .relaxed).oldValue)
        let watch = FileWatch(descriptor: descriptor, events: events, ready: ready)
        onLoop { [self] in
            if isOver { return }
            watches[token.id] = watch
            sources.append(watch)
        }
        return token
    }

    /// From any thread; from another than the loop's, `ready` may still be called once after this returns.
    public func removeWatch(_ token: TimerToken) {
        onLoop { [self] in
            guard let watch = watches.removeValue(forKey: token.id) else { return }
            remove(watch)
        }
    }

    /// At once when on the loop, else soon.
    func onLoop(_ action: @escaping @Sendable () -> Void) {
        if isOnLoop { action() } else { execute(action) }
    }

    /// Where the loop has ended, the source hears of that at once.
    func add(_ source: any PollSource) {
        if isOver { return source.loopEnded() }
        sources.append(source)
        removed.removeAll { $0 === source }
    }

    /// It is not called again, not even in this round.
    func remove(_ source: any PollSource) {
        sources.removeAll { $0 === source }
        removed.append(source)
    }

    private func isRemoved(_ source: any PollSource) -> Bool { !removed.isEmpty && removed.contains { $0 === source } }

    // MARK: The thread

    private func run() {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        while true {
            runWork()
            runTimers()
            var isBusy = !local.isEmpty
            removed.removeAll()
            for source in sources where !isRemoved(source) && source.process() { isBusy = true }
            isBusy = isBusy || !local.isEmpty
            guard sleep(isBusy: isBusy) else { break }
        }
        isOver = true
        timers = TimerQueue()
        watches = [:]
        let ending = sources
        sources = []
        removed = []
        for source in ending { source.loopEnded() }
        drain()
    }

    /// Runs what was given to a loop whose sources are gone, until nothing is left.
    private func drain() {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        while true {
            runWork()
            let isDone = inbox.withLock { inbox in
                guard local.isEmpty, inbox.work.isEmpty else {
                    inbox.phase = .draining
                    return false
                }
                // Before the next thread can begin.
                thread.store(0, ordering: .relaxed)
                inbox.phase = .ended
                return true
            }
            if isDone { return }
        }
    }

    /// Actions may schedule and cancel, so the queue is not held while one runs.
    private func runTimers() {
        if timers.isEmpty { return }
        let now = Self.now
        while let due = timers.popDue(at: now) { due() }
    }

    /// Runs what is there, and what that gives rise to, for a few rounds: then sources and timers have their turn.
    private func runWork() {
        inbox.withLock { inbox in
            if !inbox.work.isEmpty {
                local.append(contentsOf: inbox.work)
                inbox.work.removeAll(keepingCapacity: true)
            }
        }
        for _ in 0..<8 where !local.isEmpty {
            var batch: [Work] = []
            swap(&batch, &local)
            for work in batch {
                switch work {
                case .job(let job): job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
                case .action(let action): action()
                }
            }
            // Keeps the memory of the batch for the next one.
            if local.isEmpty {
                batch.removeAll(keepingCapacity: true)
                swap(&batch, &local)
            }
        }
    }

    /// Waits for something to do. False when the loop shall end.
    private func sleep(isBusy: Bool) -> Bool {
        enum Decision { case stop, look, wait }
        let decision: Decision = inbox.withLock { inbox in
            if inbox.phase != .running { return .stop }
            if isBusy || !inbox.work.isEmpty { return .look }
            inbox.isAsleep = true
            return .wait
        }
        if decision == .stop { return false }
        var timeout: Int32 = -1
        if decision == .look {
            timeout = 0
        } else if let deadline = timers.firstDeadline {
            let remaining = max(0, deadline &- Self.now)
            timeout = Int32(clamping: (remaining &+ 999_999) / 1_000_000)
        }
        pollSet.removeAll(keepingCapacity: true)
        polled.removeAll(keepingCapacity: true)
        pollSet.append(pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0))
        for source in sources {
            let events = source.events
            // One that wants nothing is left out: poll would report its hang-up again and again.
            if source.descriptor < 0 || events == 0 { continue }
            pollSet.append(pollfd(fd: source.descriptor, events: events, revents: 0))
            polled.append(source)
        }
        // Not kept while the loop sleeps.
        removed.removeAll()
        let ready = poll(&pollSet, nfds_t(pollSet.count), timeout)
        if decision == .wait { inbox.withLock { $0.isAsleep = false } }
        guard ready > 0 else { return true }
        if pollSet[0].revents != 0 {
            var count: UInt64 = 0
            _ = read(wakeUp, &count, 8)
        }
        isHandingOut = true
        defer { isHandingOut = false }
        for (index, source) in polled.enumerated() where pollSet[index + 1].revents != 0 && !isRemoved(source) {
            source.isReady(pollSet[index + 1].revents)
        }
        return true
    }
}

/// Something the loop waits for. Called on the loop only.
protocol PollSource: AnyObject {
    var descriptor: Int32 { get }
    var events: Int16 { get }
    func isReady(_ events: Int16)
    /// Before each wait: does what needs no event. True to be called again at once.
    func process() -> Bool
    /// The loop is shut down, and will call it no more.
    func loopEnded()
}

private final class FileWatch: PollSource, Sendable {
    let descriptor: Int32
    let events: Int16
    let ready: @Sendable (Int16) -> Void

    init(descriptor: Int32, events: Int16, ready: @escaping @Sendable (Int16) -> Void) {
        self.descriptor = descriptor
        self.events = events
        self.ready = ready
    }

    func isReady(_ events: Int16) { ready(events) }
    func process() -> Bool { false }
    func loopEnded() {}
}
