import CIM
import SeededRandom

@testable import CIMBusCore

/// What a schedule begins with and how it ends: who is there, what the limits are. It comes from the seed alone.
struct SimulatedPlan: Sendable {
    /// How a peer behaves.
    enum Habit: UInt8, CaseIterable, Sendable {
        case good, streams, leaks, holds, doubles, usesForeign, releasesEarly, crashes, hangs, floods
        /// Clients: those that take what they are sent, and those that do not.
        case asks, asksSlowly, asksAndCancels, asksWithoutWaiting
        var isClients: Bool { rawValue >= Habit.asks.rawValue }
    }

    struct Seat: Sendable {
        var uid: UInt32
        var habit: Habit
        /// Whether it has a private connection beside the bus.
        var isPrivate: Bool
        /// Which provider it registers as, if any.
        var name: Int?
    }

    /// What happens when the steps are over.
    enum Ending: UInt8, CaseIterable, Sendable {
        /// All peers leave.
        case leaving
        /// Nobody reads or says anything any more.
        case silence
        /// Everybody reads, and answers pings, and does nothing else.
        case pongs
        /// Everybody does what he owes.
        case goodwill
        /// The broker stops.
        case shutDown
    }

    let seed: UInt64
    var limits = Limits()
    var seats: [Seat] = []
    /// Of each provider's name, whether the bus can start it, and whether each user has a process of their own.
    var names: [Registration.Terms] = []
    var steps = 0
    var ending = Ending.silence
    /// Whether the referee looks at each moment at which something is due, and not only at the last of several. That takes longer.
    var looksAtEachMoment = true

    init(seed: UInt64, random: inout SeededGenerator) {
        self.seed = seed
        makeLimits(&random)
        let count = 10 + random.below(5)
        let clients = 3 + random.below(4)
        for index in 0..<4 {
            let isStartable = index < 2 && random.chance(50)
            names.append(.init(isPerUser: index == 3 && random.chance(12), busName: isStartable ? "org.example.P" : nil))
        }
        for index in 0..<count {
            let isClient = index < clients
            let habits = Habit.allCases.filter { $0.isClients == isClient }
            seats.append(
                Seat(
                    uid: random.pick(isClient ? [0, 1_000, 1_000, 1_001, 1_001, 1_002] : [0, 500, 500, 501]),
                    habit: !isClient && random.chance(30) ? .good : random.pick(habits), isPrivate: random.chance(25),
                    name: isClient ? nil : index - clients < names.count ? index - clients : random.below(names.count)))
        }
        let size = random.below(100)
        steps = size < 70 ? 20 + random.below(40) : size < 94 ? 60 + random.below(120) : 200 + random.below(500)
        // To leave takes no time.
        ending = random.chance(40) ? .leaving : random.pick(Ending.allCases)
        looksAtEachMoment = seed % 4 == 0
    }

    /// Bounds so near that some dozens of operations reach them, and times in their real proportions.
    private mutating func makeLimits(_ random: inout SeededGenerator) {
        limits.windowBatches = 1 + random.below(4)
        limits.windowBytes = random.pick([100, 1_000, 1 << 20])
        limits.indicatesPerSink = 1 + random.below(4)
        limits.indicatesPerPeer = 4 + random.below(8)
        limits.callsPerProvider = 1 + random.below(4)
        limits.callsPerUser = 2 + random.below(6)
        limits.calls = 6 + random.below(12)
        limits.callsForRoot = 1 + random.below(2)
        limits.callsForOthers = 1 + random.below(2)
        limits.nestedCalls = 1 + random.below(3)
        limits.setAsidePerUser = 1 + random.below(6)
        limits.lostOnOwnLane = 1 + random.below(3)
        limits.lostPrivately = 2 + random.below(6)
        limits.lostPerLane = 1 + random.below(3)
        limits.lanes = 1 + random.below(3)
        limits.pings = 3 + random.below(8)
        limits.pingsPerUser = 1 + random.below(3)
        limits.pingsForRoot = 1
        limits.operationsPerUser = 3 + random.below(10)
        limits.operations = 6 + random.below(16)
        limits.leastOperations = 1 + random.below(2)
        limits.resultsPerUser = 1 + random.below(4)
        limits.results = 2 + random.below(6)
        limits.bufferedPerUser = random.pick([200, 2_000, 64 << 20])
        limits.pullsPerOperation = 1 + random.below(3)
        limits.inputPerUser = 200
        limits.unreadPerUser = random.pick([400, 2_000, 20_000])
        limits.unread = 3 * limits.unreadPerUser
        limits.leastUnread = 100
        limits.unreadBeforePing = limits.unreadPerUser / 8
        limits.replyBytes = random.pick([150, 600, 1 << 20])
        limits.registrationsPerUser = 3
        limits.registrations = 8
        limits.leastRegistrations = 1
        limits.depth = 3
        limits.socketsPerUser = 3
        limits.sockets = 5
        limits.leastSockets = 1
        limits.authorizationsPerUser = 2
        limits.authorizations = 3
        limits.registeredMOF = 1_000
    }
}
