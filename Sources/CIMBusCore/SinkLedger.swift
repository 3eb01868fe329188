/// Who holds a reference to one service sink (L2, L3; R80).
///
/// While a provider has not answered its call, the call itself is a reference of that provider, and its count may pass below zero: a fast worker
/// may give back a reference that the reply is only about to announce. The reply's number is added, then judged.
public struct SinkLedger: Hashable, Sendable {
    /// Why the ledger refused, and changed nothing. The fault is the peer's.
    public enum Violation: Error, Hashable, Sendable {
        /// The peer never held this sink (L3: AccessDenied).
        case notAnOwner
        /// The peer's references are all given back already (L3: InvalidOperation).
        case nothingLeft
        /// More references than anybody needs.
        case tooMany
    }

    static let most = Int(Int32.max)

    private(set) var counts: [PeerID: Int] = [:]
    /// The peer whose call is unanswered; it holds one reference through it.
    public private(set) var caller: PeerID?

    public init() {}

    /// The call goes out: from now on it is a reference of `peer`.
    public mutating func call(_ peer: PeerID) {
        caller = peer
        counts[peer] = 0
    }

    /// Whether anybody holds the sink.
    public var isHeld: Bool { references > 0 }

    public func isHeld(by peer: PeerID) -> Bool { caller == peer || (counts[peer] ?? 0) > 0 }

    /// Every owner with its references, the unanswered call counted as one.
    public var owners: [(peer: PeerID, references: Int)] {
        counts.keys.sorted().compactMap { peer in
            let references = max(0, counts[peer] ?? 0) + (caller == peer ? 1 : 0)
            return references > 0 ? (peer, references) : nil
        }
    }

    /// Every peer that has, or had, references.
    var everyOwner: some Collection<PeerID> { counts.keys }

    /// How many references there are, the unanswered call counted as one.
    public var references: Int { counts.values.reduce(caller == nil ? 0 : 1) { $0 + max(0, $1) } }

    /// `AddRef`: the calling peer's count, afterwards.
    public mutating func retain(by peer: PeerID) throws(Violation) -> Int {
        guard isHeld(by: peer) else { throw .notAnOwner }
        let count = (counts[peer] ?? 0) + 1
        guard count <= Self.most else { throw .tooMany }
        counts[peer] = count
        return max(0, count)
    }

    /// `Release`: the calling peer's count, afterwards.
    public mutating func release(by peer: PeerID) throws(Violation) -> Int {
        guard let count = counts[peer] else { throw .notAnOwner }
        guard isHeld(by: peer) else { throw .nothingLeft }
        guard count > -Self.most else { throw .tooMany }
        counts[peer] = count - 1
        return max(0, count - 1)
    }

    /// `Transfer`: one reference changes its owner.
    public mutating func transfer(from peer: PeerID, to other: PeerID) throws(Violation) {
        guard isHeld(by: peer) else { throw .notAnOwner }
        guard (counts[other] ?? 0) < Self.most else { throw .tooMany }
        _ = try release(by: peer)
        counts[other, default: 0] += 1
    }

    /// The called peer answered and keeps `references` beyond those it took with `AddRef`. Returns false when the sum is still below zero;
    /// it counts as zero then.
    public mutating func answer(keeping references: Int) -> Bool {
        guard let peer = caller else { return true }
        caller = nil
        let sum = (counts[peer] ?? 0) + min(references, Self.most)
        counts[peer] = max(0, sum)
        return sum >= 0
    }

    /// Death, or an error result, empties it: `peer` holds nothing any more.
    public mutating func releaseAll(heldBy peer: PeerID) {
        if caller == peer { caller = nil }
        counts[peer] = 0
    }
}
