import Synchronization

/// What was waited for did not happen in time.
public struct DeadlinePassed: Error, CustomStringConvertible {
    public let awaited: String
    public let duration: Duration

    public var description: String { "still waiting for \(awaited) after \(duration)" }
}

/// Runs `operation`, and gives up on it when it takes longer than `duration`: then it is cancelled, and ``DeadlinePassed`` is thrown at
/// once even if it does not listen.
/// - Parameter awaited: what is being waited for, for the error.
public func withDeadline<Value: Sendable>(
    _ duration: Duration = .seconds(10), _ awaited: String, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let race = Race<Value>()
    return try await withCheckedThrowingContinuation { continuation in
        race.start(continuation)
        let work = Task {
            do { race.finish(.success(try await operation())) } catch { race.finish(.failure(error)) }
        }
        let clock = Task {
            try await Task.sleep(for: duration)
            work.cancel()
            race.finish(.failure(DeadlinePassed(awaited: awaited, duration: duration)))
        }
        race.onFinish { clock.cancel() }
    }
}

private final class Race<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value, any Error>?
        var isFinished = false
        var cleanUp: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    func start(_ continuation: CheckedContinuation<Value, any Error>) { state.withLock { $0.continuation = continuation } }

    func onFinish(_ cleanUp: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if !state.isFinished { state.cleanUp = cleanUp }
            return state.isFinished
        }
        if isLate { cleanUp() }
    }

    func finish(_ result: Result<Value, any Error>) {
        let (continuation, cleanUp) = state.withLock { state in
            let taken = (state.continuation, state.cleanUp)
            state.continuation = nil
            state.cleanUp = nil
            state.isFinished = true
            return taken
        }
        continuation?.resume(with: result)
        cleanUp?()
    }
}
