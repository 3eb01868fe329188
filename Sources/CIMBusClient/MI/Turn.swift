import Synchronization

/// Lets one task through at a time, in the order in which they came. A turn lasts until it is given back, also across every `await`
/// meanwhile.
final class Turn: Sendable {
    private struct Guarded {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let guarded = Mutex(Guarded())

    func take() async {
        await withCheckedContinuation { continuation in
            let isMine = guarded.withLock { guarded in
                if guarded.isTaken {
                    guarded.waiting.append(continuation)
                    return false
                }
                guarded.isTaken = true
                return true
            }
            if isMine { continuation.resume() }
        }
    }

    func giveBack() {
        let next = guarded.withLock { guarded -> CheckedContinuation<Void, Never>? in
            guard guarded.waiting.isEmpty else { return guarded.waiting.removeFirst() }
            guarded.isTaken = false
            return nil
        }
        next?.resume()
    }
}
