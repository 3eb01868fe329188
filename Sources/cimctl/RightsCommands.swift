import ArgumentParser
import CIMBusClient

struct RightsGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rights", abstract: "Shows, checks and reloads the rules that say who may do what.",
        subcommands: [RightsShow.self, RightsCheck.self, RightsReload.self])
}

struct RightsShow: Command {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows the rules that are in force, in the order in which they are asked.",
        discussion: """
            The first rule that fits decides. Where none does, everybody has Enable, MethodExecute, WriteProvider and Subscribe. Root and the \
            broker's user may everything, whatever the rules say.
            """)

    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        let rows = try await options.broker(session).rightsRules().map { rule -> [(String, CIMValue)] in
            [("Place", .string(rule.place)), ("Rule", .string(rule.text))]
        }
        try write(rows, [("Place", false), ("Rule", false)], &output)
    }
}

struct RightsCheck: Command {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Says what somebody may, and which rule says so.",
        discussion: "Example: cimctl rights check user:daemon --class Linux_UnixProcess --method Signal")

    @Argument(help: "user:NAME, user:UID, group:NAME, group:GID or everyone; you, if it is left out.")
    var principal: String?
    @Option(name: .customLong("class"), help: ArgumentHelp("Of this class.", valueName: "class"))
    var className: String?
    @Option(help: ArgumentHelp("Of this method of the class.", valueName: "method"))
    var method: String?
    @OptionGroup var options: CommandOptions

    func validate() throws {
        if method != nil, className == nil { throw ValidationError("--method needs --class") }
    }

    func run(_ session: Session, _ output: inout Output) async throws {
        let rights = try await options.broker(session).rights(
            of: principal, in: options.namespaceName, className: className, method: method)
        let rows = rights.reasons.map { line -> [(String, CIMValue)] in
            let name = line.prefix { $0 != ":" }
            let rest = line.dropFirst(name.count + 2)
            let word = rest.prefix { $0 != "," }
            // What polkit decides is not known before it is asked.
            let isAllowed: CIMValue = word == "yes" ? .boolean(true) : word == "no" ? .boolean(false) : .null
            let reason = isAllowed.isNull ? rest : rest.dropFirst(word.count + 2)
            return [("Right", .string(String(name))), ("Allowed", isAllowed), ("Reason", .string(String(reason)))]
        }
        try write(rows, [("Right", false), ("Allowed", false), ("Reason", false)], &output)
    }
}

struct RightsReload: Command {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Lets the broker read the rules again. Where a file has a fault, the rules stay as they were.")

    @OptionGroup var options: CommandOptions

    static let onlyShows = false

    func run(_ session: Session, _ output: inout Output) async throws { try await options.broker(session).reload() }
}
