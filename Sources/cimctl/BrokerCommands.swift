import ArgumentParser
import CIMBusClient

extension Command {
    /// Rows under names. A program reads all that a row has.
    func write(_ rows: [[(String, CIMValue)]], _ columns: [(name: String, isNumber: Bool)], _ output: inout Output) throws {
        try output.show(rows.map { Row($0) }, columns.map { Column($0.name, isNumber: $0.isNumber) })
    }
}

struct Providers: Command {
    static let configuration = CommandConfiguration(abstract: "Lists the providers the broker knows, running or not.")

    @Argument(help: ArgumentHelp("Only these.", valueName: "provider")) var names: [String] = []
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        let all = try await options.broker(session).registrations()
        for name in names where !all.contains(where: { CIMName.equal($0.name, name) }) {
            let question = Suggestion.question(for: name, among: all.map(\.name)).map { "\($0) " } ?? ""
            throw CIMError(
                .notFound, "the broker knows no provider \(name)",
                cause: Advice(text: "\(question)'cimctl providers' lists those there are"))
        }
        let wanted = names.isEmpty ? all : all.filter { provider in names.contains { CIMName.equal($0, provider.name) } }
        let rows = wanted.map { provider -> [(String, CIMValue)] in
            [
                ("Name", .string(provider.name)), ("Namespace", .string(provider.namespace)), ("State", .string(provider.state)),
                ("ProcessID", .uint32(provider.processID)), ("UserID", provider.processID == 0 ? .null : .uint32(provider.userID)),
                ("Owner", .string(provider.owner)),
                ("OpenOperations", .uint32(provider.openOperations)), ("SinkReferences", .uint32(provider.sinkReferences)),
                ("Operations", .uint64(provider.counters["Operations"] ?? 0)), ("Objects", .uint64(provider.counters["Objects"] ?? 0)),
                ("Failures", .uint64(provider.counters["Failures"] ?? 0)), ("Leaks", .uint64(provider.counters["Leaks"] ?? 0)),
                ("LostReplies", .uint64(provider.counters["LostReplies"] ?? 0)), ("Classes", .strings(provider.classes)),
                ("Warnings", .strings(provider.warnings)), ("LastFailure", .string(provider.lastFailure)),
            ]
        }
        try write(
            rows,
            [
                ("Name", false), ("Namespace", false), ("State", false), ("ProcessID", true), ("UserID", true), ("OpenOperations", true),
                ("Operations", true), ("Objects", true), ("Failures", true), ("Classes", false), ("LastFailure", false),
            ], &output)
    }
}

struct Operations: Command {
    static let configuration = CommandConfiguration(
        abstract: "Lists the open operations: this user's, or everybody's for root.",
        discussion: """
            An operation of the semisync form is over when its result is known. The broker keeps the result until its client closes it, for 5 \
            minutes at most: --finished lists such operations, with the status they ended with and the bytes that wait to be pulled.
            """)

    @Flag(help: "Show who holds references to the sink of each: unique names and numbers.") var refs = false
    @Flag(help: "List the finished operations whose results are kept, instead of the open ones.") var finished = false
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        if finished { return try await listFinished(session, &output) }
        let rows = try await options.broker(session).listOperations().map { operation -> [(String, CIMValue)] in
            [
                ("ID", .uint64(operation.id)), ("Kind", .string(operation.kind)), ("Target", .string(operation.target)),
                ("Namespace", .string(operation.namespace)), ("State", .string(operation.state)), ("Client", .string(operation.client)),
                ("ClientUID", .uint32(operation.clientUserID)), ("Objects", .uint64(operation.objectsDelivered)),
            ] + (refs ? [("References", .strings(operation.references.map { "\($0.owner) \($0.count)" }))] : [])
        }
        try write(
            rows,
            [
                ("ID", true), ("Kind", false), ("State", false), ("Objects", true), ("ClientUID", true), ("Client", false),
                ("Namespace", false),
            ] + (refs ? [("References", false)] : []) + [("Target", false)], &output)
    }

    private func listFinished(_ session: Session, _ output: inout Output) async throws {
        let rows = try await options.broker(session).listFinishedOperations().map { operation -> [(String, CIMValue)] in
            [
                ("ID", .uint64(operation.id)), ("Kind", .string(operation.kind)), ("Target", .string(operation.target)),
                ("Namespace", .string(operation.namespace)),
                ("Status", .string(operation.status.isSuccess ? "Success" : operation.status.errorName ?? operation.status.hex)),
                ("Client", .string(operation.client)), ("ClientUID", .uint32(operation.clientUserID)),
                ("Objects", .uint64(operation.objectsDelivered)), ("Bytes", .uint64(operation.bufferedBytes)),
            ]
        }
        try write(
            rows,
            [
                ("ID", true), ("Kind", false), ("Status", false), ("Objects", true), ("Bytes", true), ("ClientUID", true),
                ("Client", false),
                ("Namespace", false), ("Target", false),
            ], &output)
    }
}

struct Cancel: Command {
    func advice(after status: WBEMStatus) -> String? { status == .notFound ? "'cimctl operations' lists those that are open" : nil }

    static let configuration = CommandConfiguration(abstract: "Cancels an open operation by the number that 'operations' shows.")

    @Argument(help: "The operation's number.") var id: UInt64
    @OptionGroup var options: CommandOptions

    static let onlyShows = false

    func run(_ session: Session, _ output: inout Output) async throws { try await options.broker(session).cancelOperation(id) }
}
