/// Who wants events, who raises them, and how much of it waits: the one place that knows. The end of a subscriber or of a process empties it.
public struct EventLedger: Sendable {
    public internal(set) var subscriptions = Table<OperationID, Subscription>()
    public internal(set) var sources = Table<EventSourceID, EventSource>()
    /// Bytes of events that wait, of each user and in all.
    private(set) var bytes: [UInt32: Int] = [:]
    private(set) var totalBytes = 0
    var counts = QuotaLedger.Count()
    private var lastSource: UInt64 = 0
    private var lastQuery: UInt32 = 0

    /// What is polled, and what looks found that somebody compares with: how many do, and whose memory it is.
    public internal(set) var polls = Table<PollID, Poll>()
    private var subjects: [Poll.Subject: PollID] = [:]
    private(set) var looks: [LookID: Found] = [:]
    private(set) var lookBytes: [UInt32: Int] = [:]
    private var lastPoll: UInt64 = 0
    private var lastLook: UInt64 = 0

    struct Found: Hashable, Sendable {
        let bytes: Int
        let uid: UInt32
        var uses = 0
    }

    var isEmpty: Bool {
        subscriptions.isEmpty && sources.isEmpty && totalBytes == 0 && bytes.isEmpty && polls.isEmpty && subjects.isEmpty && looks.isEmpty
            && lookBytes.isEmpty
    }

    /// The sources of a process, in the order in which it opened them.
    func sources(of peer: PeerID) -> [EventSourceID] {
        sources.isEmpty ? [] : sources.values.filter { $0.peer == peer }.map { $0.id }
    }

    mutating func newSource() -> EventSourceID {
        lastSource += 1
        return EventSourceID(lastSource)
    }

    /// A number that no open query has.
    mutating func newQuery() -> UInt32 {
        lastQuery = lastQuery == .max ? 1 : lastQuery + 1
        return lastQuery
    }

    /// So many bytes more wait for a subscriber of the user.
    mutating func charge(_ count: Int, _ uid: UInt32) {
        let sum = (bytes[uid] ?? 0) + count
        bytes[uid] = sum > 0 ? sum : nil
        totalBytes += count
    }

    /// The user for whose subscribers most waits.
    var greediest: UInt32? { bytes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key }
}

// MARK: - Polls

extension EventLedger {
    /// The polls that make events of a subscription.
    func polls(of id: OperationID) -> [PollID] {
        polls.isEmpty ? [] : polls.values.filter { $0.watchers[id] != nil }.map { $0.id }
    }

    /// The poll of these instances, which begins where there is none.
    mutating func poll(of subject: Poll.Subject) -> PollID {
        if let known = subjects[subject] { return known }
        lastPoll += 1
        let id = PollID(lastPoll)
        subjects[subject] = id
        polls[id] = Entry(Poll(id: id, subject: subject))
        return id
    }

    mutating func forget(_ poll: PollID) {
        guard let known = polls.removeValue(forKey: poll) else { return }
        subjects[known.subject] = nil
    }

    mutating func newLook() -> LookID {
        lastLook += 1
        return LookID(lastLook)
    }

    mutating func keep(_ look: LookID, bytes: Int, uid: UInt32) {
        looks[look] = Found(bytes: bytes, uid: uid)
        lookBytes[uid, default: 0] += bytes
    }

    mutating func retain(_ look: LookID) { looks[look]?.uses += 1 }

    /// One fewer compares with it.
    /// - Returns: whether nobody does any more.
    mutating func release(_ look: LookID) -> Bool {
        looks[look]?.uses -= 1
        return looks[look]?.uses == 0
    }

    mutating func dropLook(_ look: LookID) {
        guard let found = looks.removeValue(forKey: look) else { return }
        let left = (lookBytes[found.uid] ?? 0) - found.bytes
        lookBytes[found.uid] = left > 0 ? left : nil
    }
}
