import ArgumentParser
import CIMBusClient
import Dispatch
import Glibc

/// The interactive shell.
struct Shell: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes commands and queries one after another, with history and completion of names, paths and values.",
        discussion: """
            A line is a command as behind cimctl, or a query of WQL, which may have many lines and ends with a semicolon. \\? says what else \
            there is. The tab key completes where libedit is there (package libedit2). For example:
              echo 'SELECT Name FROM Linux_MountedFileSystem;' | cimctl shell
            """)

    @OptionGroup var options: CommandOptions

    func validate() throws {
        if !options.hosts.isEmpty || options.watch != nil { throw ValidationError("give --host and --watch to the commands of the shell") }
    }

    func run() async throws {
        let status = await ShellSession(options).run()
        if status != .done { throw status.code }
    }
}

/// What a shell remembers from line to line.
private actor ShellSession {
    private let source: BrokerSource
    private let bus: BusAddress
    private var namespace: String
    private var format: OutputFormat
    /// What `\x` exchanges with the list.
    private let usual: OutputFormat
    private var isTimed = false
    private let tree = CommandTree.own()
    private let aliases = Aliases.installed()
    /// Of the last command; a shell that reads no terminal ends with it.
    private var last = ExitStatus.done
    private let isInteractive = isatty(STDIN_FILENO) == 1

    nonisolated var unownedExecutor: UnownedSerialExecutor { shellThread.asUnownedSerialExecutor() }

    init(_ options: CommandOptions) {
        bus = options.busAddress
        namespace = options.namespace
        format = options.output
        usual = options.output == .list ? .table : options.output
        source = BrokerSource(options.busAddress, options.namespaceName, patience: .seconds(2))
    }

    func run() async -> ExitStatus {
        // A command of the shell has the shell's broker, unless it says another.
        setenv("CIMBUS_BUS", bus.words, 1)
        let completer = ShellCompleter(tree: tree, aliases: aliases, source: source)
        let editor = LineEditor(history: isInteractive ? Self.historyFile : nil) { completer.candidates($0, $1) }
        var input = ShellInput()
        var kept = ""
        if isInteractive { StandardError.write("cimctl \(CimCtl.configuration.version). \\? for help, \\q to leave.\n") }
        // At the prompt there is nothing to interrupt.
        signal(SIGINT, SIG_IGN)
        while true {
            let prompt = input.isEmpty ? "\(namespace)> " : String(repeating: " ", count: max(0, namespace.count - 2)) + "...> "
            guard let line = editor.next(prompt) else {
                // Whoever comes next on the terminal begins a line.
                if isInteractive { StandardError.write("\n") }
                break
            }
            kept += (kept.isEmpty ? "" : " ") + line
            completer.begun.store(kept)
            let step = input.take(line) { self.isVerb($0) }
            if step == .unfinished { continue }
            editor.remember(kept)
            kept = ""
            completer.begun.store("")
            if case .own(let word, let rest) = step {
                if ["q", "quit"].contains(word) { break }
                own(word, rest)
            } else if await !perform(step) {
                break
            }
        }
        if !input.isEmpty {
            StandardError.write("cimctl: the last query has no ; at its end, and was not asked\n")
            return .usage
        }
        return isInteractive ? .done : last
    }

    private func isVerb(_ word: String) -> Bool {
        UsageReport.command(at: [word]) != nil || aliases[word] != nil || ["help", "exit", "quit"].contains(word)
    }

    /// Whether the shell goes on.
    private func perform(_ step: ShellStep) async -> Bool {
        let start = ContinuousClock.now
        switch step {
        case .nothing, .unfinished, .own: return true
        case .mistaken(let word):
            let names = (tree?.subcommands.map(\.name) ?? []) + aliases.names
            let question = Suggestion.question(for: word, among: names).map { "; \($0)" } ?? "; \\? for help"
            StandardError.write("cimctl: no command begins with '\(FailureReport.printable(word))'\(question)\n")
            last = .usage
            return true
        case .query(let query): last = await run(["query", query])
        case .command(let words):
            if ["exit", "quit"].contains(words.first) { return false }
            last = await run(words)
        }
        if isTimed {
            let time = (ContinuousClock.now - start).components
            let tenths = time.seconds * 10_000 + time.attoseconds / 100_000_000_000_000
            StandardError.write("Time: \(tenths / 10).\(tenths % 10) ms\n")
        }
        return true
    }

    private func run(_ given: [String]) async -> ExitStatus {
        do throws(ValidationError) {
            var words = try CimCtl.expanded(given)
            let verb = words.indices.prefix { UsageReport.command(at: words[...$0]) != nil }.count
            // What the user says himself stands behind, and counts.
            func says(_ names: String...) -> Bool { words.contains { word in names.contains { word == $0 || word.hasPrefix($0 + "=") } } }
            if takesOptions(words.prefix(verb)) {
                if !says("-n", "--namespace") { words.insert(contentsOf: ["-n", namespace], at: verb) }
                if !says("-o", "--output") { words.insert(contentsOf: ["-o", format.rawValue], at: verb) }
            }
            let status = await CimCtl.status(of: words)
            // One that was interrupted has left it to kill.
            signal(SIGINT, SIG_IGN)
            return status
        } catch {
            StandardError.write(error.message)
            return .usage
        }
    }

    private func takesOptions(_ verb: some Sequence<String>) -> Bool {
        var command = tree
        for word in verb { command = command?[word] }
        return command?.option(named: "--output")?.values.contains("yaml") ?? false
    }

    // MARK: - What is the shell's own

    private func own(_ word: String, _ rest: String) {
        switch word {
        case "?", "h", "help": StandardError.write(Self.help)
        case "x":
            format = format == .list ? usual : .list
            StandardError.write("Output is \(format.rawValue).\n")
        case "o":
            guard let chosen = OutputFormat(rawValue: rest) else {
                return StandardError.write(
                    "Output is \(format.rawValue); there is \(OutputFormat.allCases.map(\.rawValue).joined(separator: ", ")).\n")
            }
            format = chosen
        case "n":
            guard !rest.isEmpty else { return StandardError.write("The namespace is \(namespace).\n") }
            guard let chosen = CIMNamespaceName(rest) else {
                return StandardError.write("'\(FailureReport.printable(rest))' is no namespace.\n")
            }
            namespace = chosen.text
        case "timing":
            isTimed.toggle()
            StandardError.write("Timing is \(isTimed ? "on" : "off").\n")
        default: StandardError.write("There is no \\\(FailureReport.printable(word)); \\? for help.\n")
        }
    }

    private static let help = """
        A command as behind cimctl:      enumerate Linux_UnixProcess, get, put, os, service ssh.service, …
        A query of WQL, to its ; :       SELECT Name FROM Linux_UnixProcess WHERE State = 'R';
        help, help COMMAND               what a command takes
        \\x                               a line for each property, or a table again
        \\o FORMAT                        table, list, json, jsonl, csv, tsv, mof, yaml
        \\n NAMESPACE                     another namespace
        \\timing                          how long each command takes, or no longer
        \\q, or Ctrl-D                    leave
        The tab key completes. Ctrl-C ends what is under way.

        """

    private static var historyFile: String? {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
        guard let state = variable("XDG_STATE_HOME") ?? variable("HOME").map({ $0 + "/.local/state" }) else { return nil }
        var path = ""
        for part in (state + "/cimbus").split(separator: "/") {
            path += "/" + part
            mkdir(path, 0o700)
        }
        return path + "/shell-history"
    }
}
