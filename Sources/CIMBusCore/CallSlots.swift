/// One of the broker's connections to the bus over which it calls providers. Never reused while the broker runs.
///
/// The bus remembers each call until it is answered, up to a number for each caller, and forgets it before that only when one of the two
/// leaves. So the calls that providers never answer would use up the broker's own connection. A lane beside it takes their place: when enough
/// of its calls are lost, and nobody waits for any other, the broker leaves it, and the bus forgets them.
public struct LaneID: Numbered, Sendable, Codable, Comparable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static func < (a: LaneID, b: LaneID) -> Bool { a.number < b.number }

    /// The connection that owns `org.cimbus1`: it is always there.
    public static let own = LaneID(0)
    /// No connection to the bus at all, but the provider's own: the bus remembers nothing of what goes by it, and counts nothing.
    public static let `private` = LaneID(.max)
}

/// The calls to providers that are unanswered, and the lanes they went out by.
struct CallSlots: Sendable {
    struct Slot: Hashable, Sendable {
        var peer: PeerID
        var uid: UInt32
        /// The user whose operation it is for.
        var client: UInt32
        var lane: LaneID
        var since: Microseconds
        /// Whether it counts among the calls that the provider, and its user's providers, may have unanswered. One that nobody waits for any
        /// more does not, nor one that is long unanswered by a provider that answers others.
        var isCounted = true
        /// Whether nobody waits for it any more, and what it was then.
        var isLost: Bool { call != nil }
        var call: Call?
    }

    /// What one user's operations have of a provider.
    private struct Share: Hashable {
        let peer: PeerID
        let client: UInt32
    }

    /// What one user's operations have of all providers of a user.
    private struct ShareOfUser: Hashable {
        let uid: UInt32
        let client: UInt32
    }

    /// What is told of a call that was lost.
    struct Call: Hashable, Sendable {
        var registration: RegistrationID
        var kind: Request.Kind
    }

    struct Lane: Hashable, Sendable {
        var isOpen: Bool
        /// Calls and pings without an answer, and those of them that nobody waits for.
        var unanswered = 0
        var lost = 0
    }

    /// Where a call may go.
    enum Room: Hashable, Sendable {
        case lane(LaneID)
        /// Nowhere as long as there is no other lane.
        case needsLane
        case none
    }

    private(set) var slots: [SinkID: Slot] = [:]
    private(set) var lanes: [LaneID: Lane] = [.own: Lane(isOpen: true)]
    /// The outstanding pings that went by another lane than the broker's own.
    private var pings: [PeerID: (lane: LaneID, isMissed: Bool)] = [:]
    private var counted = 0
    /// Those of them that providers of root have.
    private var countedOfRoot = 0
    private(set) var perUser: [UInt32: Int] = [:]
    private var perPeer: [PeerID: Int] = [:]
    private var perShare: [Share: Int] = [:]
    private var perShareOfUser: [ShareOfUser: Int] = [:]
    private(set) var perClient: [UInt32: Int] = [:]
    private var lostPerPeer: [PeerID: Int] = [:]
    private var setAsidePerUser: [UInt32: Int] = [:]
    private var setAsidePerShare: [ShareOfUser: Int] = [:]
    private var lastLane: UInt64 = 0
    /// Peers that calls wait for, and whether there is room since these were looked at last.
    var waiting: Set<PeerID> = []
    var hasNewRoom = false

    /// Whether no call at all may go out by the bus.
    func isFull(_ limits: Limits) -> Bool { counted >= limits.calls + limits.nestedCalls }

    func room(for peer: PeerID, uid: UInt32, nested: Bool, isPrivate: Bool, limits: Limits) -> Room {
        if isPrivate {
            let hasRoom = nested || (perPeer[peer] ?? 0) < limits.callsPerProvider
            return hasRoom && (lostPerPeer[peer] ?? 0) < limits.lostPrivately ? .lane(.private) : .none
        }
        let most = limits.calls + (nested ? limits.nestedCalls : 0)
        guard counted < most else { return .none }
        if !nested {
            guard (perPeer[peer] ?? 0) < limits.callsPerProvider, uid == 0 || (perUser[uid] ?? 0) < limits.callsPerUser else {
                return .none
            }
            // Neither root's providers nor those of others can take all.
            let most = uid == 0 ? limits.calls - limits.callsForOthers : limits.calls - limits.callsForRoot
            guard (uid == 0 ? countedOfRoot : counted - countedOfRoot) < max(1, most) else { return .none }
        }
        if (lanes[.own]?.unanswered ?? 0) < most, (lostPerPeer[peer] ?? 0) < limits.lostOnOwnLane { return .lane(.own) }
        return roomBeside(below: most, limits)
    }

