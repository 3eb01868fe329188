import CIM
import CIMBusWire
import DBus
import Glibc
import SeededRandom
import Synchronization
import WireTestKit

/// Sets the scene, makes the faults, and looks at the broker when all is quiet again.
///
/// The run is a sequence of rounds. In a round faults happen for some seconds; then they cease, every client waits for the ends of its operations,
/// everybody leaves, and the broker must be as it was before anybody came.
final class Director {
    /// What is counted, from any thread.
    private struct Tally {
        var wrong: [String] = []
        /// Operations of the clients that live, and of those that have left.
        var operations: [String: Int] = [:]
        var former = 0
        var ends: [String: Int] = [:]
        var kills: [String: Int] = [:]
        var stops = 0
        /// What a client waits for that has been asked to leave.
        var waits: [String: String] = [:]
    }

    private let options: Options
    private var generator: SeededGenerator
    private let tally = Shared(Tally())
    private let folder: ServiceFolder
    private var bus: PrivateBus
    private var broker: BrokerProcess
    private var before: Usage
    /// After the first round of this broker.
    private var quiet: Usage?
    private var providers: [Slot] = []
    private var clients: [Slot] = []
    private let deadline: ContinuousClock.Instant
    /// Root needs no rule; without root there is one user.
    private static let users: [UInt32] = getuid() == 0 ? [0, 65_534, 65_533] : [getuid()]
    private static let behaving = ["S0", "S1", "S2"]
    private static let misbehaving = ["F0", "F1", "F2"]

    init(_ options: Options) async throws {
        self.options = options
        generator = SeededGenerator(seed: options.seed)
        deadline = .now + .seconds(options.seconds)
        folder = try ServiceFolder()
        bus = try await PrivateBus.start(options.bus, allUsers: true)
        broker = try await Self.startBroker(on: bus, folder)
        before = try Usage(of: broker.process.processID)
    }

    /// - Parameter folder: keeps the classes when a broker is killed.
    private static func startBroker(on bus: PrivateBus, _ folder: ServiceFolder) async throws -> BrokerProcess {
        // Short, so that a round does not take minutes. What is silent for ever costs its operations after two seconds.
        var words = ["--silence", "2", "--ping", "2", "--leak-grace", "1", "--credit", "3", "--pull", "5", "--state", folder.path]
        for name in behaving + misbehaving {
            for user in users where user != getuid() { words += ["--allow-register", "\(name)=\(user)"] }
        }
        return try await BrokerProcess.startPatiently(on: bus, words)
    }

    // MARK: - The run

    /// Whether nothing was wrong.
    func run() async throws -> Bool {
        say("torture: seed \(options.seed), \(options.bus.rawValue), users \(Self.users), \(options.seconds) s")
        var round = 0
        while ContinuousClock.now < deadline, killed < options.kills, !isHopeless {
            round += 1
            do {
                try await play(round)
            } catch {
                wrong("the run cannot go on: \(error)")
                break
            }
        }
        broker.process.signal(SIGTERM)
        if try await broker.process.waitForEnd() != .exited(0) { wrong("the broker does not end with 0 on SIGTERM") }
        let tally = tally.value.withLock { $0 }
        for (end, count) in tally.ends.sorted(by: { $0.value > $1.value }) { say("torture: \(count) ended with \(end)") }
        say("torture: \(tally.kills.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }.joined(separator: ", ")) killed")
        say("torture: \(tally.stops) stops, \(round) rounds, seed \(options.seed), \(options.bus.rawValue)")
        say("torture: \(operations) operations, \(killed) kills, \(tally.wrong.count) wrong")
        return tally.wrong.isEmpty
    }

    private var killed: Int { tally.value.withLock { $0.kills.values.reduce(0, +) } }
    private var operations: Int { tally.value.withLock { $0.former + $0.operations.values.reduce(0, +) } }
    private var isHopeless: Bool { tally.value.withLock { $0.wrong.count > 20 } }

    private func wrong(_ text: String) { Self.wrong(text, tally, options.seed) }

    private static func wrong(_ text: String, _ tally: Shared<Tally>, _ seed: UInt64) {
        tally.value.withLock { $0.wrong.append(text) }
        say("torture: WRONG (seed \(seed)): \(text)")
    }

    private func play(_ round: Int) async throws {
        openSlots()
        let end = min(deadline, .now + .seconds(12))
        while ContinuousClock.now < end, killed < options.kills {
            try await Task.sleep(for: .milliseconds(generator.below(2 * options.pace)))
            try await makeFault()
            if case .some(let how) = broker.process.currentEnd { return try await brokerEnded(how) }
        }
        try await calm()
        lookAtLog()
        try await lookAtBroker()
        if options.isVerbose || round % 10 == 0 { say("torture: round \(round): \(operations) operations, \(killed) kills") }
    }

