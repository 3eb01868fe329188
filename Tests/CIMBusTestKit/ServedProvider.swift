import WireTestKit

/// A provider that is served in the process of the test. It is cancelled with the last reference to it.
public final class ServedProvider: Sendable {
    private let name: String
    private let registrations: Recorder<Bool>
    private let task: Task<Void, any Error>

    init(_ service: ProviderService, at address: String) {
        name = service.name
        var service = service
        service.bus = .address(address)
        let registrations = Recorder<Bool>()
        let onRegistered = service.options.onRegistered
        service.options.onRegistered = {
            onRegistered?()
            registrations.record(true)
        }
        let served = service
        task = Task {
            defer { registrations.record(false) }
            try await served.run()
        }
        self.registrations = registrations
    }

    deinit { task.cancel() }

    func waitForRegistration(within duration: Duration) async throws {
        let seen: [Bool]
        do {
            seen = try await registrations.wait("the registration", within: duration) { !$0.isEmpty }
        } catch is DeadlinePassed {
            throw TestKitError("\(name) did not register within \(duration): the log of the provider says why")
        }
        if seen.first == true { return }
        try await task.value
        throw TestKitError("\(name) ended before it was registered")
    }

    /// Ends the provider, and returns when it has unregistered. Throws how its service failed, if it did.
    public func stop() async throws {
        task.cancel()
        do { try await task.value } catch is CancellationError {}
    }
}
