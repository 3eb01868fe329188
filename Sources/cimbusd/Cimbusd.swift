import ArgumentParser
import CIMBusBroker
import DBus
import Glibc
import Logging
import UnixSignals

/// The CIMBus broker as a program.
@main
struct Cimbusd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cimbusd",
        abstract: "The CIMBus broker: accepts clients' CIM operations on D-Bus and proxies them to decoupled providers.",
        discussion: "One broker runs on each bus. SIGTERM ends every open operation with ShuttingDown and stops.",
        version: Broker.version)

    @Flag(help: "Serve the system bus (the default).") var system = false
    @Flag(help: "Serve the session bus.") var session = false
    @Option(help: ArgumentHelp("Serve the bus at this D-Bus address.", valueName: "address")) var address: String?

    @Option(
        help: ArgumentHelp(
            "Keep classes, static instances and definitions in this directory, which is made if need be. Without it (and without systemd's STATE_DIRECTORY) they live as long as the broker.",
            valueName: "directory"))
    var state: String?

    @Option(help: ArgumentHelp("How long a provider may say nothing about an open operation.", valueName: "seconds"))
    var silence: Double = 300
    @Option(help: ArgumentHelp("How long references may outlive a reported status.", valueName: "seconds"))
    var leakGrace: Double = 10
    @Option(help: ArgumentHelp("Within which time a provider that does not answer is found.", valueName: "seconds"))
    var ping: Double = 10
    @Option(help: ArgumentHelp("How long a client may owe credit.", valueName: "seconds"))
    var credit: Double = 30
    @Option(help: ArgumentHelp("How long a full enumerator waits for somebody to pull.", valueName: "seconds"))
    var pull: Double = 60

    @Option(help: ArgumentHelp("How long a provider that was started may take to register.", valueName: "seconds"))
    var start: Double = 25
    @Option(help: ArgumentHelp("How long calls wait for a provider that outlived the last broker to register again.", valueName: "seconds"))
    var comeback: Double = 5
    @Option(
        help: ArgumentHelp(
            "How long a start that failed is not tried again; it doubles with every failure up to --longest-pause.", valueName: "seconds"))
    var firstPause: Double = 1
    @Option(help: ArgumentHelp("The longest time between two starts of a provider.", valueName: "seconds"))
    var longestPause: Double = 60

    @Option(
        help: ArgumentHelp(
            "How long the broker may be off the bus, when that drops it, before it ends every private connection and itself.",
            valueName: "seconds"))
    var busGrace: Double = 5

    @Option(
        name: .customLong("allow-register"), parsing: .singleValue,
        help: ArgumentHelp("Let this uid, too, register the provider of this name; may be given several times.", valueName: "name=uid"))
    var allowed: [String] = []

    @Option(
        name: .customLong("rights"), parsing: .singleValue,
        help: ArgumentHelp(
            "Read rules of rights (*.conf) from this directory instead of /etc/cimbus/rights.d and /usr/lib/cimbus/rights.d, which are those of --system; may be given several times: a file of an earlier directory stands for those of its name in the later ones. SIGHUP reads them again.",
            valueName: "directory"))
    var rights: [String] = []

    @Option(
        help: ArgumentHelp(
            "Append who was refused what, and who changed something, to this file, one JSON object a line. The log has it, too. SIGHUP opens the file anew.",
            valueName: "file"))
    var audit: String?

    @Option(
        name: .customLong("event-logs"),
        help: ArgumentHelp(
            "Let consumers of permanent subscriptions write logs into this directory. Without it (and without systemd's LOGS_DIRECTORY) they write none.",
            valueName: "directory"))
    var eventLogs: String?
    @Option(
        name: .customLong("journal"),
        help: ArgumentHelp("Where consumers of permanent subscriptions find the journal.", valueName: "socket"))
    var journal = "/run/systemd/journal/socket"

    @Flag(
        name: .customLong("no-private-connections"),
        help: "Offer no private connections: everything goes by the message bus, where it can be watched.")
    var offersNoPrivateConnections = false

    @Option(
        help: ArgumentHelp(
            "Write every event of the broker's core to this file, to be replayed in a test. It grows without bound.", valueName: "file"))
    var record: String?

    @Option(
        help: ArgumentHelp(
            "Offer metrics by HTTP at this unix socket, or at none. Without it (and without systemd's RUNTIME_DIRECTORY) at none.",
            valueName: "path"))
    var metrics: String?

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: Logger.Level = .info

    @Option(
        help: ArgumentHelp(
            "Read options from this file, and from *.conf in the folder of its name with .d, instead of /etc/cimbus/cimbusd.conf, which is that of --system. What the command line says counts more. SIGHUP reads them again.",
            valueName: "file"))
    var config: String?

    @Flag(
        help: "Say what is wrong with the configuration and the rules of rights, and do nothing else. The exit status is 1 if something is."
    )
    var checkConfig = false

    func validate() throws {
        guard [system, session, address != nil].filter({ $0 }).count <= 1 else {
            throw ValidationError("give one of --system, --session and --address")
        }
        for (name, value) in [
            ("--silence", silence), ("--leak-grace", leakGrace), ("--ping", ping), ("--credit", credit), ("--pull", pull),
            ("--start", start), ("--comeback", comeback), ("--first-pause", firstPause), ("--longest-pause", longestPause),
            ("--bus-grace", busGrace),
        ] where !(value >= 0.001 && value <= 31_536_000) {
            throw ValidationError("\(name) takes seconds, from 0.001 to a year")
        }
        for entry in allowed { _ = try Self.allowance(entry) }
    }

    private static func allowance(_ entry: String) throws -> (name: String, uid: UInt32) {
        guard let equals = entry.lastIndex(of: "="), equals != entry.startIndex, let uid = UInt32(entry[entry.index(after: equals)...])
        else {
            throw ValidationError("--allow-register takes NAME=UID, not \"\(entry)\"")
        }
        return (String(entry[..<equals]), uid)
    }

    func run() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if checkConfig { return try check(arguments) }
        let manager = ServiceManager()
        let journal = Journal()
        let control = LogControl("cimbusd", logLevel, hasJournal: journal != nil)
        LoggingSystem.bootstrap { BrokerLog(label: $0, control, journal) }
        let logger = Logger(label: "cimbusd")
        do {
            var configuration = try withFiles(arguments).options.brokerConfiguration()
            control.level = configuration.log?.level ?? logLevel
            configuration.log = control
            configuration.logger = logger
            configuration.reread = { () throws(CIMBusError) in try withFiles(arguments).options.brokerConfiguration() }
            configuration.reloading = { manager?.reloading($0) }
            if let repository = configuration.repository { try StateDirectory.make(Self.directory(of: repository)) }
            try await Self.serve(configuration, manager)
        } catch let error as CIMBusError {
            logger.critical("\(error)")
            throw ExitCode.failure
        }
    }

    /// `--check-config`.
    private func check(_ arguments: [String]) throws {
        do throws(CIMBusError) {
            let (options, files) = try withFiles(arguments)
            try options.brokerConfiguration().checkRights()
            print("the configuration is good" + (files.isEmpty ? "" : ": \(files.joined(separator: ", "))"))
        } catch {
            let text = "\(error)\n"
            _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
            throw ExitCode.failure
        }
    }

    private static func directory(of path: String) -> String { String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }

    /// What these options say. The log, and what is done at a reload, come beside it.
    private func brokerConfiguration() throws(CIMBusError) -> BrokerConfiguration {
        var configuration = BrokerConfiguration()
        configuration.address = session ? .session : address.map { .address($0) } ?? .system
        configuration.limits.silence = .init(silence * 1e6)
        configuration.limits.leakGrace = .init(leakGrace * 1e6)
        configuration.limits.ping = .init(ping * 1e6)
        configuration.limits.credit = .init(credit * 1e6)
        configuration.limits.pull = .init(pull * 1e6)
        configuration.limits.start = .init(start * 1e6)
        configuration.limits.comeback = .init(comeback * 1e6)
        configuration.limits.firstPause = .init(firstPause * 1e6)
        configuration.limits.longestPause = .init(longestPause * 1e6)
        configuration.busGrace = .microseconds(Int64(busGrace * 1e6))
        configuration.allowedRegistrations = allowed.compactMap { try? Self.allowance($0) }
        let isSystem = !session && address == nil
        configuration.rightsDirectories =
            rights.isEmpty && isSystem ? ["/etc/cimbus/rights.d", "/usr/lib/cimbus/rights.d"] : rights
        configuration.repository = (state ?? SystemdEnvironment.first(of: "STATE_DIRECTORY")).map { $0 + "/repository.sqlite" }
        let socket = metrics ?? SystemdEnvironment.first(of: "RUNTIME_DIRECTORY").map { $0 + "/metrics" }
        configuration.metricsSocket = socket == "none" ? nil : socket
        configuration.trace = record
        configuration.audit = audit
        configuration.eventLogs = eventLogs ?? SystemdEnvironment.first(of: "LOGS_DIRECTORY")
        configuration.journalSocket = journal
        configuration.offersPrivateConnections = !offersNoPrivateConnections
        configuration.log = LogControl("cimbusd", logLevel, hasJournal: false)
        return configuration
    }

    /// Runs the broker until SIGTERM or SIGINT stops it, or its bus goes away. SIGHUP lets it read its configuration again.
    private static func serve(_ configuration: BrokerConfiguration, _ manager: ServiceManager?) async throws {
        // A signal that comes while the broker starts stops the broker once it has started.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let broker = try await Broker.start(configuration)
        manager?.watch(broker)
        let stopper = Task {
            for await signal in signals {
                // What is wrong is in the log. Nobody waits for it: the system may take long to say who a user is.
                if signal == .sighup {
                    Task { try? await broker.reload() }
                } else {
                    manager?.tell("STOPPING=1")
                    await broker.stop()
                    break
                }
            }
        }
        try await broker.untilStopped()
        // The last of what `stop` does is to say so.
        stopper.cancel()
        await stopper.value
    }
}

private enum SystemdEnvironment {
    /// A directory that systemd made for the service (`StateDirectory=`, `LogsDirectory=`, `RuntimeDirectory=`); the first of several.
    static func first(of name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value).split(separator: ":").first.map(String.init)
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
