import CIM

/// How much there is of everything that is bounded: what operations occupy, for each user and in all, and places that peers take beside them.
///
/// An open operation is charged to the user of the outermost client (L12). Results and bytes of results are charged to the user whose
/// connection is to pull them, what a client sends for a provider to the client's user.
public struct QuotaLedger: Hashable, Sendable {
    /// A number for each user, and their sum.
    struct Count: Hashable, Sendable {
        private(set) var perUser: [UInt32: Int] = [:]
        private(set) var total = 0

        func of(_ uid: UInt32) -> Int { perUser[uid] ?? 0 }

        /// Whether the user may have one more.
        func hasRoom(for uid: UInt32, _ share: Share) -> Bool {
            share.want(of: uid, having: of(uid) + 1, others: total - of(0) + 1) == nil
        }

        mutating func charge(_ uid: UInt32) {
            perUser[uid, default: 0] += 1
            total += 1
        }

        /// - Returns: whether one was charged.
        mutating func refund(_ uid: UInt32) -> Bool {
            guard let count = perUser[uid] else { return false }
            perUser[uid] = count == 1 ? nil : count - 1
            total -= 1
            return true
        }
    }

    /// A place that is given back.
    enum Place: Hashable, Sendable {
        /// Bytes of an instance or of in parameters, which a user's client sent and no provider has been given yet.
        case input(UInt32, bytes: Int)
        /// A text that is compiled for this peer.
        case compilation(PeerID, of: UInt32)
        /// MOF of a registration that is compiled and stored.
        case registeredMOF(bytes: Int)
        /// This process is asked for the object that it registers.
        case look(PeerID, of: UInt32)
        /// An administrator's ping of this provider waits for its answer.
        case ping(PeerID)
        /// A socket is on its way over the bus to a process of this user.
        case socket(UInt32)
        /// polkit is asked about a process of this user.
        case authorization(UInt32)
    }

    private struct Newcomer: Hashable {
        var messages: Int
        var bytes: Int
    }

    /// Operations without their one end.
    var open = Count()
    /// Finished semisynchronous operations that are kept (L8).
    var results = Count()
    private(set) var buffered: [UInt32: Int] = [:]
    private(set) var inputs: [UInt32: Int] = [:]
    private var compiling: [PeerID: UInt32] = [:]
    private var registeredMOF = 0
    private var looked: [PeerID: UInt32] = [:]
    private var pinged: Set<PeerID> = []
    private(set) var sockets = Count()
    private(set) var authorizations = Count()
    private var newcomers: [String: Newcomer] = [:]
    private var newcomerBytes = 0

    public init() {}

    func hasRoom(for uid: UInt32, limits: Limits) -> Bool {
        open.hasRoom(
            for: uid, Share(most: limits.operationsPerUser, all: limits.operations, least: limits.leastOperations))
    }

    func hasRoomForResults(of uid: UInt32, limits: Limits) -> Bool {
        results.hasRoom(for: uid, Share(most: limits.resultsPerUser, all: limits.results, least: limits.leastOperations))
    }

    /// Bytes of results that wait in the broker's memory.
    func buffered(for uid: UInt32) -> Int { buffered[uid] ?? 0 }

    mutating func buffer(_ bytes: Int, for uid: UInt32) {
        let sum = (buffered[uid] ?? 0) + bytes
        buffered[uid] = sum > 0 ? sum : nil
    }

    // MARK: - Places

    /// - Throws: QuotaViolation, ServerTooBusy: there is no such place now.
    mutating func take(_ place: Place, limits: Limits) throws(Refusal) {
        try check(place, limits: limits)
        charge(place)
    }

