import CIM
import CIMBusWire
import Synchronization

/// One subscription through the lives of brokers: each broker has an operation of it.
final class EventSubscription: Sendable {
    /// Ends the subscription when nobody iterates any more.
    final class Lifetime: Sendable {
        private let subscription: EventSubscription

        init(_ subscription: EventSubscription) { self.subscription = subscription }

        deinit { subscription.cancel() }
    }

    private struct Guarded {
        var current: Operation
        var isCancelled = false
    }

    let session: Session
    private let query: String
    private let options: OperationOptions
    private let guarded: Mutex<Guarded>

    init(_ session: Session, _ query: String, _ options: OperationOptions) {
        self.session = session
        self.query = query
        self.options = options
        guarded = Mutex(Guarded(current: Operation(session.start(.execNotificationQuery(query, options)))))
    }

    deinit { guarded.withLock(\.current).cancel() }

    var current: Operation { guarded.withLock(\.current) }

    var isCancelled: Bool { guarded.withLock(\.isCancelled) }

    func cancel() {
        let current = guarded.withLock { guarded in
            guarded.isCancelled = true
            return guarded.current
        }
        current.cancel()
    }

    /// Subscribes again, as soon as there is a broker that accepts it.
    ///
    /// - Returns: false: it was cancelled meanwhile.
    /// - Throws: why it cannot be: a broker refuses it for good, or the connection to the bus is lost.
    func renew() async throws(CIMError) -> Bool {
        var pause = Self.firstPause
        while true {
            if isCancelled || Task.isCancelled { return false }
            let next = Operation(session.start(.execNotificationQuery(query, options)))
            do throws(CIMError) {
                try await next.sink.accepted()
                let isWanted = guarded.withLock { guarded in
                    guarded.current = next
                    return !guarded.isCancelled
                }
                if !isWanted { next.cancel() }
                return isWanted
            } catch {
                guard error.status.isWorthAnotherTry else { throw error }
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    /// How long to wait before the next try.
    static let firstPause = Duration.milliseconds(20)
    static let longestPause = Duration.seconds(1)
}

extension WBEMStatus {
    /// Whether the next broker may accept what this one, or none, did not: one that keeps nothing has the classes of providers when they are back.
    fileprivate var isWorthAnotherTry: Bool {
        [.transportFailure, .shuttingDown, .timedOut, .serverTooBusy, .invalidClass, .invalidNamespace].contains(self)
    }
}
