/// How much somebody has of something that is bounded (L13).
public struct QuotaUse: Hashable, Sendable {
    /// Nil: all but root together.
    public let uid: UInt32?
    public let bound: Bound
    public let used: Int
    public let most: Int

    public enum Bound: String, Hashable, Sendable, CaseIterable {
        case operations, results
        case resultBytes = "result-bytes"
        case unreadBytes = "unread-bytes"
        case inputBytes = "input-bytes"
        /// Calls that the user's providers have not answered, and calls that are unanswered for the user's operations; by private connections none.
        case providerCalls = "provider-calls"
        case clientCalls = "client-calls"
        case registrations, sockets, authorizations, subscriptions
        /// Of events that wait for subscribers, and of what is compared with the next look at polled instances.
        case eventBytes = "event-bytes"
        case pollingBytes = "polling-bytes"
    }
}

extension BrokerCore {
    /// What each user has of each bound that the user has anything of, and what all but root have; ordered by user and bound, those of all first.
    ///
    /// Root has a bound of its own only, or none: what all but root have leaves root's.
    public func quotaUse() -> [QuotaUse] {
        var uses: [QuotaUse] = []
        func add(_ bound: QuotaUse.Bound, _ used: [UInt32: Int], most: Int, all: Int?) {
            uses += used.filter { $0.value > 0 }.map { QuotaUse(uid: $0.key, bound: bound, used: $0.value, most: most) }
            let others = used.reduce(0) { $1.key == 0 ? $0 : $0 + $1.value }
            if let all, others > 0 { uses.append(QuotaUse(uid: nil, bound: bound, used: others, most: all)) }
        }
        add(.operations, quota.open.perUser, most: limits.operationsPerUser, all: limits.operations)
        add(.results, quota.results.perUser, most: limits.resultsPerUser, all: limits.results)
        add(.resultBytes, quota.buffered, most: limits.bufferedPerUser, all: nil)
        add(.unreadBytes, credit.unread, most: limits.unreadPerUser, all: limits.unread)
        add(.inputBytes, quota.inputs, most: limits.inputPerUser, all: nil)
        add(.providerCalls, slots.perUser, most: limits.callsPerUser, all: limits.calls - limits.callsForRoot)
        add(.clientCalls, slots.perClient, most: limits.callsPerClient, all: nil)
        let registrations = Dictionary(registry.all.map { ($0.uid, 1) }, uniquingKeysWith: +)
        add(.registrations, registrations, most: limits.registrationsPerUser, all: limits.registrations)
        add(.sockets, quota.sockets.perUser, most: limits.socketsPerUser, all: limits.sockets)
        add(.authorizations, quota.authorizations.perUser, most: limits.authorizationsPerUser, all: limits.authorizations)
        add(.subscriptions, events.counts.perUser, most: limits.subscriptionsPerUser, all: limits.subscriptions)
        add(.eventBytes, events.bytes, most: limits.eventBytesPerUser, all: nil)
        add(.pollingBytes, events.lookBytes, most: limits.pollingBytesPerUser, all: limits.pollingBytes)
        let order = QuotaUse.Bound.allCases
        func place(_ use: QuotaUse) -> (Int64, Int) { (use.uid.map(Int64.init) ?? -1, order.firstIndex(of: use.bound) ?? 0) }
        return uses.sorted { place($0) < place($1) }
    }
}
