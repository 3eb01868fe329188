import CIM
import DBus
import Synchronization

/// An object sink of this process (SEMANTICS B.1): the loop puts batches in, a consumer takes them out.
final class ClientSink: Sendable {
    typealias Ending = SinkState<Message>.Ending
    typealias Taken = SinkState<Message>.Taken
    typealias Waiter = UnsafeContinuation<Taken, Never>

    private struct Guarded {
        var state = SinkState<Message>()
        var waiters: [Waiter] = []
        /// The broker's operation object, once the call was answered.
        var operationPath: ObjectPath?
        var timer: EventLoop.TimerToken?
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

    func started(_ path: ObjectPath) { guarded.withLock { $0.operationPath = path } }

    /// Ends the operation here when the broker's own deadline has passed unheard.
    func watch(_ timer: EventLoop.TimerToken) { guarded.withLock { $0.timer = timer } }

    // MARK: The broker's side, on the loop

    func indicate(_ message: Message) {
        let (isWanted, waiter) = guarded.withLock { guarded in
            (guarded.state.indicated(message, bytes: message.bodySize), guarded.waiters.isEmpty ? nil : guarded.waiters.removeFirst())
        }
        if let waiter { resume(waiter) }
        if !isWanted { broker.cancel(self) }
    }

    func progress(_ progress: OperationProgress) {
        if guarded.withLock({ !$0.state.isOver }) { onProgress?(progress) }
    }

    /// The end, by whatever cause; the first counts.
    func finish(_ ending: Ending) {
        let (isFirst, waiters, timer) = guarded.withLock { guarded in
            let isFirst = guarded.state.finished(ending)
            let waiters = guarded.waiters
            if isFirst { guarded.waiters = [] }
            return (isFirst, isFirst ? waiters : [], guarded.timer)
        }
        guard isFirst else { return }
        if let timer { broker.connection.loop.cancel(timer) }
        broker.forget(self)
        for waiter in waiters { resume(waiter) }
    }

    // MARK: The consumer's side

    /// Cancels: ends here at once, and tells the broker. Nothing happens after the end.
    func cancel() {
        let (isFirst, waiters, timer) = guarded.withLock { guarded in
            let isFirst = guarded.state.cancelled()
            let waiters = guarded.waiters
            if isFirst { guarded.waiters = [] }
            return (isFirst, isFirst ? waiters : [], guarded.timer)
        }
        guard isFirst else { return }
        if let timer { broker.connection.loop.cancel(timer) }
        broker.cancel(self)
        for waiter in waiters { resume(waiter) }
    }

    var isCancelled: Bool { guarded.withLock(\.state.isCancelled) }

    var isOver: Bool { guarded.withLock(\.state.isOver) }

    /// The next batch or the end; waits for one of them. A cancelled task cancels the operation.
    func take() async -> Taken {
        if let taken = takeNow() { return taken }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { waiter in
                let taken: Taken? = guarded.withLock { guarded in
                    let taken = guarded.state.take()
                    guard case .nothing = taken else { return taken }
                    guarded.waiters.append(waiter)
                    return nil
                }
                if let taken { waiter.resume(returning: taken) }
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

    private func resume(_ waiter: Waiter) {
        let taken = guarded.withLock { guarded in
            let taken = guarded.state.take()
            // Another consumer was faster.
            if case .nothing = taken { guarded.waiters.append(waiter) }
            return taken
        }
        if case .nothing = taken { return }
        waiter.resume(returning: taken)
        returnCredit()
    }
}
