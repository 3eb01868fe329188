import DBus
import Synchronization

/// Calls of a service that are under way together. Whoever makes them takes all answers that have come at once, so that many answers cost one
/// change of threads.
final class CallsUnderWay: Sendable {
    struct Answer: Sendable {
        /// As it was given with the call.
        let number: Int
        let result: Result<Message, DBusError>
    }

    private struct State {
        var answers: [Answer] = []
        var waiter: UnsafeContinuation<Void, Never>?
        var isCancelled = false

        mutating func takeWaiter() -> UnsafeContinuation<Void, Never>? {
            defer { waiter = nil }
            return waiter
        }
    }

    private let services: any ServiceCalling
    private let state = Mutex(State())

    init(_ services: any ServiceCalling) { self.services = services }

    func begin(_ calls: [AskedCall]) {
        services.begin(calls) { [self] number, result in
            let waiter = state.withLock { state in
                state.answers.append(Answer(number: number, result: result))
                return state.takeWaiter()
            }
            waiter?.resume()
        }
    }

    /// What has been answered since the last time; waits where that is nothing. Throws `.cancelled` where the task is cancelled.
    func answers() async throws(DBusError) -> [Answer] {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let hasAnswers = state.withLock { state in
                    if !state.answers.isEmpty || state.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if hasAnswers { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.isCancelled = true
                return state.takeWaiter()
            }
            waiter?.resume()
        }
        let (answers, isCancelled) = state.withLock { state in
            defer { state.answers = [] }
            return (state.answers, state.isCancelled)
        }
        if isCancelled { throw DBusError(code: .cancelled, "the task that waited was cancelled") }
        return answers
    }
}
