/// Decides which methods run. The number of places is limited, and each running method has one. A method that waits for another provider
/// gives up its place, and takes a place again before it goes on (R13).
///
/// This is a value: it says who is next, and starts and resumes nobody itself. A method may wait for several others at once. It gives up
/// its one place when it begins the first wait, and takes it back when the first wait ends.
struct Places<Call: Hashable & Sendable>: Sendable {
    /// The state of a call. Can transition: queued → held; held → away; away → returning or held; returning → held; from each to nothing,
    /// when the call ends.
    private enum Standing {
        case queued
        case held
        case away
        /// The method has its answer, and waits for a place.
        case returning
    }

    /// The call that gets a place that became free.
    enum Next: Equatable {
        case start(Call)
        case resume(Call)
    }

    private let most: Int
    private var taken = 0
    private var standings: [Call: Standing] = [:]
    /// First come, first served. The broker sends at most 4 calls more than run.
    private var queued: [Call] = []
    /// These go before new calls.
    private var returning: [Call] = []

    init(_ most: Int) { self.most = max(1, most) }

    /// A call came. Returns whether it may run now. If not, a later ``Next`` starts it.
    mutating func arrived(_ call: Call) -> Bool {
        if taken < most {
            taken += 1
            standings[call] = .held
            return true
        }
        standings[call] = .queued
        queued.append(call)
        return false
    }

    /// The method waits for another provider. Nothing changes when the method waits already, or has ended.
    mutating func left(_ call: Call) -> Next? {
        guard standings[call] == .held else { return nil }
        standings[call] = .away
        return passOn()
    }

    /// The method has its answer. Returns whether it may go on now. If not, a later ``Next`` resumes it.
    mutating func cameBack(_ call: Call) -> Bool {
        switch standings[call] {
        case .away:
            if taken < most {
                taken += 1
                standings[call] = .held
                return true
            }
            standings[call] = .returning
            returning.append(call)
            return false
        case .returning: return false
        case .held, .queued, nil: return true
        }
    }

    /// The method has returned, or will never run.
    mutating func ended(_ call: Call) -> Next? {
        switch standings.removeValue(forKey: call) {
        case .held: return passOn()
        case .queued: queued.removeAll { $0 == call }
        case .returning: returning.removeAll { $0 == call }
        case .away, nil: break
        }
        return nil
    }

    private mutating func passOn() -> Next? {
        if !returning.isEmpty {
            let call = returning.removeFirst()
            standings[call] = .held
            return .resume(call)
        }
        if !queued.isEmpty {
            let call = queued.removeFirst()
            standings[call] = .held
            return .start(call)
        }
        taken -= 1
        return nil
    }
}
