import CIM
import CIMBusProvider
import Logging
import ServiceLifecycle
import WireTestKit

extension ProviderService.Options {
    /// A call is answered when its method has ended, or has more objects than go into a reply, however long that takes.
    package static var patient: Self {
        var options = Self()
        options.replyDelay = .seconds(60)
        return options
    }
}

/// A provider's service that runs in this process. It stops with the last reference to it.
package final class RunningService: Sendable {
    /// One for each time it was registered.
    package let registrations: Recorder<Int>
    /// How `run()` ended; nil is success.
    package let end: Event<(any Error)?>
    private let group: ServiceGroup
    private let task: Task<Void, Never>

    package init(
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
    package static func start(
        _ provider: any Provider, named name: String = Things.registration, mof: String = Things.mof, classes: [String] = Things.classes,
        in namespace: CIMNamespaceName = .cimv2, on bus: PrivateBus, options: ProviderService.Options = .init(), logger: Logger = quiet
    ) async throws -> RunningService {
        let service = RunningService(
            provider, named: name, mof: mof, classes: classes, in: namespace, on: bus, options: options, logger: logger)
        try await service.waitForRegistration(1)
        return service
    }

    /// Waits until it was registered so many times.
    package func waitForRegistration(_ count: Int) async throws {
        try await registrations.wait("registration \(count)") { $0.count >= count }
    }

    /// As a SIGTERM does it.
    package func stopGracefully() async { await group.triggerGracefulShutdown() }

    package func cancel() { task.cancel() }

    deinit { task.cancel() }
}
