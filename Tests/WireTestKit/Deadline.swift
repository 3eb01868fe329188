import Synchronization

/// What was waited for did not happen in time.
public struct DeadlinePassed: Error, CustomStringConvertible {
    public let awaited: String
    public let duration: Duration

    public var description: String { "still waiting for \(awaited) after \(duration)" }
}

/// Runs `operation`, and gives up on it when it takes longer than `duration`: then it is cancelled, and ``DeadlinePassed`` is thrown at
/// once even if it does not listen. A cancelled task gives up the same way, with `CancellationError`.
/// - Parameter awaited: what is being waited for, for the error.
public func withDeadline<Value: Sendable>(
    _ duration: Duration = .seconds(10), _ awaited: String, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let race = Race<Value>()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            race.start(continuation)
            let work = Task {
                do { race.finish(.success(try await operation())) } catch { race.finish(.failure(error)) }
            }
            let clock = Task {
                try await Task.sleep(for: duration)
                race.finish(.failure(DeadlinePassed(awaited: awaited, duration: duration)))
            }
            race.onFinish {
                work.cancel()
                clock.cancel()
            }
        }
    } onCancel: {
        race.finish(.failure(CancellationError()))
    }
}

/// The first result counts.
private final class Race<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value, any Error>?
        var result: Result<Value, any Error>?
        var cleanUp: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    func start(_ continuation: CheckedContinuation<Value, any Error>) {
        let result = state.withLock { state in
            if state.result == nil { state.continuation = continuation }
            return state.result
        }
        if let result { continuation.resume(with: result) }
    }

    func onFinish(_ cleanUp: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if state.result == nil { state.cleanUp = cleanUp }
            return state.result != nil
        }
        if isLate { cleanUp() }
    }

    func finish(_ result: Result<Value, any Error>) {
        let (continuation, cleanUp) = state.withLock { state -> (CheckedContinuation<Value, any Error>?, (@Sendable () -> Void)?) in
            guard state.result == nil else { return (nil, nil) }
            state.result = result
            defer { (state.continuation, state.cleanUp) = (nil, nil) }
            return (state.continuation, state.cleanUp)
        }
        continuation?.resume(with: result)
        cleanUp?()
    }
}
