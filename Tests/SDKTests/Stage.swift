import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusTestKit
import DBus
import Logging
import ServiceLifecycle
import Testing

/// Both SDKs over real buses and real brokers. One stage at a time: what is measured is not disturbed.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SDKTests {}

/// A private bus with a broker, a provider's service in this process, and a session.
struct Stage: Sendable {
    let bus: PrivateBus
    let broker: BrokerProcess
    let service: RunningService
    let session: Session

    /// Starts it all, and waits until the provider is registered.
    static func start(
        _ provider: ThingProvider = ThingProvider(), options: ProviderService.Options = .init(), logger: Logger = quiet,
        broker arguments: String...
    ) async throws -> Stage {
        let bus = try await PrivateBus.start()
        let broker = try await BrokerProcess.start(on: bus, arguments)
        let service = try await RunningService.start(provider, on: bus, options: options, logger: logger)
        let session = try await Session.connect(to: .address(bus.address), logger: quiet)
        return Stage(bus: bus, broker: broker, service: service, session: session)
    }

    /// Waits until nothing is open at the broker and nobody holds a sink.
    func expectQuiet(location: SourceLocation = #_sourceLocation) async throws {
        let administration = session.broker
        let isQuiet = try await withDeadline(.seconds(10), "the broker to be quiet") {
            while true {
                let figures = try await administration.figures()
                if figures.openOperations == 0, figures.sinkReferences == 0 { return true }
            }
        }
        #expect(isQuiet, sourceLocation: location)
        let counters = try await administration.registrations().map(\.counters)
        #expect(counters.allSatisfy { $0["Violations"] == 0 && $0["Leaks"] == 0 }, "\(counters)", sourceLocation: location)
    }
}

/// Logs nothing.
let quiet = Logger(label: "SDKTests") { _ in SwiftLogNoOpLogHandler() }

/// Records what is logged: the level and the text.
struct LogRecorder: LogHandler {
    let lines = Recorder<String>()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.record("\(event.level): \(event.message)") }

    var logger: Logger { Logger(label: "recorded") { _ in self } }
}

/// A provider's service that runs in this process. It stops with the last reference to it.
final class RunningService: Sendable {
    /// One for each time it was registered.
    let registrations: Recorder<Int>
    /// How `run()` ended; nil is success.
    let end: Event<(any Error)?>
    private let group: ServiceGroup
    private let task: Task<Void, Never>

    init(
        _ provider: any Provider, named name: String = Things.registration, mof: String = Things.mof, classes: [String] = Things.classes,
        in namespace: CIMNamespaceName = .cimv2, on bus: PrivateBus, options: ProviderService.Options = .init(), logger: Logger = quiet
    ) {
        let registrations = Recorder<Int>()
        let end = Event<(any Error)?>("the end of the service")
        var options = options
        options.onRegistered = { registrations.record(1) }
        let service = ProviderService(
            name: name, namespace: namespace, mof: mof, classes: Dictionary(uniqueKeysWithValues: classes.map { ($0, provider) }),
            bus: .address(bus.address),
            options: options, logger: logger)
        let group = ServiceGroup(services: [service], logger: quiet)
        self.registrations = registrations
        self.end = end
        self.group = group
        task = Task {
            do {
                try await group.run()
                end.send(nil)
            } catch is CancellationError {
                end.send(nil)
            } catch {
                end.send(error)
            }
        }
    }

    /// Starts one and waits until it is registered.
    static func start(
        _ provider: any Provider, named name: String = Things.registration, mof: String = Things.mof, classes: [String] = Things.classes,
        in namespace: CIMNamespaceName = .cimv2, on bus: PrivateBus, options: ProviderService.Options = .init(), logger: Logger = quiet
    ) async throws -> RunningService {
        let service = RunningService(
            provider, named: name, mof: mof, classes: classes, in: namespace, on: bus, options: options, logger: logger)
        try await service.waitForRegistration(1)
        return service
    }

    /// Waits until it was registered so many times.
    func waitForRegistration(_ count: Int) async throws {
        try await registrations.wait("registration \(count)") { $0.count >= count }
    }

    /// As a SIGTERM does it.
    func stopGracefully() async { await group.triggerGracefulShutdown() }

    func cancel() { task.cancel() }

    deinit { task.cancel() }
}
