import CIM

/// What a peer asks to be let do, beside operations. The words of a refusal stand behind the name of the member that was called.
public enum Claim: Hashable, Sendable {
    /// To have a text of MOF compiled; a check changes nothing.
    case compilation(isCheck: Bool)
    /// To serve as a provider.
    /// - Parameter isGranted: whether the provider's definition grants it to the peer's user, or to one of the user's groups.
    case registration(namespace: String, name: String, isGranted: Bool)
    /// To bring so many bytes of MOF with its registration.
    case registeredMOF(bytes: Int)
    /// That the broker looks for the object that the peer registers.
    case look
    /// To suspend, resume, load or ping the provider of a registration of `owner`'s.
    case management(of: UInt32)
    /// An answer to a ping of this provider.
    case ping(of: PeerID)
    /// An answer that no operation's window holds back.
    case reading
    /// The socket of a private connection, which the bus carries to it (``BrokerCore/gaveBackSocket(of:)``).
    case socket(of: UInt32)
    /// That polkit is asked about a process of this user.
    case authorization(of: UInt32)

    /// What it takes until ``BrokerCore/gaveBack(_:by:)``.
    /// - Parameter uid: the peer's; of one that is gone, any.
    fileprivate func place(of peer: PeerID, _ uid: UInt32) -> QuotaLedger.Place? {
        switch self {
        case .registration, .management, .reading: nil
        case .compilation: .compilation(peer, of: uid)
        case .registeredMOF(let bytes): .registeredMOF(bytes: bytes)
        case .look: .look(peer, of: uid)
        case .ping(let provider): .ping(provider)
        case .socket(let uid): .socket(uid)
        case .authorization(let uid): .authorization(uid)
        }
    }
}

/// Admission: every request of a peer passes here before anything is done for it. Who may, ``Rights`` says; how many, and how many bytes,
/// ``QuotaLedger`` says.
extension BrokerCore {
    /// Lets a peer do what it claims, or refuses it; then nothing has changed.
    /// - Parameter groups: of the peer's user.
    public mutating func admit(_ claim: Claim, of peer: PeerID, groups: [UInt32] = []) throws(Refusal) {
        guard let uid = peers[peer]?.uid else { throw Refusal(.accessDenied, "the caller's credentials are not known") }
        try rights.check(claim, of: Caller(uid: uid, groups: groups))
        if claim == .reading, let refusal = refusalOfUnread(peer) { throw refusal }
        if let place = claim.place(of: peer, uid) { try quota.take(place, limits: limits) }
    }

    /// The peer's claim is settled, whether it is still there or not.
    public mutating func gaveBack(_ claim: Claim, by peer: PeerID) {
        if let place = claim.place(of: peer, peers[peer]?.uid ?? 0) { quota.giveBack(place) }
    }

    /// A process of this user has fetched its socket from the bus, or has left: nobody's peer any more, perhaps.
    public mutating func gaveBackSocket(of uid: UInt32) { quota.giveBack(.socket(uid)) }

    /// Whether one more message is taken of a caller that the bus has not named yet: nobody's quota applies to it.
    public mutating func admitNewcomer(_ name: String, bytes: Int) -> Bool { quota.takeNewcomer(name, bytes: bytes, limits: limits) }

    /// The newcomer has a name now, or is gone.
    public mutating func forgetNewcomer(_ name: String) { quota.forgetNewcomer(name) }

    /// A client's request for an operation.
    func admit(_ request: Request) throws(Refusal) -> (uid: UInt32, parent: Entry<Operation>?) {
        guard let client = peers[request.client] else { throw Refusal(.accessDenied, "the caller's credentials are not known") }
        try quota.check(.input(client.uid, bytes: request.inputBytes), limits: limits)
        guard !isShuttingDown else { throw Refusal(.shuttingDown, "the broker is stopping") }
        let parent = try checkParent(of: request)
        if case .async(let sink) = request.form, sink.isEmpty || sink == "/" {
            throw Refusal(.invalidParameter, "the object path / is a NULL sink; give the path of an object that implements ObjectSink")
        }
        if case .async(let sink) = request.form, client.clientSinks[sink] != nil {
            throw Refusal(.invalidParameter, "sink \(sink) has an open operation; use another path, or wait for its final status")
        }
        let origin = parent?.origin ?? client.uid
        guard quota.hasRoom(for: origin, limits: limits) else {
            throw Refusal(
                .quotaViolation,
                "too many open operations: uid \(origin) has \(quota.open.of(origin)), all users \(quota.open.total); wait for some to end")
        }
        if let refusal = refusalOfUnread(request.client) { throw refusal }
        return (client.uid, parent)
    }

    /// The operation that a request claims to be nested in (L12).
    private func checkParent(of request: Request) throws(Refusal) -> Entry<Operation>? {
        guard let claimed = request.parent else { return nil }
        guard let operation = operations[claimed], holds(request.client, claimed) else {
            throw Refusal(.invalidContext, "__OPERATION \(claimed.number): the caller holds no sink of that operation")
        }
        guard operation.depth < limits.depth else {
            throw Refusal(
                .providerNotCapable, "operation \(claimed.number) is nested \(limits.depth) deep; a provider calls itself in a circle?")
        }
        let reading = operation.request.kind
        if request.kind.isWrite, reading.isEnumeration || reading == .getObject, !request.updatesAsOwner {
            throw Refusal(
                .invalidOperation, "operation \(claimed.number) is a \(reading.rawValue); a provider does not write while it serves a read")
        }
        return operation
    }

    /// The operation has what its client sent with it, until a provider is called, or nobody will be.
    mutating func takeInput(_ bytes: Int, _ uid: UInt32, for id: OperationID) {
        guard bytes > 0 else { return }
        operations[id]?.input = .input(uid, bytes: bytes)
        quota.charge(.input(uid, bytes: bytes))
    }

    mutating func giveBackInput(of id: OperationID) {
        guard let input = operations[id]?.input else { return }
        operations[id]?.input = nil
        quota.giveBack(input)
    }
}
