import ArgumentParser
import CIMBusWire

/// The command line's root: what an administrator does with a broker.
@main
struct CimCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cimctl",
        abstract: "Reads and changes the CIM objects and classes of a CIMBus broker.",
        discussion: """
            Results go to standard output, the reason of a failure to standard error. The exit status is 0 for success, 1 for a failed \
            operation, 64 for a mistake on the command line. Interrupting it (Ctrl-C) cancels the operation.
            """,
        version: Contract.version,
        subcommands: [
            Enumerate.self, Get.self, Invoke.self, Put.self, Delete.self, Query.self, Explain.self, Watch.self, EventsGroup.self,
            Classes.self,
            ClassGroup.self,
            MOFGroup.self, Namespaces.self, Providers.self, Operations.self, Cancel.self,
            TraceOperation.self, Quotas.self, Leaks.self, Top.self, RightsGroup.self, Adopt.self, GenerateGroup.self, NewGroup.self,
        ])

    static func main() async {
        if let (word, command) = UsageReport.unknownSubcommand(in: CommandLine.arguments.dropFirst()) {
            StandardError.write(UsageReport.text("there is no subcommand '\(word)'", for: command))
            exit(withError: ExitCode.validationFailure)
        }
        await main(nil)
    }
}
