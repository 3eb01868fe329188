/// Instances of which nobody tells when they change: the broker looks at them again and again, and compares (Semantics J.4). What all
/// subscriptions of one user need of them, one poll does.
public struct Poll: Sendable {
    /// What is looked at, and for whom: a look sees what this user sees.
    public struct Subject: Hashable, Sendable, Codable {
        public var namespace: String
        /// Instances of this class and of those below it.
        public var className: String
        public var uid: UInt32

        public init(namespace: String, className: String, uid: UInt32) {
            self.namespace = namespace
            self.className = className
            self.uid = uid
        }
    }

    /// A subscription whose events the poll makes.
    struct Watcher: Hashable, Sendable {
        let interval: Microseconds
        /// When it takes part in a look again, at the latest.
        var due: Microseconds
        /// What it knows of the instances; nil: nothing yet.
        var baseLine: LookID?
    }

    /// A look that is under way, as a part of one of the subscriptions.
    struct Look: Hashable, Sendable {
        let id: LookID
        let driver: OperationID
        let began: Microseconds
        var watchers: [OperationID]
    }

    public let id: PollID
    public let subject: Subject
    var watchers: [OperationID: Watcher] = [:]
    var look: Look?
    /// How many looks found everything; how many did not, and what the last of those failed with.
    public internal(set) var looks: UInt64 = 0
    public internal(set) var failures: UInt64 = 0
    public internal(set) var lastFailure: String?

    /// The subscriptions, in their order.
    public var subscriptions: [OperationID] { watchers.keys.sorted() }

    var shortest: Microseconds { watchers.values.reduce(.max) { min($0, $1.interval) } }

    var due: Microseconds? { watchers.values.reduce(nil) { min($0 ?? $1.due, $1.due) } }
}
