import ArgumentParser

/// What standard error says of a mistake on the command line that ArgumentParser did not find, in its words.
enum UsageReport {
    static func text(_ message: String, for command: any ParsableCommand.Type, isJSON: Bool = false) -> String {
        let name = name(of: command)
        if isJSON { return json(message, name) }
        return """
            Error: \(FailureReport.printable(message))
            Usage: \(CimCtl.usageString(for: command))
              See '\(name) --help' for more information.

            """
    }

    /// The same as an object on one line.
    static func json(_ message: String, _ command: String) -> String {
        var text = ""
        JSONText.append(
            [
                ("status", .null), ("name", .string("Usage")), ("exit", .sint32(ExitStatus.usage.rawValue)), ("text", .string(message)),
                ("what", .string(command)), ("next", .string("'\(command) --help' says what it takes")),
            ], to: &text)
        return text + "\n"
    }

    /// The words that the user writes to get to a command.
    static func name(of command: any ParsableCommand.Type) -> String {
        (words(to: command, from: CimCtl.self) ?? ["cimctl"]).joined(separator: " ")
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

    /// The command that these words lead to; nil where they lead to none.
    static func command(at words: some Sequence<String>) -> (any ParsableCommand.Type)? {
        var command: any ParsableCommand.Type = CimCtl.self
        for word in words {
            guard let next = command.configuration.subcommands.first(where: { $0._commandName == word }) else { return nil }
            command = next
        }
        return command
    }

    /// The verb at the beginning of a command line.
    static func name(in words: [String]) -> String {
        let verb = words.indices.prefix { command(at: words[...$0]) != nil }
        return (["cimctl"] + verb.map { words[$0] }).joined(separator: " ")
    }

    /// What is wrong with a word that is no subcommand.
    static func unknown(_ word: String, behind command: any ParsableCommand.Type, also names: [String]) -> String {
        let known = command.configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName } + names
        let question = Suggestion.question(for: word, among: known).map { "; \($0)" } ?? ""
        return "there is no subcommand '\(word)'\(question)"
    }

    private static func words(to command: any ParsableCommand.Type, from root: any ParsableCommand.Type) -> [String]? {
        if root == command { return [root._commandName] }
        for next in root.configuration.subcommands {
            if let rest = words(to: command, from: next) { return [root._commandName] + rest }
        }
        return nil
    }
}
