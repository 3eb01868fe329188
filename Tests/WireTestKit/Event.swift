import Synchronization

/// A value that arrives once, from anywhere; whoever waits gets it. The first value counts.
public final class Event<Value: Sendable>: Sendable {
    private enum State {
        case pending([CheckedContinuation<Value, Never>])
        case happened(Value)
    }

    private let name: String
    private let state = Mutex(State.pending([]))

    /// - Parameter name: for the error when it does not happen.
    public init(_ name: String) { self.name = name }

    public func send(_ value: Value) {
        let waiting = state.withLock { state -> [CheckedContinuation<Value, Never>] in
            guard case .pending(let waiting) = state else { return [] }
            state = .happened(value)
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: value) }
    }

    /// The value, or nil when it has not arrived yet.
    public var current: Value? {
        state.withLock { if case .happened(let value) = $0 { value } else { nil } }
    }

    /// Waits for the value; throws ``DeadlinePassed`` when it does not come.
    public func value(within duration: Duration = .seconds(10)) async throws -> Value {
        try await withDeadline(duration, name) { [self] in
            await withCheckedContinuation { continuation in
                let value = state.withLock { state -> Value? in
                    switch state {
                    case .happened(let value): return value
                    case .pending(let waiting):
                        state = .pending(waiting + [continuation])
                        return nil
                    }
                }
                if let value { continuation.resume(returning: value) }
            }
        }
    }
}
