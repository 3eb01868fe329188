import Synchronization

extension MI {
    /// Says that a result has been dealt with; the next comes after it. From any thread; the first call counts.
    ///
    /// One that nobody keeps is given by itself: in C the operation would stall for ever.
    public final class Acknowledgement: Sendable {
        private let given: Signal<Void>

        init(_ given: Signal<Void>) { self.given = given }

        public func acknowledge() { given.send(()) }

        deinit { given.send(()) }
    }

    /// Takes the answer to a question; the operation waits for it. From any thread; the first answer counts.
    ///
    /// When nobody keeps it, the answer is the default: for a prompt that of the options, for an error Yes.
    public final class Answer: Sendable {
        private let given: Signal<Response>
        private let standard: Response

        init(_ given: Signal<Response>, default standard: Response) {
            self.given = given
            self.standard = standard
        }

        public func respond(_ response: Response) { given.send(response) }

        deinit { given.send(standard) }
    }
}

/// A value that is sent once and waited for by one; the first counts.
final class Signal<Value: Sendable>: Sendable {
    /// `pending` can transition to `awaited` and `sent`, `awaited` to `sent`.
    private enum State {
        case pending
        case awaited(CheckedContinuation<Value, Never>)
        case sent(Value)
    }

    private let state = Mutex(State.pending)

    func send(_ value: Value) {
        let waiter = state.withLock { state -> CheckedContinuation<Value, Never>? in
            switch state {
            case .pending:
                state = .sent(value)
                return nil
            case .awaited(let waiter):
                state = .sent(value)
                return waiter
            case .sent: return nil
            }
        }
        waiter?.resume(returning: value)
    }

    /// Waits. By one task only.
    func value() async -> Value {
        await withCheckedContinuation { continuation in
            let value = state.withLock { state -> Value? in
                if case .sent(let value) = state { return value }
                state = .awaited(continuation)
                return nil
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}
