import ArgumentParser
import CIM
import CIMAdoption
import CIMBusAdopter
import CIMBusProvider
import CIMBusWire
import DBus
import Glibc
import Logging
import Synchronization
import UnixSignals

/// Makes D-Bus services providers by mappings.
@main
struct CimbusAdopter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cimbus-adopter",
        abstract: "Makes the objects of D-Bus services into CIM instances, by mappings.",
        discussion: """
            It registers as the provider DBusServices, with the classes of the mappings. It reads /etc/cimbus/adopt/*.mof, then \
            /usr/share/cimbus/adopt/*.mof; a file of the first folder stands for that of its name in the second. SIGHUP reads them again.
            """,
        version: Contract.version)

    @Flag(help: "Serve the broker on the system bus (the default).") var system = false
    @Flag(help: "Serve the broker on the session bus.") var session = false
    @Option(help: ArgumentHelp("Serve the broker on the bus at this D-Bus address.", valueName: "address")) var address: String?
    @Option(
        name: .customLong("adopt"), parsing: .singleValue,
        help: ArgumentHelp("Read mappings from this folder instead; may be given several times, the first wins.", valueName: "folder"))
    var folders: [String] = []
    @Flag(help: "End when nobody has needed it for some minutes; the next use starts it again.") var untilIdle = false
    @Flag(help: "Say what is wrong with the mappings, and end.") var check = false
    @Option(help: ArgumentHelp("Show the first objects of each class of this mapping, without a broker, and end.", valueName: "file"))
    var show: String?
    @Option(
        name: .customLong("try"),
        help: ArgumentHelp(
            "Serve this mapping alone, in the namespace of --namespace, until standard input ends; then remove that namespace.",
            valueName: "file"))
    var trial: String?
    @Option(help: ArgumentHelp("With --try: the namespace, which is there for this alone.", valueName: "namespace")) var namespace: String?
    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: Logger.Level = .info

    func validate() throws {
        guard [system, session, address != nil].filter({ $0 }).count <= 1 else {
            throw ValidationError("give one of --system, --session and --address")
        }
        guard (trial == nil) == (namespace == nil) else { throw ValidationError("give --try and --namespace together") }
        if let namespace, CIMNamespaceName(namespace)?.parent == nil || CIMNamespaceName(namespace) == .cimv2 {
            throw ValidationError("--namespace takes one that is there for this alone, such as root/cimv2/try: it is removed")
        }
    }

    private var bus: BusAddress { session ? .session : address.map { .address($0) } ?? .system }

    private var mappingFolders: [String] {
        if !folders.isEmpty { return folders }
        var standard = ["/etc/cimbus/adopt", "/usr/share/cimbus/adopt"]
        if session, let home = getenv("HOME") { standard.insert(String(cString: home) + "/.config/cimbus/adopt", at: 0) }
        return standard
    }

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "cimbus-adopter")
        logger.logLevel = logLevel
        if check {
            let mappings = Mappings(folders: mappingFolders)
            for complaint in mappings.complaints { print(complaint) }
            if !mappings.complaints.isEmpty { throw ExitCode.failure }
            return
        }
        if let show {
            try await MappingPreview(file: show, bus: bus, logger: logger).run { print($0) }
            return
        }
        if let trial, let namespace = namespace.flatMap({ CIMNamespaceName($0) }) {
            return try await serve(MappingTrial(file: trial, namespace: namespace), logger)
        }
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let adopter = AdopterService(
            bus: bus, isSystemBus: !session && address == nil, folders: mappingFolders, logger: logger,
            endsWhenIdle: untilIdle)
        let life = Life()
        let listener = Task {
            for await signal in signals { life.end(reads: signal == .sighup) }
        }
        defer { listener.cancel() }
        while true {
            let serving = life.begin { try await adopter.serve() }
            let result = await serving.result
            if life.isToRead {
                logger.info("reading the mappings again")
                continue
            }
            if case .failure(let error) = result, !life.isOver {
                logger.critical("\(error)")
                throw ExitCode.failure
            }
            return
        }
    }
}

extension CimbusAdopter {
    /// Says on standard output when the mapping is served, and serves it until nobody holds the other end of standard input any more.
    private func serve(_ trial: MappingTrial, _ logger: Logger) async throws {
        var adopter = AdopterService(bus: bus, isSystemBus: !session && address == nil, folders: [], logger: logger)
        adopter.trial = trial
        adopter.onRegistered = {
            print("served")
            fflush(nil)
        }
        let serving = Task { [adopter] in try await adopter.serve() }
        // Whoever tries the mapping may be killed, and a terminal's Ctrl-C comes here, too.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let threads = BlockingThreads(name: "input", most: 1)
        Task {
            await threads.run {
                var byte: UInt8 = 0
                while read(STDIN_FILENO, &byte, 1) > 0 {}
            }
            serving.cancel()
        }
        let listener = Task { for await _ in signals { serving.cancel() } }
        let result = await serving.result
        listener.cancel()
        await trial.remove(on: bus)
        if case .failure(let error) = result, !serving.isCancelled { throw error }
    }
}

/// What serves now, and what a signal asked for.
private final class Life: Sendable {
    private struct State {
        var serving: Task<Void, any Error>?
        var isToRead = false
        var isOver = false
    }

    private let state = Mutex(State())

    /// Serves, unless a signal has ended it all.
    func begin(_ serve: @escaping @Sendable () async throws -> Void) -> Task<Void, any Error> {
        state.withLock { state in
            state.isToRead = false
            let serving = Task { try await serve() }
            state.serving = serving
            if state.isOver { serving.cancel() }
            return serving
        }
    }

    func end(reads: Bool) {
        state.withLock { state in
            if reads { state.isToRead = !state.isOver } else { (state.isOver, state.isToRead) = (true, false) }
            state.serving?.cancel()
        }
    }

    var isToRead: Bool { state.withLock { $0.isToRead } }
    var isOver: Bool { state.withLock { $0.isOver } }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
