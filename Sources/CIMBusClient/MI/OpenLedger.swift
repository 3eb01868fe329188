import Synchronization

/// The members that must be closed before their owner: the operations of a session, the sessions of an application. The ledger keeps no
/// member alive.
final class OpenLedger<Member: AnyObject & Sendable>: Sendable {
    private struct Place {
        weak var member: Member?
    }

    private struct Guarded {
        var places: [UInt64: Place] = [:]
        var lastNumber: UInt64 = 0
        var isSealed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let guarded = Mutex(Guarded())

    /// The member's place; nil when the ledger is sealed.
    func enter(_ member: Member) -> UInt64? {
        guarded.withLock { guarded in
            if guarded.isSealed { return nil }
            guarded.lastNumber += 1
            guarded.places[guarded.lastNumber] = Place(member: member)
            return guarded.lastNumber
        }
    }

    /// To be called once for each place.
    func leave(_ number: UInt64) {
        let waiting = guarded.withLock { guarded -> [CheckedContinuation<Void, Never>] in
            guarded.places[number] = nil
            guard guarded.places.isEmpty else { return [] }
            defer { guarded.waiting = [] }
            return guarded.waiting
        }
        for waiter in waiting { waiter.resume() }
    }

    /// From now on nobody enters. Returns the members that are in.
    func seal() -> [Member] {
        guarded.withLock { guarded in
            guarded.isSealed = true
            return guarded.places.values.compactMap(\.member)
        }
    }

    func waitUntilEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = guarded.withLock { guarded in
                if guarded.places.isEmpty { return true }
                guarded.waiting.append(continuation)
                return false
            }
            if isEmpty { continuation.resume() }
        }
    }
}
