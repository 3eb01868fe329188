import ArgumentParser

/// What standard error says of a mistake on the command line that ArgumentParser did not find, in its words.
enum UsageReport {
    static func text(_ message: String, for command: any ParsableCommand.Type) -> String {
        let words = words(to: command, from: CimCtl.self) ?? ["cimctl"]
        return """
            Error: \(FailureReport.printable(message))
            Usage: \(CimCtl.usageString(for: command))
              See '\(words.joined(separator: " ")) --help' for more information.

            """
    }

    /// The first word where a subcommand has to stand and none is called so, and the command it stands behind. ArgumentParser would blame
    /// the first option instead, which it cannot know without the subcommand.
    static func unknownSubcommand(in arguments: some Sequence<String>) -> (word: String, command: any ParsableCommand.Type)? {
        var command: any ParsableCommand.Type = CimCtl.self
        for word in arguments {
            let subcommands = command.configuration.subcommands
            // None of the commands that have subcommands takes a value before them. "help" is ArgumentParser's own.
            if subcommands.isEmpty || word.hasPrefix("-") || word == "help" { return nil }
            guard let next = subcommands.first(where: { $0._commandName == word }) else { return (word, command) }
            command = next
        }
        return nil
    }

    /// The words that the user writes to get to a command.
    private static func words(to command: any ParsableCommand.Type, from root: any ParsableCommand.Type) -> [String]? {
        if root == command { return [root._commandName] }
        for next in root.configuration.subcommands {
            if let rest = words(to: command, from: next) { return [root._commandName] + rest }
        }
        return nil
    }
}