    private func brokerEnded(_ how: ProcessEnd) async throws {
        wrong("the broker ended by itself, \(how): \(broker.log.all.suffix(20).joined(separator: "\n    "))")
        try await calm()
        try await newBroker()
    }

    // MARK: - Who is there

    private func openSlots() {
        let program = BuildFolder.path(of: "Torture")
        let faulty = BuildFolder.path(of: "FaultyProvider")
        let (address, tally, seed) = (bus.address, tally, options.seed)
        providers = (Self.behaving + Self.misbehaving).enumerated().map { index, name in
            let user = Self.users[index % Self.users.count]
            let isPrivate = index % 2 == 0
            let words =
                Self.behaving.contains(name)
                ? [program, "provider", address, name]
                : [faulty, "--address", address, "--name", name, "--class", "Faulty_\(name)", "--ping", "2", "--silence", "2"]
                    + (isPrivate ? ["--private"] : [])
            return Slot(name, start: { try Self.process(words, user, isPrivate: isPrivate) }, heard: { _ in })
        }
        let classes = Self.behaving.map { TortureProvider.className(of: $0) } + Self.misbehaving.map { "Faulty_\($0)" }
        clients = (0..<6).map { index in
            let name = "client \(index)"
            let user = Self.users[index % Self.users.count]
            let way = index % 4 < 2 ? "private" : "bus"
            let firstSeed = generator.next()
            let life = Atomic64()
            return Slot(name) {
                let words = [program, "client", address, "\(firstSeed &+ life.next())", way] + classes
                tally.value.withLock { tally in tally.former += tally.operations.removeValue(forKey: name) ?? 0 }
                return try Self.process(words, user, isPrivate: way == "private")
            } heard: { line in
                Self.heard(line, from: name, tally, seed)
            }
        }
        for slot in providers + clients { slot.open() }
    }

    private static func process(_ words: [String], _ user: UInt32, isPrivate: Bool) throws -> ChildProcess {
        let prefix =
            user == getuid() ? [] : ["setpriv", "--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", "--pdeathsig", "KILL"]
        let words = prefix + words
        return try ChildProcess(words[0], Array(words.dropFirst()), environment: ["CIMBUS_TRANSPORT": isPrivate ? "private" : "bus"])
    }

    private static func heard(_ line: String, from name: String, _ tally: Shared<Tally>, _ seed: UInt64) {
        let words = line.split(separator: " ")
        switch words.first {
        case "registered", "failed": break
        case "waits": tally.value.withLock { $0.waits[name] = line }
        case "began", "drained": tally.value.withLock { $0.operations[name] = Int(words.last ?? "") ?? 0 }
        case "ended": tally.value.withLock { $0.ends[String(words[1]), default: 0] += Int(words.last ?? "") ?? 0 }
        case "wrong": wrong("\(name): \(line.dropFirst(6))", tally, seed)
        default: wrong("\(name) says: \(line)", tally, seed)
        }
    }

    // MARK: - Faults

    private func makeFault() async throws {
        switch generator.below(1_000) {
        case 0..<3:
            count("buses")
            try await newBus()
        case 3..<10:
            count("brokers")
            trace("the broker is killed")
            try await broker.process.killAndWait()
            lookAtLog()
            try await newBroker()
        case 10..<120: stop(generator.pick(providers))
        case 120..<200: stop(generator.pick(clients))
        case 200..<420:
            let slot = generator.pick(clients)
            if slot.kill() { count("clients") }
        default:
            // One that is at work, mostly; and most of them shall be: nobody is disturbed where nobody works.
            let ready = providers.filter(\.isReady)
            guard ready.count * 3 >= providers.count * 2 || generator.chance(10) else { return }
            if (generator.chance(10) ? generator.pick(providers) : generator.pick(ready.isEmpty ? providers : ready)).kill() {
                count("providers")
            }
        }
    }

    private func count(_ whom: String) { tally.value.withLock { $0.kills[whom, default: 0] += 1 } }

    private func stop(_ slot: Slot) {
        guard slot.signal(SIGSTOP) else { return }
        tally.value.withLock { $0.stops += 1 }
        let pause = Duration.milliseconds(generator.below(4) == 0 ? 4_000 : generator.below(300))
        Task {
            try await Task.sleep(for: pause)
            _ = slot.signal(SIGCONT)
        }
    }

    private func trace(_ text: String) {
        if options.isVerbose { say("torture: \(text)") }
    }

