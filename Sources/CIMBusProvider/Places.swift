/// Who runs: at most so many methods at once, each on a place of its own. A method that waits for another provider gives its place up
/// and takes one again before it goes on (R13).
///
/// A decision in values: it starts and resumes nobody, and says who is next. A method that waits for several others at once gives up its one place with the
/// first, and takes it back with the first that answers: what it does at the same time is its own affair.
struct Places<Call: Hashable & Sendable>: Sendable {
    /// How a call stands. Can transition: queued → held; held → away → returning or held; returning → held; from each to nothing, by its end.
    private enum Standing {
        case queued
        case held
        case away
        /// It has its answer, and waits for a place.
        case returning
    }

    /// Who gets a place that became free.
    enum Next: Equatable {
        case start(Call)
        case resume(Call)
    }

    private let most: Int
    private var taken = 0
    private var standings: [Call: Standing] = [:]
    /// First come, first served. The broker sends no more than 4 beyond those that run.
    private var queued: [Call] = []
    /// These go before new calls.
    private var returning: [Call] = []

    init(_ most: Int) { self.most = max(1, most) }

    /// A call came. False: it waits, and is started by a ``Next``.
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

    /// The method waits for another provider. Nothing changes when it does so already, or has ended.
    mutating func left(_ call: Call) -> Next? {
        guard standings[call] == .held else { return nil }
        standings[call] = .away
        return passOn()
    }

    /// The method has its answer. False: it waits, and is resumed by a ``Next``.
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
