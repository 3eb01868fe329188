import ArgumentParser
import CIMBusClient

/// Which bus the broker is on.
enum BusChoice: String, EnumerableFlag {
    case system
    case session

    static func help(for value: BusChoice) -> ArgumentHelp? {
        value == .system ? "The broker on the system bus (the default)." : "The broker on the session bus."
    }
}

/// How results are written.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    case table
    case json
}

/// What every command takes.
struct CommandOptions: ParsableArguments {
    @Flag(exclusivity: .exclusive) var bus: BusChoice = .system

    @Option(help: "The broker on the bus at this D-Bus address, e.g. unix:path=/run/example.")
    var address: String?

    @Option(name: [.short, .long], help: "The namespace.")
    var namespace = "root/cimv2"

    @Option(name: [.short, .long], help: "table, or json: one object per line, nothing cut, numbers exact.")
    var output = OutputFormat.table

    @Option(help: ArgumentHelp("How long the operation, or another question to the broker, may take.", valueName: "seconds"))
    var timeout: Double?

    @Flag(
        name: .customLong("no-ask-password"),
        help: "Ask nobody to authorize what a rule leaves to polkit; else your session's polkit agent may ask for a password.")
    var asksNobody = false

    func validate() throws {
        if CIMNamespaceName(namespace) == nil { throw ValidationError("'\(namespace)' is not a namespace; write it like root/cimv2") }
        if let timeout, !(timeout > 0 && timeout <= 1e9) { throw ValidationError("--timeout takes a number of seconds above 0") }
    }

    var busAddress: BusAddress {
        if let address { return .address(address) }
        return bus == .system ? .system : .session
    }

    /// What cannot be one was refused.
    var namespaceName: CIMNamespaceName { CIMNamespaceName(namespace) ?? .cimv2 }

    var operationOptions: OperationOptions {
        var operation = OperationOptions(timeout: timeLimit)
        operation.allowsInteractiveAuthorization = !asksNobody
        return operation
    }

    /// Of `--timeout`; nil: none was given.
    var timeLimit: Duration? { timeout.map { .milliseconds(Int64(($0 * 1000).rounded(.up))) } }

    /// The broker as a whole, which is asked within `--timeout`.
    func broker(_ session: Session) -> BrokerAdministration {
        var broker = session.broker
        if let timeLimit { broker.timeout = timeLimit }
        return broker
    }

    func connect() async throws(CIMError) -> Session {
        try await Session.connect(to: busAddress, namespace: namespaceName)
    }
}
