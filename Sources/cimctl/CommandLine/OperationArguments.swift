import ArgumentParser
import CIMBusClient

/// What every command takes that has an operation done.
struct OperationArguments: ParsableArguments {
    @Option(
        name: .customLong("context"), parsing: .singleValue,
        help: ArgumentHelp(
            """
            A value for the provider: text, or with its type, as depth:uint32=5, deep:boolean=true, names:string[]=a,b. May be given several \
            times.
            """, valueName: "name[:type]=value"))
    var words: [String] = []

    @Flag(help: "Show on standard error how far the operation is, where the provider says so.") var progress = false

    func validate() throws { _ = try context() }

    /// The values by name. Throws `ValidationError` for a word that is none, and for a name that is the broker's.
    func context() throws -> [String: CIMValue] { try ContextArgument.values(words) }
}

/// A command that has an operation done, in the way that its ``OperationArguments`` say.
protocol OperationCommand: Command {
    var arguments: OperationArguments { get }
    /// - Parameter operation: with the timeout, the context and the progress that the user asked for.
    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws
}

extension OperationCommand {
    func run(_ session: Session, _ output: inout Output) async throws {
        var operation = options.operationOptions
        operation.context = try arguments.context()
        guard arguments.progress else { return try await run(session, operation, &output) }
        let report = ProgressReport()
        operation.onProgress = { report.show($0) }
        output.bar = report.bar
        do {
            try await run(session, operation, &output)
        } catch {
            await report.end()
            throw error
        }
        await report.end()
    }
}
