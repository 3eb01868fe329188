import DBus
import Synchronization

/// What one service's listener has to look at, from the connection's loop to the listener's task. Signals that are more than it holds are lost, and
/// counted: then all that waits is thrown away, for what is there has to be looked at anew in any case.
final class SignalQueue: Sendable {
    static let mostSignals = 4_096
    static let mostBytes = 8 << 20

    enum Item {
        /// Somebody wants something else than before.
        case demand(ServiceDemand)
        /// Another process owns the name, or none.
        case owner(UniqueName?)
        /// The connection of this number has ended.
        case disconnected(Int)
        case lost(UInt64)
        case signal(Message)
    }

    private struct State {
        var demand: ServiceDemand?
        var owner: UniqueName??
        var disconnected: Int?
        var lost: UInt64 = 0
        var signals: [Message] = []
        var start = 0
        var bytes = 0
        var waiter: CheckedContinuation<Void, Never>?

        var hasItem: Bool { demand != nil || owner != nil || disconnected != nil || lost > 0 || start < signals.count }

        mutating func next() -> Item? {
            if let demand {
                self.demand = nil
                return .demand(demand)
            }
            if let disconnected {
                self.disconnected = nil
                return .disconnected(disconnected)
            }
            if let owner {
                self.owner = nil
                return .owner(owner)
            }
            if lost > 0 {
                defer { lost = 0 }
                return .lost(lost)
            }
            guard start < signals.count else { return nil }
            let signal = signals[start]
            start += 1
            bytes -= signal.bodySize
            if start == signals.count { (signals, start) = ([], 0) }
            return .signal(signal)
        }
    }

    private let state = Mutex(State())

    private func change(_ body: (inout State) -> Void) {
        let waiter = state.withLock { state in
            body(&state)
            defer { if state.hasItem { state.waiter = nil } }
            return state.hasItem ? state.waiter : nil
        }
        waiter?.resume()
    }

    func want(_ demand: ServiceDemand) { change { $0.demand = demand } }

    func owned(by owner: UniqueName?) { change { $0.owner = .some(owner) } }

    func disconnected(_ number: Int) { change { $0.disconnected = number } }

    func disconnected(_ number: Int, after pause: Duration) {
        Task {
            try? await Task.sleep(for: pause)
            disconnected(number)
        }
    }

    func take(_ signal: Message) {
        change { state in
            state.signals.append(signal)
            state.bytes += signal.bodySize
            guard state.signals.count - state.start > Self.mostSignals || state.bytes > Self.mostBytes else { return }
            state.lost += UInt64(state.signals.count - state.start)
            (state.signals, state.start, state.bytes) = ([], 0, 0)
        }
    }

    /// One task waits.
    func next() async -> Item {
        while true {
            if let item = state.withLock({ $0.next() }) { return item }
            await withCheckedContinuation { continuation in
                let isThere = state.withLock { state in
                    if !state.hasItem { state.waiter = continuation }
                    return state.hasItem
                }
                if isThere { continuation.resume() }
            }
        }
    }
}
