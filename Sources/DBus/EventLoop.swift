import Glibc
import Synchronization

/// Waits on file descriptors and timers and runs what is given to it: the jobs of actors that use it as their executor, tasks that prefer it, and
/// plain closures, one after the other. It may carry several connections.
///
/// To be *on the loop* is to lead it (``isOnLoop``): one thread at a time does, mostly the loop's own. While that sleeps, another may lead for a
/// moment, for what takes it no time. Actors that share a loop may call each other synchronously with `assumeIsolated`. Never block it, and never
/// prefer it for code of others: everything on the loop waits. ``runAside(_:)`` is for that. It lives until ``shutdown()``, which ends its
/// connections. What is given to it after that runs all the same, on a thread that is started for it: whoever waits for it is never left waiting.
///
/// `@unchecked Sendable`: everything mutable is either in ``inbox`` behind its mutex or touched by the thread that leads.
public final class EventLoop: TaskExecutor, @unchecked Sendable {
    enum Work: Sendable {
        /// Of an actor of the loop.
        case isolated(UnownedJob)
        /// Of a task that prefers the loop, where it is on no actor.
        case task(UnownedJob)
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

    /// A loop for connections that nobody gave one. It never ends.
    public static let common = EventLoop(name: "dbus")

    let name: String
    /// Runs what actors do.
    let serial = LoopExecutor()
    let inbox = Mutex(Inbox())
    let poller = Poller()
    /// The thread that leads; 0: nobody does.
    let leader = Atomic<UInt>(0)
    /// Where the loop's threads wait for their turn to lead.
    let turn = Semaphore()
    private let nextID = Atomic<UInt64>(Poller.firstID)

    // The thread that leads alone. Nothing that the loop calls is called while one of them is being changed: no need to note each access down.
    @exclusivity(unchecked) var local: [Work] = []
    /// Memory for what is next given to the loop.
    @exclusivity(unchecked) var spare: [Work] = []
    @exclusivity(unchecked) var timers = TimerQueue()
    /// When the poller's timer goes off.
    @exclusivity(unchecked) var armedFor = Int64.max
    @exclusivity(unchecked) var sources: [Registration] = []
    @exclusivity(unchecked) var registrations: [UInt64: Registration] = [:]
    /// Under which id the poller knows a descriptor.
    @exclusivity(unchecked) var owners: [Int32: UInt64] = [:]
    @exclusivity(unchecked) private var watches: [UInt64: FileWatch] = [:]
    /// What a thread of the loop runs when it leads no more.
    @exclusivity(unchecked) var asides: [any AsideWork] = []
    /// For how many rounds the first of them has waited.
    @exclusivity(unchecked) var asideDelay = 0
    /// Whether the loop has several threads, of which one is told of each thing.
    @exclusivity(unchecked) var isShared = false
    /// Whether a thread that is none of the loop's leads.
    @exclusivity(unchecked) var isBorrowed = false
    /// Whether what the sources have read is being handed out: they are asked to ``PollSource/process()`` before the loop waits again.
    @exclusivity(unchecked) var isHandingOut = false
    /// What private connections read into, one after the other. As long as the loop.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)
    /// Whether the sources are gone: none is added any more, and no timer.
    @exclusivity(unchecked) private var isOver = false

    /// Starts the thread.
    /// - Parameter name: of the thread, for debuggers; 15 bytes count.
    public init(name: String = "event-loop") {
        self.name = name
        serial.loop = self
        let isStarted = SystemThread.start(named: name) { [self] in
            leader.store(Self.thread, ordering: .relaxed)
            rounds()
        }
        precondition(isStarted, "no thread for an event loop")
    }

    deinit { readBuffer.deallocate() }

    /// Whether the caller is on this loop.
    public var isOnLoop: Bool { leader.load(ordering: .relaxed) == Self.thread }

    static var thread: UInt { UInt(pthread_self()) }

    // MARK: Executor

