import CIM
import Synchronization

extension MI {
    /// An operation, as its callbacks see it: they can cancel and close it. Any thread may call these functions, also a callback (R37).
    public final class OperationControl: Sendable {
        private struct Guarded {
            var state: OperationState
            /// In the session's ledger.
            var place: UInt64?
            /// Who waits for the finish.
            var completions: [@Sendable () -> Void] = []
        }

        let sink: ClientSink
        let reporter: Reporter?
        /// No two callbacks at one time.
        let turn = Turn()
        /// It stays open until its operations are closed.
        private let session: Session
        private let guarded: Mutex<Guarded>

        init(_ sink: ClientSink, _ session: Session, reporter: Reporter?, isPulled: Bool) {
            self.sink = sink
            self.session = session
            self.reporter = reporter
            guarded = Mutex(Guarded(state: OperationState(isPulled: isPulled)))
        }

        /// Throws InvalidParameter when the session is closed (R21).
        func enter(_ ledger: OpenLedger<OperationControl>) throws(CIMError) {
            guard let place = ledger.enter(self) else { throw CIMError(.invalidParameter, "the session is closed") }
            guarded.withLock { $0.place = place }
        }

        /// Cancels the operation (R36). There still is a last result: ``ResultCode/failed``, whose error has the category
        /// ``ErrorCategory/operationStopped``. Nothing happens when the end of the operation is known already: the first end counts. The
        /// broker tells the provider (Design L9).
        public func cancel() { sink.cancel() }

        /// The broker's number of the operation, as `cimctl operations` shows it; nil until the broker has accepted the operation.
        public var id: UInt64? { CIMBusClient.Operation(sink).id }

        public var isClosed: Bool { guarded.withLock(\.state.isClosed) }

        /// Closes the operation and does not wait. To be called exactly once. `completion` is called on no particular thread, when the last
        /// callback has returned and its result is acknowledged.
        ///
        /// Throws InvalidParameter when the operation is closed already. Throws Failed when results are still to be pulled; then the
        /// operation stays open. Where callbacks get the results and more are to come, the operation is cancelled.
        public func close(completion: @escaping @Sendable () -> Void = {}) throws(CIMError) {
            let closing: Result<OperationState.Closing, CIMError> = guarded.withLock { guarded in
                do throws(CIMError) {
                    let closing = try guarded.state.close()
                    if !guarded.state.isFinished { guarded.completions.append(completion) }
                    return .success(closing)
                } catch {
                    return .failure(error)
                }
            }
            switch try closing.get() {
            case .finished:
                finished()
                completion()
            case .cancel: cancel()
            }
        }

        /// Closes the operation, and waits until the last callback has returned and its result is acknowledged. To be called exactly once.
        /// Throws as ``close(completion:)`` does.
        public func close() async throws(CIMError) {
            let closed = Signal<Void>()
            try close(completion: { closed.send(()) })
            await closed.value()
        }

        // MARK: Its results

        func beginPull() throws(CIMError) {
            let failure: CIMError? = guarded.withLock { guarded in
                do throws(CIMError) {
                    try guarded.state.beginPull()
                    return nil
                } catch {
                    return error
                }
            }
            if let failure { throw failure }
        }

        func endPull(isLast: Bool) { change { $0.endPull(isLast: isLast) } }

        func delivered() { change { $0.delivered() } }

        func abandoned() { if change({ $0.abandoned() }) { giveUp() } }

        func dropped() { if change({ $0.dropped() }) { giveUp() } }

        private func giveUp() {
            cancel()
            reporter?.finish()
        }

        /// Changes the state and does what is due when that finishes the operation.
        @discardableResult
        private func change<Value: Sendable>(_ body: (inout OperationState) -> Value) -> Value {
            let (value, isFinished) = guarded.withLock { guarded in
                let wasFinished = guarded.state.isFinished
                let value = body(&guarded.state)
                return (value, guarded.state.isFinished && !wasFinished)
            }
            if isFinished { finished() }
            return value
        }

        private func finished() {
            let (place, completions) = guarded.withLock { guarded in
                defer { (guarded.place, guarded.completions) = (nil, []) }
                return (guarded.place, guarded.completions)
            }
            if let place { session.operations.leave(place) }
            for completion in completions { completion() }
        }
    }
}