    /// Room on another lane than the broker's own.
    func roomBeside(below most: Int, _ limits: Limits) -> Room {
        var isOpening = false
        for (id, lane) in lanes.sorted(by: { $0.key < $1.key }) where id != .own {
            if !lane.isOpen {
                isOpening = true
            } else if lane.lost < limits.lostPerLane, lane.unanswered < most {
                return .lane(id)
            }
        }
        return isOpening || lanes.count > limits.lanes ? .none : .needsLane
    }

    /// How many calls for a user's operations are under way at the provider; nil: the user may have no other there. Of each bound a part is left for
    /// others, always: of the provider's, of its user's, and of all.
    func taken(by client: UInt32, at peer: PeerID, of uid: UInt32, isPrivate: Bool, _ limits: Limits) -> Int? {
        let count = perShare[Share(peer: peer, client: client)] ?? 0
        guard client != 0 else { return count }
        guard count < Limits.clientsShare(of: limits.callsPerProvider) else { return nil }
        guard !isPrivate else { return count }
        let ofUser = perShareOfUser[ShareOfUser(uid: uid, client: client)] ?? 0
        let hasRoom =
            (perClient[client] ?? 0) < limits.callsPerClient
            && (uid == 0 || ofUser < Limits.clientsShare(of: limits.callsPerUser))
        return hasRoom ? count : nil
    }

    // MARK: - Calls

    mutating func take(_ sink: SinkID, _ lane: LaneID, peer: PeerID, uid: UInt32, client: UInt32, at now: Microseconds) {
        slots[sink] = Slot(peer: peer, uid: uid, client: client, lane: lane, since: now)
        lanes[lane]?.unanswered += 1
        if lane != .private {
            counted += 1
            if uid == 0 { countedOfRoot += 1 }
            perUser[uid, default: 0] += 1
            perClient[client, default: 0] += 1
            perShareOfUser[ShareOfUser(uid: uid, client: client), default: 0] += 1
        }
        perPeer[peer, default: 0] += 1
        perShare[Share(peer: peer, client: client), default: 0] += 1
    }

    /// The slot that the sink had, or nil when it has none.
    mutating func free(_ sink: SinkID) -> Slot? {
        guard let slot = slots.removeValue(forKey: sink) else { return nil }
        uncount(slot)
        lanes[slot.lane]?.unanswered -= 1
        if slot.isLost {
            lanes[slot.lane]?.lost -= 1
            Self.lower(&lostPerPeer[slot.peer])
        } else if !slot.isCounted {
            takeBack(slot)
        }
        return slot
    }

    /// The call, which was set aside, is so no more.
    private mutating func takeBack(_ slot: Slot) {
        Self.lower(&setAsidePerUser[slot.uid])
        Self.lower(&setAsidePerShare[ShareOfUser(uid: slot.uid, client: slot.client)])
    }

    private static func lower(_ count: inout Int?) { count = count.flatMap { $0 > 1 ? $0 - 1 : nil } }

    private mutating func uncount(_ slot: Slot) {
        guard slot.isCounted else { return }
        if slot.lane != .private {
            counted -= 1
            if slot.uid == 0 { countedOfRoot -= 1 }
            Self.lower(&perUser[slot.uid])
            Self.lower(&perClient[slot.client])
            Self.lower(&perShareOfUser[ShareOfUser(uid: slot.uid, client: slot.client)])
        }
        Self.lower(&perPeer[slot.peer])
        Self.lower(&perShare[Share(peer: slot.peer, client: slot.client)])
    }