    public func enqueue(_ job: consuming ExecutorJob) { submit(.task(UnownedJob(job))) }

    /// Stops the program where the caller is not on the loop.
    public func checkIsolated() { precondition(isOnLoop, "not on the event loop") }

    /// For an actor that holds the loop.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { serial.asUnownedSerialExecutor() }

    /// Runs `action` on the loop, after what was given to it before; never before this returns.
    public func execute(_ action: @escaping @Sendable () -> Void) { submit(.action(action)) }

    fileprivate func submit(_ work: Work) {
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
            return inbox.mustWake() ? .sleeper : .nobody
        }
        switch call {
        case .nobody: break
        case .sleeper: poller.wake()
        // Out of threads: better on this one than never.
        case .newThread: if !SystemThread.start(named: name, { [self] in drain() }) { drain() }
        }
    }

    /// Makes the loop look at its sources again.
    func wake() { if !isOnLoop { submit(.action({})) } }

    /// Runs code of users, which may block or compute for long, on the loop's thread where that has nothing else to do, without being on the loop:
    /// another thread goes on with the loop when there is something to do meanwhile. From what runs on the loop.
    ///
    /// What suspends goes on among Swift's threads, as what cannot run here does from the start: all but one of those that come together.
    public func runAside(_ work: some AsideWork) {
        if isOnLoop, !isBorrowed { asides.append(work) } else { Task.detached { await work.run() } }
    }

    /// The same for what is no object.
    public func runAside(_ body: @escaping @Sendable () async -> Void) { runAside(AsideBody(body)) }

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
        let token = TimerToken(id: nextID.wrappingAdd(1, ordering: .relaxed).oldValue)
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
    public static var now: Int64 {
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
        let token = TimerToken(id: nextID.wrappingAdd(1, ordering: .relaxed).oldValue)
        let watch = FileWatch(descriptor: descriptor, events: events, ready: ready)
        onLoop { [self] in
            if isOver { return }
            watches[token.id] = watch
            add(watch)
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

    /// Where the loop has ended, the source hears of that at once.
    func add(_ source: any PollSource) {
        if isOver { return source.loopEnded() }
        let registration = Registration(id: nextID.wrappingAdd(1, ordering: .relaxed).oldValue, source)
        sources.append(registration)
        registrations[registration.id] = registration
    }

    /// It is not called again, not even in this round.
    func remove(_ source: any PollSource) {
        guard let index = sources.firstIndex(where: { $0.source === source }) else { return }
        let registration = sources.remove(at: index)
        registrations[registration.id] = nil
        registration.isRemoved = true
        forget(registration)
    }

    /// Nothing is waited for any more; the sources hear of it.
    func endSources() {
        isOver = true
        timers = TimerQueue()
        watches = [:]
        let ending = sources
        for registration in ending { remove(registration.source) }
        for registration in ending { registration.source.loopEnded() }
    }
}

/// What ``EventLoop/runAside(_:)-(AsideWork)`` runs, once: code of users.
public protocol AsideWork: AnyObject, Sendable {
    nonisolated(nonsending) func run() async
}

private final class AsideBody: AsideWork {
    private let body: @Sendable () async -> Void

    init(_ body: @escaping @Sendable () async -> Void) { self.body = body }

    nonisolated(nonsending) func run() async { await body() }
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

/// The loop as actors have it. What runs for an actor, and what runs for a task that is on none, tell Swift so: else each call of an async function
/// that is on no actor would go through the loop's queue, and so would its return.
final class LoopExecutor: SerialExecutor, @unchecked Sendable {
    /// Set once. Whoever has this holds the loop.
    fileprivate(set) unowned(unsafe) var loop: EventLoop?

    func enqueue(_ job: consuming ExecutorJob) { loop?.submit(.isolated(UnownedJob(job))) }

    func checkIsolated() { loop?.checkIsolated() }

    func isIsolatingCurrentContext() -> Bool? { loop?.isOnLoop }
}
