import CIM

/// What the broker must do, in this order, after an event. Effects carry ids, never continuations or bytes.
public enum Effect: Hashable, Sendable {
    // Towards the client.
    /// Hand a batch over: `Indicate` for an asynchronous operation; into the reply or the enumerator's buffer for the others.
    case deliver(OperationID, PayloadID)
    /// Hand events over in one batch. The first of them carries how many the subscriber has lost before it.
    case deliverEvents(OperationID, [PayloadID], lost: UInt64)
    /// The subscriber lost this event.
    /// - Parameter queued: bytes in the queue, which is full, since the subscriber took none for so long; nil: it was lost for another reason.
    case lose(OperationID, PayloadID, queued: Int?)
    /// The window of a group has ended: this event opened it, and so many came.
    case closeGroup(OperationID, PayloadID, count: UInt32)
    /// A batch that nobody will see.
    case discard(PayloadID)
    /// Send a progress report.
    case progress(OperationID, Progress)
    /// The one final status (L1). Nothing about this operation follows, but for what a client pulls.
    case finish(OperationID, Outcome)
    /// The client is gone: forget the operation without a word (L1).
    case abandon(OperationID)
    /// Answer a waiting `Next` with this many objects from the buffer, or a waiting `Skip` by dropping them.
    case answerNext(CallID, OperationID, objects: Int, status: WBEMStatus)
    case answerSkip(CallID, OperationID, objects: Int, status: WBEMStatus)
    /// Answer a waiting `GetCallStatus`, `GetResultObject` or `GetResultString`: it has its result (`true`), or must ask again.
    case answerResult(CallID, OperationID, ready: Bool)
    /// The results of a finished operation are no longer kept.
    case expire(OperationID)

    /// Conduct the operation. A ``finish(_:_:)`` or ``abandon(_:)`` that comes before the conductor is done dismisses it.
    case conduct(OperationID)
    /// Ask this part of a whole: ``BrokerCore/beginPart(of:index:kind:target:)``, or ``BrokerCore/partEnded(_:_:_:)`` where that is known at once.
    case ask(OperationID, Int)

    // Towards a provider.
    /// Send the provider its call.
    case call(SinkID)
    /// Answer an `Indicate`: the reply is the credit, or the refusal.
    case credit(CallID, WBEMStatus)
    /// Tell the provider that nobody waits for this sink any more (L9).
    case cancelCall(SinkID, PeerID, RegistrationID)
    /// Connect to the bus once more; ``BrokerCore/laneOpened(_:at:)`` or ``BrokerCore/laneLost(_:_:at:)`` says what became of it.
    case openLane(LaneID)
    /// Leave the bus with this connection: nobody waits for what it is still owed.
    case closeLane(LaneID)

    // Towards a provider of events.
    /// Ask the provider whether this subscriber may have its events: ``BrokerCore/accessAnswered(_:_:isGranted:)``.
    case askAccess(EventSourceID, OperationID)
    /// Tell the provider that somebody wants such events; and that nobody does any more.
    /// - Parameter query: the number by which the provider knows the query.
    case newQuery(EventSourceID, OperationID, query: UInt32)
    case cancelQuery(EventSourceID, OperationID, query: UInt32)
    /// Other subscribers listen to the source than before.
    case listenersChanged(EventSourceID)
    /// The source is gone.
    case sourceClosed(EventSourceID)

    // Polling.
    /// Look at the poll's instances, as a part of this subscription: ``BrokerCore/looked(_:_:bytes:)``, or ``BrokerCore/lookFailed(_:_:_:_:)``.
    case look(PollID, LookID, by: OperationID)
    /// Raise what is different between an older look and a newer one for these subscriptions.
    case compare(PollID, LookID, with: LookID, for: [OperationID])
    /// Nobody compares with what the look found any more.
    case forgetLook(LookID)
    /// A timer has fired, so often since it did last.
    case fire(TimerID, firings: UInt32)

    // Activation.
    /// Start the registration's process; ``BrokerCore/startFailed(_:_:reason:at:)`` says if that is not possible, its registering that it was.
    case start(RegistrationID)

    // Liveness.
    /// Ask a peer whether it is there; what was sent to it before is read when it answers.
    case ping(PeerID, LaneID)
    /// Ask the bus itself, behind the ping to this peer that was not answered: when it answers, what the peer said before has arrived.
    case probe(PeerID)
    /// A registration's state changed.
    case registrationChanged(RegistrationID)

    /// Something for the log that is nobody's answer.
    case note(Note)
}

/// One intermediate `SetStatus(WBEM_STATUS_PROGRESS)`.
public struct Progress: Hashable, Sendable, Codable {
    public var hresult: UInt32
    public var text: String
    public var object: PayloadID?

    public init(hresult: UInt32, text: String, object: PayloadID? = nil) {
        self.hresult = hresult
        self.text = text
        self.object = object
    }
}

/// What happened that an administrator may want to know.
public struct Note: Hashable, Sendable {
    public enum Event: String, Hashable, Sendable {
        case leak, violation, vanished, unresponsive, responsive, startFailed, lostReply
        /// The core itself is wrong (``BrokerCore/bug(_:)``).
        case bug
    }
    public var event: Event
    public var peer: PeerID?
    /// Its process, and what it served then: it may be gone when this is read.
    public var pid: UInt32?
    public var serving: [RegistrationID]
    public var sink: SinkID?
    public var text: String
}
