import HeapModule

/// When to look at what again. Each subject stands in it at most once; looking early costs a look, never a wrong decision.
struct Agenda: Sendable {
    enum Subject: Numbered, Sendable {
        case operation(OperationID)
        case peer(PeerID)
        case registration(RegistrationID)
        case poll(PollID)
        case timer(TimerID)

        /// Of two that differ the numbers may be the same, which is seldom.
        var number: UInt64 { place.number << 3 | UInt64(place.kind) }

        /// What is due at the same moment is looked at in this order, so that the same events always have the same effects.
        fileprivate var place: (kind: Int, number: UInt64) {
            switch self {
            case .operation(let id): (0, id.number)
            case .peer(let id): (1, id.number)
            case .registration(let id): (2, id.number)
            case .poll(let id): (3, id.number)
            case .timer(let id): (4, id.number)
            }
        }
    }

    private struct Entry: Comparable, Sendable {
        var at: Microseconds
        var subject: Subject
        static func < (a: Entry, b: Entry) -> Bool { a.at < b.at || a.at == b.at && a.subject.place < b.subject.place }
    }

    private var heap = Heap<Entry>()
    private(set) var times: [Subject: Microseconds] = [:]

    /// The next moment at which something must be looked at.
    var next: Microseconds? {
        mutating get {
            while let entry = heap.min {
                if times[entry.subject] == entry.at { return entry.at }
                heap.removeMin()
            }
            return nil
        }
    }

    /// As ``next``, of what may have been put off or taken out since.
    var earliest: Microseconds? { heap.min?.at }

    /// Looks at `subject` at `moment` or earlier.
    mutating func schedule(_ subject: Subject, at moment: Microseconds) {
        if let known = times[subject], known <= moment { return }
        times[subject] = moment
        heap.insert(Entry(at: moment, subject: subject))
        if heap.count > 64 + 4 * times.count { rebuild() }
    }

    mutating func remove(_ subject: Subject) {
        times[subject] = nil
    }

    /// Takes out everything that is due.
    mutating func due(at now: Microseconds) -> [Subject] {
        var subjects: [Subject] = []
        while let entry = heap.min, entry.at <= now {
            heap.removeMin()
            guard times[entry.subject] == entry.at else { continue }
            times[entry.subject] = nil
            subjects.append(entry.subject)
        }
        return subjects
    }

    private mutating func rebuild() {
        heap = Heap(times.map { Entry(at: $0.value, subject: $0.key) })
    }
}
