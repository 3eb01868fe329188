import Synchronization

/// Threads for calls that may block, such as a question to the system's user database, or that compute for long.
///
/// Such a call must run neither on an ``EventLoop``, where everything waits for it, nor on the threads that Swift's tasks share, which are as few
/// as the machine has processors. Here each call has a thread to itself. A thread is started when a call comes and no thread is free, and ends
/// when no call waits: what is seldom asked for costs nothing in between.
public final class BlockingThreads: Sendable {
    private struct Queue {
        var waiting: [@Sendable () -> Void] = []
        var threads = 0

        /// The next call of a thread; nil ends the thread.
        mutating func next() -> (@Sendable () -> Void)? {
            if waiting.isEmpty {
                threads -= 1
                return nil
            }
            return waiting.removeFirst()
        }
    }

    private let name: String
    private let most: Int
    private let queue = Mutex(Queue())

    /// - Parameters:
    ///   - name: of the threads, for debuggers; 15 bytes count.
    ///   - most: calls that run at once; further calls wait.
    public init(name: String, most: Int) {
        self.name = name
        self.most = max(1, most)
    }

    /// Calls `body` on one of the threads, and waits for it without holding a thread.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withUnsafeContinuation { continuation in execute { continuation.resume(returning: body()) } }
    }

    /// Calls `body` on one of the threads; does not wait. Calls begin in the order in which they came.
    public func execute(_ body: @escaping @Sendable () -> Void) {
        let mustStart = queue.withLock { queue in
            queue.waiting.append(body)
            guard queue.threads < most else { return false }
            queue.threads += 1
            return true
        }
        guard mustStart, !SystemThread.start(named: name, { [self] in work() }) else { return }
        // The system has no thread. A thread that runs comes to the call in time; where none runs, the call is better late on this one than never.
        let isAlone = queue.withLock { queue in
            if queue.threads == 1 { return true }
            queue.threads -= 1
            return false
        }
        if isAlone { work() }
    }

    private func work() { while let body = queue.withLock({ $0.next() }) { body() } }
}
