import CIMBusClient
import CIMBusProvider
import Logging
import WireTestKit

/// A private bus with a broker, a provider's service in this process, and a session.
package struct Stage: Sendable {
    package let bus: PrivateBus
    package let broker: BrokerProcess
    package let service: RunningService
    package let session: Session

    /// Starts it all, and waits until the provider is registered.
    package static func start(
        _ provider: ThingProvider = ThingProvider(), options: ProviderService.Options = .init(), logger: Logger = quiet,
        allUsers: Bool = false, broker arguments: String...
    ) async throws -> Stage {
        let bus = try await PrivateBus.start(allUsers: allUsers)
        let broker = try await BrokerProcess.start(on: bus, arguments)
        let service = try await RunningService.start(provider, on: bus, options: options, logger: logger)
        let session = try await Session.connect(to: .address(bus.address), logger: quiet)
        return Stage(bus: bus, broker: broker, service: service, session: session)
    }

    private init(bus: PrivateBus, broker: BrokerProcess, service: RunningService, session: Session) {
        self.bus = bus
        self.broker = broker
        self.service = service
        self.session = session
    }

    /// Waits until nothing is open at the broker and nobody holds a sink; throws what is wrong with the registrations then.
    package func expectQuiet(_ file: String = #fileID, _ line: Int = #line) async throws {
        let administration = session.broker
        try await withDeadline(.seconds(10), "the broker to be quiet at \(file):\(line)") {
            while true {
                let figures = try await administration.figures()
                if figures.openOperations == 0, figures.sinkReferences == 0 { return }
            }
        }
        let counters = try await administration.registrations().map(\.counters)
        guard counters.allSatisfy({ $0["Violations"] == 0 && $0["Leaks"] == 0 }) else {
            throw StageError(description: "\(file):\(line): a provider leaked or broke a rule: \(counters)")
        }
    }
}

/// What a stage should not be.
package struct StageError: Error, CustomStringConvertible {
    package let description: String
}

/// Logs nothing.
package let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
