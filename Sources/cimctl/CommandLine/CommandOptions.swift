import ArgumentParser
import CIMBusClient
import Glibc

/// Which bus the broker is on.
enum BusChoice: String, EnumerableFlag {
    case system
    case session

    static func help(for value: BusChoice) -> ArgumentHelp? {
        value == .system ? "The broker on the system bus (the default)." : "The broker on the session bus."
    }

    /// The bus that the command line names, else the one that `CIMBUS_BUS` names: session, system or an address; else the system bus.
    static func address(_ address: String?, _ choice: BusChoice?) -> BusAddress {
        if let address { return .address(address) }
        if let choice { return choice == .system ? .system : .session }
        guard let variable = getenv("CIMBUS_BUS"), variable.pointee != 0 else { return .system }
        let text = String(cString: variable)
        return switch BusChoice(rawValue: text) {
        case .system: .system
        case .session: .session
        case nil: .address(text)
        }
    }
}

/// What every command takes.
struct CommandOptions: ParsableArguments {
    /// How long an operation may take where nobody says: longer than a provider that works, shorter than one waits for one that does not.
    static let defaultTimeout = Duration.seconds(60)

    @Flag(exclusivity: .exclusive) var bus: BusChoice?

    @Option(help: "The broker on the bus at this D-Bus address, e.g. unix:path=/run/example.")
    var address: String?

    @Option(name: [.short, .long], help: "The namespace.")
    var namespace = "root/cimv2"

    @Option(name: [.short, .long], help: "How results are written, and with json or jsonl errors, too.")
    var output = OutputFormat.table

    @Flag(exclusivity: .exclusive) var wording: Wording?

    @Flag(name: .customLong("no-pager"), help: "Show what is longer than the terminal at once, and not by $PAGER or less.")
    var hasNoPager = false

    @Option(help: ArgumentHelp("Do it again after so many seconds, until it is interrupted.", valueName: "seconds"))
    var watch: Double?

    @Option(
        help: ArgumentHelp(
            "How long the operation, or another question to the broker, may take; 0: as long as the broker lets it. 60 where nobody says, to compile MOF 600.",
            valueName: "seconds"))
    var timeout: Double?

    @Flag(
        name: .customLong("no-ask-password"),
        help: "Ask nobody to authorize what a rule leaves to polkit; else your session's polkit agent may ask for a password.")
    var asksNobody = false

    @Option(
        name: [.customShort("H"), .customLong("host")], parsing: .singleValue,
        help: ArgumentHelp(
            "The broker of another machine, or of several, by ssh. Rows say whose they are.", valueName: "[user@]host,…"))
    var hosts: [String] = []

    @Option(help: ArgumentHelp("How many hosts are asked at the same time.", valueName: "number")) var parallel = 32

    /// What stands for a value that the class has a word for.
    enum Wording: String, EnumerableFlag {
        case raw
        case words

        static func help(for value: Wording) -> ArgumentHelp? {
            value == .raw
                ? "Numbers as they are, where a table or list would show the words of the class (Values, BitValues)."
                : "These words in place of numbers in every format."
        }
    }

    func validate() throws {
        if CIMNamespaceName(namespace) == nil { throw ValidationError("'\(namespace)' is not a namespace; write it like root/cimv2") }
        if let timeout, !(timeout >= 0 && timeout <= 1e9) { throw ValidationError("--timeout takes a number of seconds, or 0") }
        if let watch, !(watch >= 0.1 && watch <= 86_400) { throw ValidationError("--watch takes seconds, from 0.1 to a day") }
        if !(1...1000).contains(parallel) { throw ValidationError("--parallel takes a number from 1 to 1000") }
        if address == nil, bus == nil, case .address(let text) = BusChoice.address(nil, nil), !text.contains(":") {
            throw ValidationError("CIMBUS_BUS is '\(text)': it has to be session, system, or an address such as unix:path=/run/example")
        }
        for host in hostNames where host.hasPrefix("-") || host.contains(where: \.isWhitespace) {
            throw ValidationError("'\(host)' is no host; write it like ada@example.org")
        }
    }

    var busAddress: BusAddress { BusChoice.address(address, bus) }

    /// Those of every `--host`, each once.
    var hostNames: [String] {
        var seen: Set<String> = []
        return hosts.flatMap { $0.split(separator: ",").map(String.init) }.filter { seen.insert($0).inserted }
    }

    /// What cannot be one was refused.
    var namespaceName: CIMNamespaceName { CIMNamespaceName(namespace) ?? .cimv2 }

    var operationOptions: OperationOptions {
        var operation = OperationOptions(timeout: timeLimit)
        operation.allowsInteractiveAuthorization = !asksNobody
        return operation
    }

    /// How long one operation may take; nil: as long as the broker lets it.
    var timeLimit: Duration? { timeLimit(orElse: Self.defaultTimeout) }

    /// Of `--timeout`; nil: none was given.
    var givenTimeLimit: Duration? { timeout.map { .milliseconds(Int64(($0 * 1000).rounded(.up))) } }

    func timeLimit(orElse time: Duration) -> Duration? {
        guard let given = givenTimeLimit else { return time }
        return given == .zero ? nil : given
    }

    /// - Parameter isPaged: whether the command shows what may be longer than a screen, and ends.
    func style(isPaged: Bool) -> OutputStyle {
        OutputStyle(
            format: output, words: wording.map { $0 == .words } ?? output.isForPeople, usesPager: isPaged && !hasNoPager && watch == nil)
    }

    /// The broker as a whole, which is asked within `--timeout`.
    func broker(_ session: Session) -> BrokerAdministration {
        var broker = session.broker
        if let limit = givenTimeLimit, limit > .zero { broker.timeout = limit }
        return broker
    }

    func connect() async throws(CIMError) -> Session {
        if let session = try await EarlyConnection.session(at: busAddress) { return session.session(for: namespaceName) }
        return try await Session.connect(to: busAddress, namespace: namespaceName)
    }
}
