/// Every number the core decides with, in one place. The defaults are those of Design L7, L8, L12, and Design 3.
public struct Limits: Hashable, Sendable, Codable {
    /// How long a provider may say nothing about an open operation (P1, L8).
    public var silence: Microseconds = .seconds(300)
    /// How long references may outlive a reported status (P2, L7).
    public var leakGrace: Microseconds = .seconds(10)
    /// A holder that is asked and does not answer is found within this time (L8). Half of it passes before the ping.
    public var ping: Microseconds = .seconds(10)
    /// How long a client may owe credit while objects wait for it (Design 3).
    public var credit: Microseconds = .seconds(30)
    /// The same, and how long nobody may pull, of an operation whose call keeps a place at its provider for which another user's waits (L13).
    public var creditBeforeOthers: Microseconds = .seconds(5)
    /// How long a full enumerator waits for somebody to pull (L8).
    public var pull: Microseconds = .seconds(60)
    /// How long an operation waits for a free call slot at its provider (L8).
    public var slotWait: Microseconds = .seconds(300)
    /// How long the results of a finished semisynchronous operation are kept (L8).
    public var retention: Microseconds = .seconds(300)
    /// How long a provider that was started may take to register, and how long calls wait for one whose process outlived the broker (L11).
    public var start: Microseconds = .seconds(25)
    public var comeback: Microseconds = .seconds(5)
    /// After a start that failed, the next one is not tried before this time, which doubles with every failure up to the longest.
    public var firstPause: Microseconds = .seconds(1)
    public var longestPause: Microseconds = .seconds(60)
    /// The longest one `Next` or `CallResult` call waits on the bus.
    public var longestPull: Microseconds = .seconds(20)

