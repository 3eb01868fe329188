import WireTestKit

/// A message bus and a broker of one test's own. A provider is served on them, and a client asks.
///
/// ```swift
/// import CIMBusTestKit
/// import Testing
///
/// @testable import Clocks
///
/// @Test func aClockHasItsName() async throws {
///     let broker = try await TestBroker.start()
///     let provider = try await broker.serve(clocks)
///     let session = try await broker.session()
///     let hall = try await session.getInstance(at: "Sample_Clock.Name='hall'")
///     #expect(hall["Name"] == "hall")
///     try await provider.stop()
/// }
/// ```
///
/// The bus is a `dbus-daemon` with a socket of its own, and the broker is `cimbusd`: real processes. Tests may run side by side, each with a
/// broker of its own. Nobody else is on the bus, and nothing is stored. Everything ends with the last reference to the broker, and with the
/// tests.
///
/// `cimbusd` is the program that the variable `CIMBUSD` names. Without it the program is beside the tests, where SwiftPM builds it for a test
/// target that depends on `.product(name: "cimbusd", package: "cimbus")`, or else in a folder of `PATH`.
public final class TestBroker: Sendable {
    private let bus: PrivateBus
    private let broker: BrokerProcess
    private let administration: Session

    /// Starts a bus and a broker, and waits until the broker serves.
    ///
    /// Throws ``TestKitError`` when `cimbusd` or `dbus-daemon` is not there, and when one of them does not start.
    /// - Parameter options: of `cimbusd`, the bus apart.
    public static func start(options: [String] = []) async throws -> TestBroker {
        let program = try BrokerProgram.ofThisProcess.path()
        let bus = try await start("dbus-daemon did not start; is it installed (Debian's package dbus-daemon)?") {
            try await PrivateBus.start()
        }
        let broker = try await start("\(program) did not start") {
            try await BrokerProcess.start(on: bus, options, program: program)
        }
        return TestBroker(bus, broker, try await Session.connect(to: .address(bus.address)))
    }

    private static func start<Started>(_ failure: String, _ start: () async throws -> Started) async throws -> Started {
        do { return try await start() } catch { throw TestKitError("\(failure): \(error)") }
    }

    private init(_ bus: PrivateBus, _ broker: BrokerProcess, _ administration: Session) {
        self.bus = bus
        self.broker = broker
        self.administration = administration
    }

    /// The bus in the D-Bus address format, `unix:path=…`.
    public var address: String { bus.address }

    /// What the broker has logged, line by line.
    public var log: [String] { broker.log.all }

    /// The path of a program that is built with the tests: an executable target of the package, on which the test target depends.
    public static func program(_ name: String) -> String { BuildFolder.path(of: name) }

    /// A client's session with the broker, by a connection of its own.
    public func session(namespace: CIMNamespaceName = .cimv2) async throws(CIMError) -> Session {
        try await Session.connect(to: .address(address), namespace: namespace)
    }

    /// Serves a provider in this process, and returns when it is registered. The bus that the service names does not count.
    ///
    /// Throws how the service ended, when it ends before that, and ``TestKitError`` when it is not registered within `duration`.
    public func serve(_ service: ProviderService, within duration: Duration = .seconds(10)) async throws -> ServedProvider {
        let provider = ServedProvider(service, at: address)
        try await provider.waitForRegistration(within: duration)
        return provider
    }

    /// Starts the program of a provider, in any language, and returns when it is registered. The session bus and the system bus of that
    /// process are the bus of this broker.
    ///
    /// Throws ``TestKitError``, with what the program has printed, when the program ends before it is registered, or is not registered within
    /// `duration`.
    /// - Parameters:
    ///   - program: a path; without a slash it is looked for in PATH.
    ///   - name: the name of the registration.
    public func run(
        _ program: String, _ arguments: [String] = [], registering name: String, within duration: Duration = .seconds(10)
    ) async throws -> ProviderProcess {
        let provider = try ProviderProcess(program, arguments, onBus: address)
        let deadline = ContinuousClock.now + duration
        while true {
            let registrations = try await administration.broker.registrations()
            if registrations.contains(where: { $0.processID != 0 && $0.name == name && $0.state != "absent" }) { return provider }
            let words: String
            if let end = provider.end {
                words = "\(program) ended (\(end)) before it registered \(name)"
            } else if ContinuousClock.now > deadline {
                words = "\(program) did not register \(name) within \(duration)"
            } else {
                continue
            }
            throw TestKitError("\(words). It printed:\n\(await provider.wholeOutput())")
        }
    }
}
