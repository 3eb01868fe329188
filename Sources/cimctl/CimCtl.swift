import ArgumentParser
import CIMBusWire

/// The command line's root: what an administrator does with a broker.
@main
struct CimCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cimctl",
        abstract: "Reads and changes the CIM objects and classes of a CIMBus broker.",
        discussion: """
            Results go to standard output, the reason of a failure to standard error; with --output json or jsonl as an object of JSON. \
            What is longer than the terminal is shown by $CIMBUS_PAGER, $PAGER or less. Interrupting it (Ctrl-C) cancels the operation.

            The exit status is 0 for success, 1 for a failed operation, 2 where an instance, a class, a method or a namespace is not there, \
            3 where no broker is, 4 after a timeout, 5 where the user may not, 64 for a mistake on the command line.

            The broker is that of the system bus, or the one that CIMBUS_BUS names: session, system, or an address. Options may stand \
            before the verb, too. Short verbs for common questions, such as 'cimctl os', are aliases: 'cimctl alias' lists them.
            """,
        version: Contract.version,
        subcommands: [
            Enumerate.self, Get.self, Invoke.self, Put.self, Delete.self, Query.self, Explain.self, Watch.self, EventsGroup.self,
            InstanceGroup.self,
            AliasCommand.self, Classes.self, ClassGroup.self, MOFGroup.self, Namespaces.self, Providers.self, Operations.self, Cancel.self,
            TraceOperation.self, Quotas.self, Leaks.self, Top.self, Metrics.self, RightsGroup.self, Adopt.self, GenerateGroup.self,
            NewGroup.self,
            Doctor.self, Shell.self, CompletionScript.self, Complete.self, Stdio.self,
        ])

    static func main() async {
        let words: [String]
        do throws(ValidationError) { words = try expanded(Array(CommandLine.arguments.dropFirst())) } catch {
            StandardError.write(error.message)
            exit(withError: ExitStatus.usage.code)
        }
        EarlyConnection.begin(words)
        do {
            try await run(words)
        } catch {
            guard exitCode(for: error) == .validationFailure, !(error is ExitCode), wantsJSON(words) else { exit(withError: error) }
            StandardError.write(UsageReport.json(message(for: error), UsageReport.name(in: words)))
            exit(withError: ExitStatus.usage.code)
        }
    }

    /// The command that these words are. A verb parses its own words, which takes less than the tree of all commands does; where it cannot, that tree
    /// says why, or what the help is.
    static func parsed(_ words: [String]) throws -> any ParsableCommand {
        var verb: any ParsableCommand.Type = Self.self
        var own = words[...]
        while let word = own.first, let next = verb.configuration.subcommands.first(where: { $0._commandName == word }) {
            verb = next
            own.removeFirst()
        }
        if verb.configuration.subcommands.isEmpty, let command = try? verb.parseAsRoot(Array(own)) { return command }
        return try parseAsRoot(words)
    }

    private static func run(_ words: [String]) async throws {
        var command = try parsed(words)
        guard var asynchronous = command as? any AsyncParsableCommand else { return try command.run() }
        try await asynchronous.run()
    }

    /// Does what these words say, and says how it went; for who goes on afterwards.
    static func status(of words: [String]) async -> ExitStatus {
        do {
            try await run(words)
            return .done
        } catch {
            let code = exitCode(for: error)
            if !(error is ExitCode) {
                // Help is no failure.
                let text = fullMessage(for: error)
                if !text.isEmpty { if code == .success { print(text) } else { StandardError.write(text + "\n") } }
            }
            return ExitStatus(rawValue: code.rawValue) ?? .failed
        }
    }

    /// The words as they are parsed: options behind the verb, and the command for an alias in its place. What is thrown has the whole message.
    static func expanded(_ given: [String]) throws(ValidationError) -> [String] {
        if given.first == "--stdio" { return ["stdio"] + given.dropFirst() }
        let words = CommandWords.arranged(given) { UsageReport.command(at: $0) != nil }
        guard let (word, command) = UsageReport.unknownSubcommand(in: words) else { return words }
        var names: [String] = []
        if command == CimCtl.self {
            let aliases = Aliases.installed()
            if aliases[word] != nil { return ["alias"] + words }
            names = aliases.names
        }
        throw ValidationError(
            UsageReport.text(
                UsageReport.unknown(word, behind: command, also: names), for: command, isJSON: wantsJSON(words)))
    }

    private static func wantsJSON(_ words: [String]) -> Bool {
        for (position, word) in words.enumerated() {
            for name in ["-o", "--output"] {
                let value =
                    word == name
                    ? words.dropFirst(position + 1).first : word.hasPrefix(name + "=") ? String(word.dropFirst(name.count + 1)) : nil
                if let value, OutputFormat(rawValue: value)?.isJSON == true { return true }
            }
        }
        return false
    }
}

extension CommandConfiguration {
    /// That of a verb of ``CimCtl``, which is parsed alone. ArgumentParser takes it for a program that has its name from another one, and does not look
    /// for its own option for a completion script first, which takes a third of the time of parsing; where somebody gives it, all commands are parsed.
    var asVerb: CommandConfiguration {
        var verb = self
        verb._superCommandName = CimCtl.configuration.commandName
        return verb
    }

    var isVerb: Bool { _superCommandName != nil }
}
