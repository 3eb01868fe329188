import Synchronization

extension MI {
    /// Says that the client has dealt with a result. The next result comes after the acknowledgement. Any thread may give it; the first
    /// call counts.
    ///
    /// An acknowledgement that the client drops counts as given. In C the operation would stall for ever.
    public final class Acknowledgement: Sendable {
        private let given: Signal<Void>

        init(_ given: Signal<Void>) { self.given = given }

        public func acknowledge() { given.send(()) }

        deinit { given.send(()) }
    }

    /// Takes the client's answer to a question; the operation waits for the answer. Any thread may answer; the first answer counts.
    ///
    /// When the client drops this object, the answer is the default: for a prompt ``OperationOptions/promptDefault``, for an error Yes.
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

/// A value that is sent once, from anywhere; the first counts. Whoever waits for it gets it, now or later.
final class Signal<Value: Sendable>: Sendable {
    /// `awaited`, by nobody at first, can transition to `sent`.
    private enum State {
        case awaited([CheckedContinuation<Value, Never>])
        case sent(Value)
    }

    private let state = Mutex(State.awaited([]))

    func send(_ value: Value) {
        let waiters = state.withLock { state -> [CheckedContinuation<Value, Never>] in
            guard case .awaited(let waiters) = state else { return [] }
            state = .sent(value)
            return waiters
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    func value() async -> Value {
        await withCheckedContinuation { continuation in
            let value = state.withLock { state -> Value? in
                switch state {
                case .sent(let value): return value
                case .awaited(let waiters):
                    state = .awaited(waiters + [continuation])
                    return nil
                }
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}
