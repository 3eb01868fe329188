import ArgumentParser
import CIMBusClient
import Glibc

struct TraceOperation: Command {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Shows what has happened to an operation, step by step, while it is open and for 5 minutes after its end.",
        discussion: """
            The broker keeps the last few hundred operations of each user, and those that failed apart from the others. The number is what \
            'cimctl operations' shows, and what the log says of it.
            """)

    @Argument(help: "The operation's number.") var id: UInt64
    @OptionGroup var options: CommandOptions

    func advice(after status: WBEMStatus) -> String? { status == .notFound ? "'cimctl operations' lists those that are open" : nil }

    func run(_ session: Session, _ output: inout Output) async throws {
        let steps = try await options.broker(session).trace(id)
        let began = steps.first?.time ?? 0
        let rows = steps.map { step -> [(String, CIMValue)] in
            let details = step.details.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
            return [
                ("Milliseconds", .string(Self.milliseconds(step.time - began))), ("Step", .string(step.name)),
                ("Details", .string(details)), ("Time", .uint64(step.time)),
            ]
        }
        try write(rows, [("Milliseconds", true), ("Step", false), ("Details", false)], &output)
    }

    private static func milliseconds(_ microseconds: UInt64) -> String {
        let fraction = "\(microseconds % 1000 + 1000)".dropFirst()
        return "\(microseconds / 1000).\(fraction)"
    }
}

struct Quotas: Command {
    static let configuration = CommandConfiguration(
        abstract: "Shows how much of what is bounded each user has; without root's rights, you.",
        discussion:
            "Where User is empty, it is what all users but root have together. At its bound, a user's requests are QuotaViolation or wait.")

    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        let rows = try await options.broker(session).quotas().map { quota -> [(String, CIMValue)] in
            [
                ("User", quota.userID.map { .uint32($0) } ?? .null), ("Bound", .string(quota.bound)), ("Used", .uint64(quota.used)),
                ("Most", .uint64(quota.most)), ("Percent", .uint64(quota.most == 0 ? 0 : quota.used * 100 / quota.most)),
            ]
        }
        try write(rows, [("User", true), ("Bound", false), ("Used", true), ("Most", true), ("Percent", true)], &output)
    }
}

struct Leaks: Command {
    static let configuration = CommandConfiguration(
        abstract: "Shows operations whose status is known while references are held, and providers that have leaked before.")

    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        let broker = options.broker(session)
        let operations = try await broker.listOperations()
        let held = operations.filter { $0.state == "status-seen" && !$0.references.isEmpty }.flatMap { operation in
            operation.references.map { reference -> [(String, CIMValue)] in
                [
                    ("Operation", .uint64(operation.id)), ("Provider", .null), ("Holder", .string(reference.owner)),
                    ("References", .uint64(UInt64(reference.count))), ("Leaks", .null), ("Target", .string(operation.target)),
                ]
            }
        }
        let known = try await broker.registrations().filter { $0.counters["Leaks"] ?? 0 > 0 }.map { provider -> [(String, CIMValue)] in
            [
                ("Operation", .null), ("Provider", .string(provider.name)), ("Holder", .string(provider.owner)),
                ("References", .uint64(UInt64(provider.sinkReferences))), ("Leaks", .uint64(provider.counters["Leaks"] ?? 0)),
                ("Target", .null),
            ]
        }
        try write(
            held + known,
            [("Provider", false), ("Leaks", true), ("Operation", true), ("Holder", false), ("References", true), ("Target", false)], &output
        )
    }
}

struct Top: Command {
    static let configuration = CommandConfiguration(
        abstract: "Shows which providers are busy: operations, objects and failures a second, again and again, the busiest first.")

    @Option(help: ArgumentHelp("How long each picture covers.", valueName: "seconds")) var interval = 2.0
    @Option(help: ArgumentHelp("How many pictures to show; by default as many as there is time for.", valueName: "number")) var count: Int?
    @OptionGroup var options: CommandOptions

    static let isEndless = true

    func validate() throws {
        guard interval >= 0.1, interval <= 3600 else { throw ValidationError("--interval takes seconds, from 0.1 to an hour") }
        if let count, count < 1 { throw ValidationError("--count takes a number above 0") }
    }

    func run(_ session: Session, _ output: inout Output) async throws {
        let broker = options.broker(session)
        var before = try await broker.registrations()
        var at = ContinuousClock.now
        var left = count ?? .max
        while left > 0 {
            try await Task.sleep(for: .seconds(interval))
            let now = try await broker.registrations()
            let seconds = (ContinuousClock.now - at) / .seconds(1)
            at = .now
            if Output.terminalWidth != nil, options.output == .table { try output.write("\u{1B}[H\u{1B}[2J") }
            try write(Self.rows(before, now, seconds), Self.columns, &output)
            try output.flush()
            before = now
            left -= 1
        }
    }

    private static let columns = [
        ("Provider", false), ("Namespace", false), ("State", false), ("ProcessID", true), ("Open", true), ("OperationsPerSecond", true),
        ("ObjectsPerSecond", true), ("FailuresPerSecond", true),
    ]

    /// The busiest first.
    private static func rows(
        _ before: [RegistrationSummary], _ now: [RegistrationSummary], _ seconds: Double
    ) -> [[(String, CIMValue)]] {
        let known = Dictionary(before.map { ("\($0.namespace):\($0.name):\($0.userID)", $0.counters) }, uniquingKeysWith: { $1 })
        let all = now.map { provider -> (Double, [(String, CIMValue)]) in
            let old = known["\(provider.namespace):\(provider.name):\(provider.userID)"] ?? [:]
            func rate(_ counter: String) -> Double {
                let (new, old) = (provider.counters[counter] ?? 0, old[counter] ?? 0)
                return new > old ? (Double(new - old) / seconds * 10).rounded() / 10 : 0
            }
            return (
                rate("Operations"),
                [
                    ("Provider", .string(provider.name)), ("Namespace", .string(provider.namespace)), ("State", .string(provider.state)),
                    ("ProcessID", .uint32(provider.processID)), ("Open", .uint32(provider.openOperations)),
                    ("OperationsPerSecond", .real64(rate("Operations"))), ("ObjectsPerSecond", .real64(rate("Objects"))),
                    ("FailuresPerSecond", .real64(rate("Failures"))),
                ]
            )
        }
        return all.sorted { $0.0 > $1.0 }.map(\.1)
    }
}
