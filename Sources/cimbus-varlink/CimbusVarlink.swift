import ArgumentParser
import CIMBusClient
import CIMBusWire
import DBus
import Glibc

/// Serves the CIM objects of a broker over varlink.
@main
struct CimbusVarlink: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cimbus-varlink",
        abstract: "Serves the CIM objects of a CIMBus broker over varlink, as io.cimbus.CIM.",
        discussion: """
            It asks the broker as the user whom it runs as, and serves that user and root, and nobody else. A socket of the service manager's \
            (LISTEN_FDS) goes before one of its own.
            """,
        version: Contract.version)

    @Flag(help: "Ask the broker on the system bus (the default).") var system = false
    @Flag(help: "Ask the broker on the session bus.") var session = false
    @Option(help: ArgumentHelp("Ask the broker on the bus at this D-Bus address.", valueName: "address")) var address: String?
    @Option(
        help: ArgumentHelp(
            "Listen here. Without it: cimbus/io.cimbus.CIM below /run, or below the user's runtime folder.", valueName: "path")
    )
    var socket: String?
    @Option(help: ArgumentHelp("How long a connection may be silent.", valueName: "seconds")) var idle = 300
    @Option(help: ArgumentHelp("How long a message may take to come, and an answer to be taken.", valueName: "seconds")) var patience = 30

    func validate() throws {
        guard [system, session, address != nil].filter({ $0 }).count <= 1 else {
            throw ValidationError("give one of --system, --session and --address")
        }
        guard (1...86_400).contains(idle), (1...86_400).contains(patience) else {
            throw ValidationError("--idle and --patience take seconds, from 1 to a day")
        }
    }

    func run() async throws {
        do throws(SocketFailure) {
            let listener = try ListeningSocket.open(path: try socketPath())
            let bus: BusAddress = session ? .session : address.map { .address($0) } ?? .system
            let server = VarlinkServer(
                listener: listener, service: VarlinkService(broker: BrokerAccess(bus)),
                patience: Patience(idle: .seconds(idle), message: .seconds(patience)))
            say("serving \(VarlinkInterface.cim) for uid \(geteuid()) and root")
            try await server.serve()
        } catch {
            say("\(error)")
            throw ExitCode.failure
        }
    }

    private func socketPath() throws(SocketFailure) -> String {
        if let socket { return socket }
        if geteuid() == 0 { return "/run/cimbus/io.cimbus.CIM" }
        guard let folder = getenv("XDG_RUNTIME_DIR") else {
            throw SocketFailure("XDG_RUNTIME_DIR is not set: say where to listen, with --socket")
        }
        return String(cString: folder) + "/cimbus/io.cimbus.CIM"
    }

    private func say(_ text: String) {
        let line = "cimbus-varlink: \(text)\n"
        _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }
}