    private func newBus() async throws {
        trace("the bus is killed")
        try await bus.restart()
        // The broker ends by itself: its bus is another one now.
        let end = try await broker.process.waitForEnd(within: .seconds(30))
        trace("the broker has ended, too")
        if end != .exited(1) { wrong("the broker ended with \(end) when its bus was lost for good") }
        lookAtLog()
        try await newBroker()
    }

    private func newBroker() async throws {
        broker = try await Self.startBroker(on: bus, folder)
        before = try Usage(of: broker.process.processID)
        quiet = nil
    }

    // MARK: - Quiet

    /// Faults cease. Every client waits for the ends of what it began; then everybody leaves.
    private func calm() async throws {
        trace("faults cease")
        for slot in providers { _ = slot.signal(SIGCONT) }
        for slot in clients { slot.close(SIGTERM) }
        for slot in clients {
            do {
                try await slot.waitForEnd(within: .seconds(120))
            } catch {
                let waits = tally.value.withLock { $0.waits[slot.name] ?? "it does not say for what" }
                wrong(
                    "\(slot.name) waits, two minutes after the last fault: \(waits); the broker: \((try? await operationsOpen()) ?? "?")"
                )
                slot.close(SIGKILL)
                try await slot.waitForEnd(within: .seconds(60))
            }
        }
        trace("the clients have left")
        for slot in providers { slot.close(SIGKILL) }
        for slot in providers { try await slot.waitForEnd(within: .seconds(120)) }
        try await endWhoIsLeft()
        tally.value.withLock { tally in
            tally.former += tally.operations.values.reduce(0, +)
            tally.operations = [:]
        }
    }

    /// A provider that goes on in a second process, and is killed before, leaves that process on the bus: nobody else knows of it.
    private func endWhoIsLeft() async throws {
        let client = try await RawClient.connect(to: bus, transport: .bus)
        func ask(_ member: String, _ values: [DBusValue] = []) async throws -> [DBusValue] {
            try await client.connection.call(Message.busCall(member, values)).values()
        }
        for name in try await ask("ListNames").first?.elements ?? [] {
            // It may have left meanwhile.
            guard let text = name.text, text.hasPrefix(":"), let answer = try? await ask("GetConnectionUnixProcessID", [name]),
                case .uint32(let number)? = answer.first
            else { continue }
            let process = pid_t(bitPattern: number)
            if process > 1, process != getpid(), process != broker.process.processID { kill(process, SIGKILL) }
        }
        await client.close()
    }

    private func operationsOpen() async throws -> String {
        let client = try await RawClient.connect(to: bus, transport: .bus)
        let answer = try await client.call(Contract.rootPath, Contract.broker, "ListOperations")
        await client.close()
        return "\(answer)"
    }

    /// The broker's own complaints.
    private func lookAtLog() {
        // What it says when its bus is lost for good is no complaint.
        for line in broker.log.all
        where !line.contains("the message bus went away")
            && (line.contains(" error ") || line.contains(" critical ") || line.contains("Fatal error"))
        {
            wrong("the broker's log: \(line)")
        }
    }

    /// Nobody is there: no operation, no reference, no descriptor, no memory.
    private func lookAtBroker() async throws {
        let client = try await RawClient.connect(to: bus, transport: .bus)
        var state = ""
        let deadline = ContinuousClock.now + .seconds(20)
        repeat {
            var parts: [String] = []
            for name in ["OpenOperations", "SinkReferences", "PrivateConnections"] {
                let value = try await client.brokerProperty(name)
                if value != 0 { parts.append("\(name) is \(value)") }
            }
            let usage = try Usage(of: broker.process.processID)
            // The broker stays on the bus with its lanes: calls that were never answered went by them (L9).
            let connections = try await client.property(Contract.rootPath, Contract.broker, "Connections").elements?.count ?? 1
            if usage.descriptors > before.descriptors + connections - 1 {
                parts.append(
                    "\(usage.descriptors) descriptors, \(before.descriptors) at its start, and \(connections) connections: \(usage.targets)"
                )
            }
            if let quiet, usage.memory > quiet.memory + 64 << 20 {
                parts.append("\(usage.memory >> 20) MiB, \(quiet.memory >> 20) after its first round")
            }
            state = parts.joined(separator: "; ")
            if state.isEmpty { break }
            try await Task.sleep(for: .milliseconds(50))
        } while ContinuousClock.now < deadline
        if !state.isEmpty { wrong("nobody is there any more, and the broker has: \(state)") }
        if quiet == nil { quiet = try Usage(of: broker.process.processID) }
        await client.close()
    }
}
