import CIM

/// One provider's part of an operation, with the service sink that the provider was given.
public struct Leg: Sendable {
    /// How far the call is. A leg is gone once it is over (L4), from each of these.
    enum Call: Hashable, Sendable {
        /// Waits for a free slot. Can transition to: called; gone.
        case queued(since: Microseconds)
        /// The call is out and unanswered; it is itself a reference (L2). Can transition to: answered, when it is, or cannot be any more; gone.
        case called
        /// The provider answered, and holds what its ledger says. Can transition to: gone.
        case answered

        enum Kind: Charted {
            case queued, called, answered

            var place: Int {
                switch self {
                case .queued: 1
                case .called: 2
                case .answered: 3
                }
            }

            static let chart: Steps<Kind> = [
                nil: [.queued], .queued: [.called, nil], .called: [.answered, nil], .answered: [nil],
            ]
        }

        var kind: Kind {
            switch self {
            case .queued: .queued
            case .called: .called
            case .answered: .answered
            }
        }
    }

    public let sink: SinkID
    public let operation: OperationID
    public let registration: RegistrationID
    /// The process that was called. A registration may have come back as another one since.
    public let peer: PeerID
    /// Nested in an operation of the same tree: it passes the queue (L12).
    let nested: Bool
    /// The user that the operation is charged to, in whose turn the call waits.
    let client: UInt32
    public internal(set) var ledger = SinkLedger()
    var call: Call
    /// The status the provider reported, and when; the first one wins (P7).
    public internal(set) var final: Outcome?
    var finalAt: Microseconds?
    var objects = 0
    /// When the provider last said something about this operation.
    var heard: Microseconds
    /// Whether anybody has used the sink: then its provider serves the call.
    var isUsed = false
    /// `Indicate` calls the broker has not answered. Time in which there are any is no silence (L8).
    var withheld = 0

    /// The provider has its call.
    mutating func wasCalled(at moment: Microseconds) {
        ledger.call(peer)
        heard = moment
    }
}
