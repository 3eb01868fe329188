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

    var isEmpty: Bool { subscriptions.isEmpty && sources.isEmpty && totalBytes == 0 && bytes.isEmpty }

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