    /// Delivered and not yet acknowledged, per operation.
    public var windowBatches = 8
    public var windowBytes = 1 << 20
    /// `Indicate` calls a provider may have unanswered: per sink, and per connection.
    public var indicatesPerSink = 8
    public var indicatesPerPeer = 64
    /// Calls to providers that may be unanswered: per provider, per uid other than root, in all. The last two are shares of what the bus allows, and
    /// what goes by private connections takes none of them. Nested calls pass the first two, and have
    /// `nestedCalls` of their own beyond the last, so that they never wait for their own parent (L12).
    public var callsPerProvider = 4
    public var callsPerUser = 16
    public var calls = 96
    /// Those of them that no providers but root's can use, and those that root's cannot.
    public var callsForRoot = 24
    public var callsForOthers = 24
    public var nestedCalls = 8
    /// A call that is unanswered for so long holds up no others, while its provider says other things: per uid, this many may be set aside so.
    public var overdueCall: Microseconds = .seconds(10)
    public var setAsidePerUser = 64
    /// A call that nobody waits for any more, and that its provider left unanswered for so long, counts as one that it lost.
    public var lostReply: Microseconds = .seconds(3)
    /// Lost calls of one provider that may stay on the broker's own connection; those after them go by another (``LaneID``).
    public var lostOnOwnLane = 4
    /// Lost calls of one provider by its private connection. It is called no more before it has answered some of them, or begins anew.
    public var lostPrivately = 256
    /// Lost calls after which a lane is left, and how many lanes there may be beside the broker's own.
    public var lostPerLane = 32
    public var lanes = 8
    /// Pings without an answer: in all, and per uid other than root. With the calls, four of an administrator's pings and four processes that
    /// are asked for the object that they register, they are the 128 replies that dbus-daemon lets one connection wait for.
    public var pings = 16
    public var pingsPerUser = 4
    public var pingsForRoot = 4
    /// A bus that takes longer than this to answer a question of its own is behind with its work, and a missed ping proves nothing (L8).
    public var busDelay: Microseconds = .seconds(1)
    /// Bytes sent and not known to be read: per uid, and of all but root (Design 3; dbus-daemon stops reading the broker at about 127 MiB).
    /// Whatever others have, a uid finds room for this little.
    public var unreadPerUser = 8 << 20
    public var unread = 32 << 20
    public var leastUnread = 64 << 10
    /// Whenever so many bytes were sent to the bus it is asked how many of the broker's wait there, and about each peer where so many wait.
    public var burdenStep = 4 << 20
    public var burden = 40 << 20
    /// Past this many unread reply bytes, a ping is sent behind them to learn that they were read.
    public var unreadBeforePing = 256 << 10
    /// The most objects a synchronous reply, or one `Next`, carries in bytes.
    public var replyBytes = 1 << 20
    /// Open operations: per uid, and of all but root. Whatever others have, a uid finds room for these few.
    public var operationsPerUser = 2_000
    public var operations = 10_000
    public var leastOperations = 16
    /// Finished semisynchronous operations whose results are kept: per uid, and of all but root. Where there are as many, no other begins before
    /// some are closed, or dropped (``BrokerCore/begin(_:at:)``).
    public var resultsPerUser = 2_000
    public var results = 10_000
    /// Bytes of results that may wait in the broker's memory for one uid's clients to pull them.
    public var bufferedPerUser = 64 << 20
    /// `Next`, `Skip` and `CallResult` calls that may wait on one operation.
    public var pullsPerOperation = 8
    /// Bytes of instances and in parameters of one uid's clients that no provider has been given yet. One object alone is always taken.
    public var inputPerUser = 64 << 20
    /// Texts that `CompileBuffer` compiles at a time: one for each peer, one for each user but root, one for root alone.
    public var compilations = 4
    /// Bytes of MOF of registrations that are compiled and stored at a time.
    public var registeredMOF = 64 << 20
    /// Processes that are asked at a time for the object that they register, one of them root's alone, and providers that an administrator's `Ping` waits for.
    public var looks = 4
    public var administratorsPings = 4
    /// Sockets of private connections that nobody has fetched from the bus: per uid, and of all but root. Whatever others have, a uid finds room for
    /// these few. dbus-daemon takes nothing more from a connection of whose descriptors it holds 64.
    public var socketsPerUser = 16
    public var sockets = 36
    public var leastSockets = 2
    /// Calls that wait for polkit's answer: per uid, and of all. Whatever others have, a uid finds room for one.
    public var authorizationsPerUser = 8
    public var authorizations = 32
    /// Messages of one caller that the bus has not named yet, and bytes of all of them. One message alone is always taken from a caller.
    public var newcomerMessages = 256
    public var newcomerBytes = 64 << 20
    /// Registration definitions: per uid, and of all but root. Whatever others have, a uid finds room for these few.
    public var registrationsPerUser = 256
    public var registrations = 1_024
    public var leastRegistrations = 4
    /// Subscriptions to events: per uid, and of all but root. Whatever others have, a uid finds room for these few.
    public var subscriptionsPerUser = 1_000
    public var subscriptions = 5_000
    public var leastSubscriptions = 16
    /// How long a subscriber waits for its sources to know its query, before it is told that some may not.
    public var settlingTime = Microseconds.seconds(2)
    /// Events that wait for one subscriber, and their bytes; beyond that the subscriber loses the oldest.
    public var eventsPerSubscription = 10_000
    public var eventBytesPerSubscription = 4 << 20
    /// Bytes of events that wait for all subscribers of a uid, and for all there are: beyond that the one loses with whom most wait.
    public var eventBytesPerUser = 32 << 20
    public var eventBytes = 128 << 20
    /// The most that one batch of events has, but for a single one that is larger.
    public var eventsPerBatch = 256
    public var eventBytesPerBatch = 64 << 10
    /// Events that were delivered and are not acknowledged yet, in bytes, per subscription: so little that many who do not read leave credit to the
    /// others of their user.
    public var eventWindowBytes = 64 << 10
    /// What looks at polled instances found and is compared with the next ones, in bytes: per uid, and of all but root.
    public var pollingBytesPerUser = 64 << 20
    public var pollingBytes = 256 << 20
    /// A timer with a shorter interval fires at this one, and says how often it would have.
    public var shortestTimer: Microseconds = 100_000
    /// Groups of one subscription whose windows are open.
    public var groupsPerSubscription = 1_024
    /// Sinks into which one process raises events.
    public var sourcesPerPeer = 64
    /// How deep nested operations may go (L12).
    public var depth = 32

    /// How many of `count` calls one user's operations may take, root's aside: a quarter, and one at least where there are several, is left for others.
    static func clientsShare(of count: Int) -> Int { max(1, count - max(1, count / 4)) }

    /// How many of all calls that take a place on the bus one user's operations may take, root's aside: less than root's providers have together, and less
    /// than those of others.
    var callsPerClient: Int { Self.clientsShare(of: calls - max(callsForRoot, callsForOthers)) }

    public init() {}
}