    /// Nobody waits for this call any more.
    /// - Returns: false when it has no slot, or is lost already.
    mutating func lose(_ sink: SinkID, _ call: Call) -> Bool {
        guard let slot = slots[sink], !slot.isLost else { return false }
        uncount(slot)
        if !slot.isCounted { takeBack(slot) }
        slots[sink]?.isCounted = false
        slots[sink]?.call = call
        hasNewRoom = true
        lanes[slot.lane]?.lost += 1
        lostPerPeer[slot.peer, default: 0] += 1
        return true
    }

    /// The call holds up no others any more, though somebody waits for it; unless its provider's user has too many such calls, or too many of them are
    /// for one client's user.
    mutating func setAside(_ sink: SinkID, _ limits: Limits) {
        guard let slot = slots[sink], slot.isCounted, (setAsidePerUser[slot.uid] ?? 0) < limits.setAsidePerUser else { return }
        let share = ShareOfUser(uid: slot.uid, client: slot.client)
        guard slot.client == 0 || (setAsidePerShare[share] ?? 0) < Limits.clientsShare(of: limits.setAsidePerUser) else { return }
        uncount(slot)
        slots[sink]?.isCounted = false
        setAsidePerUser[slot.uid, default: 0] += 1
        setAsidePerShare[share, default: 0] += 1
        hasNewRoom = true
    }

    func unanswered(by peer: PeerID) -> [SinkID] {
        (perPeer[peer] ?? 0) == 0 && (lostPerPeer[peer] ?? 0) == 0 && setAsidePerUser.isEmpty
            ? [] : slots.filter { $0.value.peer == peer }.map(\.key).sorted()
    }

    // MARK: - Lanes

    mutating func addLane() -> LaneID {
        lastLane += 1
        lanes[LaneID(lastLane)] = Lane(isOpen: false)
        return LaneID(lastLane)
    }

    mutating func opened(_ lane: LaneID) {
        // Nil: its end was faster.
        lanes[lane]?.isOpen = true
        hasNewRoom = true
    }

    /// The lane is gone. Returns the calls that went by it, and the peers that were pinged by it.
    mutating func removeLane(_ lane: LaneID) -> (calls: [SinkID], pinged: [PeerID]) {
        let calls = slots.filter { $0.value.lane == lane }.map(\.key).sorted()
        let pinged = pings.filter { $0.value.lane == lane }.map(\.key).sorted()
        for peer in pinged { pings[peer] = nil }
        if lane != .own { lanes[lane] = nil }
        hasNewRoom = true
        return (calls, pinged)
    }

    /// Lanes that the broker may leave: enough of their calls are lost, and nobody waits for any other.
    func exhausted(_ limits: Limits) -> [LaneID] {
        if lanes.count == 1 { return [] }
        return lanes.filter {
            $0.key != .own && $0.value.isOpen && $0.value.lost >= limits.lostPerLane && $0.value.lost == $0.value.unanswered
        }
        .map(\.key).sorted()
    }

    // MARK: - Pings beside the broker's own lane

    mutating func pinged(_ peer: PeerID, by lane: LaneID) {
        pings[peer] = (lane, false)
        lanes[lane]?.unanswered += 1
    }

    mutating func missed(_ peer: PeerID) {
        guard let ping = pings[peer], !ping.isMissed else { return }
        pings[peer]?.isMissed = true
        lanes[ping.lane]?.lost += 1
    }

    /// Whether the ping went by another lane than the broker's own.
    mutating func pingEnded(of peer: PeerID) -> Bool {
        guard let ping = pings.removeValue(forKey: peer) else { return false }
        lanes[ping.lane]?.unanswered -= 1
        if ping.isMissed { lanes[ping.lane]?.lost -= 1 }
        return true
    }
}

/// Pings without an answer, bounded like calls: a peer that never answers keeps one for ever.
struct PingBudget: Hashable, Sendable {
    private var perUser: [UInt32: Int] = [:]
    private(set) var total = 0

    func hasRoom(for uid: UInt32, limits: Limits) -> Bool {
        if uid == 0 { return total < limits.pings }
        return total - (perUser[0] ?? 0) < max(1, limits.pings - limits.pingsForRoot) && total < limits.pings
            && (perUser[uid] ?? 0) < limits.pingsPerUser
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
