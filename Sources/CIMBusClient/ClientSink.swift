import CIM
import DBus
import Synchronization

/// An object sink of this process (Semantics B.1): the loop puts batches in, a consumer takes them out.
final class ClientSink: Sendable {
    typealias Ending = SinkState<Message>.Ending
    typealias Taken = SinkState<Message>.Taken
    private typealias Waiter = UnsafeContinuation<Taken, Never>

    private struct Guarded {
        var state = SinkState<Message>()
        /// The tasks that wait for a batch or the end, in the order in which they came. Nobody waits while there is something to take:
        /// ``served()`` follows every change of the state, under the same lock.
        var waiters: [Waiter] = []
        /// The broker's operation object, once the call was answered.
        var operationPath: ObjectPath?
        var timer: EventLoop.TimerToken?
        var wentByBus = false
        /// Whether the broker has reported any progress.
        var hasReported = false
        /// The tasks that wait for the broker to accept the operation or to report, or for the end.
        var expecting: [UnsafeContinuation<Void, Never>] = []

        mutating func takeExpecting() -> [UnsafeContinuation<Void, Never>] {
            defer { expecting = [] }
            return expecting
        }

        /// Gives the waiting tasks what there is. They are resumed outside the lock.
        mutating func served() -> [Served] {
            var served: [Served] = []
            while !waiters.isEmpty {
                let taken = state.take()
                if case .nothing = taken { break }
                served.append(Served(waiter: waiters.removeFirst(), taken: taken))
            }
            return served
        }
    }

    private struct Served {
        let waiter: Waiter
        let taken: Taken
    }

    let number: UInt64
    let path: ObjectPath
    /// The namespace's Services, which takes cancels and credit.
    let services: ObjectPath
    private let onProgress: (@Sendable (OperationProgress) -> Void)?
    private let broker: BrokerLink
    private let guarded = Mutex(Guarded())

    init(_ number: UInt64, services: ObjectPath, broker: BrokerLink, onProgress: (@Sendable (OperationProgress) -> Void)?) {
        self.number = number
        self.services = services
        self.broker = broker
        self.onProgress = onProgress
        path = ObjectPath(verified: "\(BrokerLink.sinkRoot)\(number)")
    }

    var operationPath: ObjectPath? { guarded.withLock(\.operationPath) }

    func started(_ path: ObjectPath) {
        let waiting = guarded.withLock { guarded in
            guarded.operationPath = path
            return guarded.takeExpecting()
        }
        for waiter in waiting { waiter.resume() }
    }

    /// Waits until the broker has accepted the operation. Throws how it ended, where it ended first.
    func accepted() async throws(CIMError) { try await expect { $0.operationPath != nil } }

    /// Waits until the broker has reported progress. Throws how it ended, where it ended first.
    func reported() async throws(CIMError) { try await expect(\.hasReported) }

    private func expect(_ isThere: @Sendable (Guarded) -> Bool) async throws(CIMError) {
        var (isKnown, ending) = guarded.withLock { (isThere($0), $0.state.ending) }
        while !isKnown, ending == nil {
            await withUnsafeContinuation { waiter in
                let isOver = guarded.withLock { guarded in
                    if isThere(guarded) || guarded.state.isOver { return true }
                    guarded.expecting.append(waiter)
                    return false
                }
                if isOver { waiter.resume() }
            }
            (isKnown, ending) = guarded.withLock { (isThere($0), $0.state.ending) }
        }
        if !isKnown, case .failure(let error)? = ending { throw error }
    }

    /// Whether the operation was asked for by the bus: then all that is said about it goes there.
    var wentByBus: Bool { guarded.withLock(\.wentByBus) }

    func goes(byBus: Bool) { guarded.withLock { $0.wentByBus = byBus } }

    /// Ends the operation here when the broker's own deadline has passed unheard.
    func watch(_ timer: EventLoop.TimerToken) { guarded.withLock { $0.timer = timer } }

    // MARK: The broker's side, on the loop

    func indicate(_ message: Message) {
        let (isWanted, served) = guarded.withLock { guarded in
            (guarded.state.indicated(message, bytes: message.bodySize), guarded.served())
        }
        resume(served)
        if !isWanted { broker.cancel(self) }
    }

    func progress(_ progress: OperationProgress) {
        let (isWanted, waiting) = guarded.withLock { guarded in
            guarded.hasReported = true
            return (!guarded.state.isOver, guarded.takeExpecting())
        }
        for waiter in waiting { waiter.resume() }
        if isWanted { onProgress?(progress) }
    }

    /// The end of the operation, for any cause. The first end counts.
    func finish(_ ending: Ending) { end({ $0.finished(ending) }) { $0.forget(self) } }

    // MARK: The consumer's side

    /// Cancels the operation: it ends here at once, and the broker is told. Does nothing after the end.
    func cancel() { end({ $0.cancelled() }) { $0.cancel(self) } }

    /// - Parameters:
    ///   - change: whether it is the first end.
    ///   - tell: what the first end does to the broker, before those who wait hear of it.
    private func end(_ change: @Sendable (inout SinkState<Message>) -> Bool, _ tell: (BrokerLink) -> Void) {
        let (isFirst, served, timer, waiting) = guarded.withLock { guarded in
            (change(&guarded.state), guarded.served(), guarded.timer, guarded.takeExpecting())
        }
        for waiter in waiting { waiter.resume() }
        if isFirst {
            if let timer { broker.connection.loop.cancel(timer) }
            tell(broker)
        }
        resume(served)
    }

    var isCancelled: Bool { guarded.withLock(\.state.isCancelled) }

    var isOver: Bool { guarded.withLock(\.state.isOver) }

    /// Waits for the next batch or the end. When the task is cancelled, the operation is cancelled.
    func take() async -> Taken {
        if let taken = takeNow() { return taken }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { waiter in
                let served = guarded.withLock { guarded in
                    guarded.waiters.append(waiter)
                    return guarded.served()
                }
                resume(served)
                returnCredit()
            }
        } onCancel: {
            cancel()
        }
    }

    private func takeNow() -> Taken? {
        if Task.isCancelled { cancel() }
        let taken = guarded.withLock { $0.state.take() }
        if case .nothing = taken { return nil }
        returnCredit()
        return taken
    }

    private func returnCredit() {
        guard let batches = guarded.withLock({ $0.state.creditToReturn(at: .now) }) else { return }
        broker.acknowledge(self, batches: batches)
    }

    private func resume(_ served: [Served]) {
        if served.isEmpty { return }
        for one in served { one.waiter.resume(returning: one.taken) }
        returnCredit()
    }
}
