/// The calls to providers that are unanswered. A call keeps its slot until its answer comes, whether or not anybody still waits for it:
/// the bus counts it just the same.
struct CallSlots: Sendable {
    struct Slot: Hashable, Sendable {
        var peer: PeerID
        var uid: UInt32
    }

    private(set) var slots: [SinkID: Slot] = [:]
    private var perUser: [UInt32: Int] = [:]
    private var perPeer: [PeerID: Int] = [:]
    /// Whether a leg may be waiting for a slot.
    var isContended = false

    func holds(_ sink: SinkID) -> Bool { slots[sink] != nil }

    func hasRoom(for peer: PeerID, uid: UInt32, nested: Bool, limits: Limits) -> Bool {
        if nested { return slots.count < limits.calls + limits.nestedCalls }
        return slots.count < limits.calls && (perPeer[peer] ?? 0) < limits.callsPerProvider
            && (uid == 0 || (perUser[uid] ?? 0) < limits.callsPerUser)
    }

    mutating func take(_ sink: SinkID, peer: PeerID, uid: UInt32) {
        slots[sink] = Slot(peer: peer, uid: uid)
        perUser[uid, default: 0] += 1
        perPeer[peer, default: 0] += 1
    }

    /// The peer whose call it was, or nil when the sink has no slot.
    mutating func free(_ sink: SinkID) -> PeerID? {
        guard let slot = slots.removeValue(forKey: sink) else { return nil }
        perUser[slot.uid, default: 1] -= 1
        perPeer[slot.peer, default: 1] -= 1
        return slot.peer
    }

    func unanswered(by peer: PeerID) -> [SinkID] {
        perPeer[peer, default: 0] == 0 ? [] : slots.filter { $0.value.peer == peer }.map(\.key).sorted()
    }

    mutating func forget(_ peer: PeerID) { perPeer[peer] = nil }
}

/// Pings without an answer, bounded like calls: a peer that never answers keeps one for ever.
struct PingBudget: Hashable, Sendable {
    private var perUser: [UInt32: Int] = [:]
    private(set) var total = 0

    func hasRoom(for uid: UInt32, limits: Limits) -> Bool {
        total < limits.pings && (uid == 0 || (perUser[uid] ?? 0) < limits.pingsPerUser)
    }

    mutating func sent(uid: UInt32) {
        perUser[uid, default: 0] += 1
        total += 1
    }

    mutating func answered(uid: UInt32) {
        perUser[uid, default: 1] -= 1
        total -= 1
    }
}
