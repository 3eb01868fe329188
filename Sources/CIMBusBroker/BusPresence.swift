/// Whether the broker is on its bus, and what is to be done when that changes. It does no I/O.
///
/// The bus is lost for good only when the broker is not back under its name, on the same bus, in time: until then those go on that do not need it.
struct BusPresence: Hashable, Sendable {
    enum State: Hashable, Sendable {
        /// Can transition to: away, over.
        case present
        /// It has tried so many times to come back, without success. Can transition to: present, over.
        case away(tries: Int)
        case over
    }

    /// What came of a try to come back.
    enum Try: Hashable, Sendable {
        /// It has its name again, on the bus that it was on.
        case back
        case failed(String)
        case otherBus
        case nameTaken
    }

    enum Step: Hashable, Sendable {
        case nothing
        /// What the bus carried has ended. Try to come back, at once, and say when the time is up.
        case leave
        case retry(after: Duration)
        /// Make up for what was missed.
        case resume
        /// The bus is lost for good, for this reason.
        case end(String)
    }

    private(set) var state = State.present
    /// Why the last try failed.
    private var obstacle = ""
    /// How long the broker may be away.
    let grace: Duration

    init(grace: Duration) { self.grace = grace }

    private static let firstPause = Duration.milliseconds(10)
    private static let longestPause = Duration.milliseconds(640)

    mutating func dropped() -> Step {
        guard state == .present else { return .nothing }
        state = .away(tries: 0)
        obstacle = ""
        return .leave
    }

    mutating func tried(_ outcome: Try) -> Step {
        guard case .away(let tries) = state else { return .nothing }
        switch outcome {
        case .back:
            state = .present
            return .resume
        case .failed(let reason):
            state = .away(tries: tries + 1)
            obstacle = reason
            return .retry(after: min(Self.firstPause * (1 << min(tries, 16)), Self.longestPause))
        case .otherBus: return end("another bus is there instead of it")
        case .nameTaken: return end("somebody else took the broker's name meanwhile")
        }
    }

    mutating func timeIsUp() -> Step {
        guard case .away = state else { return .nothing }
        return end("the broker could not come back within \(grace)\(obstacle.isEmpty ? "" : ": \(obstacle)")")
    }

    /// The broker stops: it does not come back.
    mutating func stopped() { state = .over }

    private mutating func end(_ reason: String) -> Step {
        state = .over
        return .end(reason)
    }
}