    /// Whether ``take(_:limits:)`` would succeed; it throws what that would.
    func check(_ place: Place, limits: Limits) throws(Refusal) {
        switch place {
        case .input(let uid, let bytes):
            if (inputs[uid] ?? 0) + bytes <= max(limits.inputPerUser, bytes) { return }
            throw Refusal(
                .quotaViolation,
                "uid \(uid) has \(limits.inputPerUser >> 20) MiB of instances, parameters and contexts waiting for providers")
        case .compilation(let peer, let uid):
            if compiling[peer] == nil, Self.hasPlace(in: compiling, for: uid, limits.compilations, perUser: 1) { return }
            throw Refusal(.serverTooBusy, "other texts are being compiled; wait for their end")
        case .registeredMOF(let bytes):
            if bytes == 0 || registeredMOF + bytes <= limits.registeredMOF { return }
            throw Refusal(.serverTooBusy, "the MOF of other providers is being compiled; try again when they are registered")
        case .look(let peer, let uid):
            if looked[peer] == nil, Self.hasPlace(in: looked, for: uid, limits.looks, perUser: limits.looks - 1) { return }
            throw Refusal(.serverTooBusy, "other processes are asked for the objects that they register")
        case .ping(let peer):
            if pinged.count < limits.administratorsPings, !pinged.contains(peer) { return }
            throw Refusal(.quotaViolation, "other pings wait for their answers; try again later")
        case .socket(let uid):
            guard sockets.of(uid) < limits.socketsPerUser else {
                throw Refusal(.quotaViolation, "uid \(uid) has not fetched \(limits.socketsPerUser) sockets from the bus; fetch them")
            }
            if sockets.hasRoom(for: uid, Share(most: limits.socketsPerUser, all: limits.sockets, least: limits.leastSockets)) { return }
            throw Refusal(.serverTooBusy, "the bus has many sockets that nobody has fetched; try again later")
        case .authorization(let uid):
            let share = Share(most: limits.authorizationsPerUser, all: limits.authorizations, least: 1)
            if authorizations.hasRoom(for: uid, share) { return }
            throw Refusal(.serverTooBusy, "polkit is being asked about other calls of uid \(uid), or of others; wait for its answers")
        }
    }

    /// Whether one of a few places is left: the last of them is root's alone.
    private static func hasPlace(in taken: [PeerID: UInt32], for uid: UInt32, _ most: Int, perUser: Int) -> Bool {
        if uid == 0 { return taken.count < most }
        return taken.count { $0.value != 0 } < most - 1 && taken.count < most && taken.count { $0.value == uid } < perUser
    }

    /// Takes the place, whether there is one or not.
    mutating func charge(_ place: Place) {
        switch place {
        case .input(let uid, let bytes): inputs[uid, default: 0] += bytes
        case .compilation(let peer, let uid): compiling[peer] = uid
        case .registeredMOF(let bytes): registeredMOF += bytes
        case .look(let peer, let uid): looked[peer] = uid
        case .ping(let peer): pinged.insert(peer)
        case .socket(let uid): sockets.charge(uid)
        case .authorization(let uid): authorizations.charge(uid)
        }
    }

    mutating func giveBack(_ place: Place) {
        switch place {
        case .input(let uid, let bytes):
            let left = (inputs[uid] ?? 0) - bytes
            inputs[uid] = left > 0 ? left : nil
        case .compilation(let peer, _): compiling[peer] = nil
        case .registeredMOF(let bytes): registeredMOF -= bytes
        case .look(let peer, _): looked[peer] = nil
        case .ping(let peer): pinged.remove(peer)
        case .socket(let uid): _ = sockets.refund(uid)
        case .authorization(let uid): _ = authorizations.refund(uid)
        }
    }

    // MARK: - Newcomers

    /// - Returns: whether one more message of a caller that the bus has not named yet is taken.
    mutating func takeNewcomer(_ name: String, bytes: Int, limits: Limits) -> Bool {
        let known = newcomers[name]
        if let known, known.messages >= limits.newcomerMessages || newcomerBytes + bytes > limits.newcomerBytes { return false }
        newcomers[name] = Newcomer(messages: (known?.messages ?? 0) + 1, bytes: (known?.bytes ?? 0) + bytes)
        newcomerBytes += bytes
        return true
    }

    mutating func forgetNewcomer(_ name: String) {
        if let known = newcomers.removeValue(forKey: name) { newcomerBytes -= known.bytes }
    }
}
