import CIM

/// One provider's part of an operation, with the service sink that the provider was given.
public struct Leg: Sendable {
    /// Can transition to: queued → called → answered; a leg is gone once it is over (L4).
    enum Call: Hashable, Sendable {
        /// Waits for a free slot. Can transition to: called.
        case queued(since: Microseconds)
        /// The call is out and unanswered; it is itself a reference (L2). Can transition to: answered.
        case called
        /// The provider answered, and holds what its ledger says.
        case answered
    }

    public let sink: SinkID
    public let operation: OperationID
    public let registration: RegistrationID
    /// The process that was called. A registration may have come back as another one since.
    public let peer: PeerID
    /// Nested in an operation of the same tree: it passes the queue (L12).
    let nested: Bool
    public internal(set) var ledger = SinkLedger()
    var call: Call
    /// The status the provider reported, and when; the first one wins (P7).
    public internal(set) var final: Outcome?
    var finalAt: Microseconds?
    var objects = 0
    /// When the provider last said something about this operation.
    var heard: Microseconds
    /// `Indicate` calls the broker has not answered. Time in which there are any is no silence (L8).
    var withheld = 0

    /// The provider has its call.
    mutating func wasCalled(at moment: Microseconds) {
        call = .called
        ledger.call(peer)
        heard = moment
    }
}
