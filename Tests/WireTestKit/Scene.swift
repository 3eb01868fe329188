import CIM
import CIMBusWire
import DBus

/// A bus, a broker and a client: what a test of the whole needs.
public struct Scene: Sendable {
    public let bus: PrivateBus
    public let broker: BrokerProcess
    public let client: RawClient
    /// Lives as long as the scene does.
    private let providers = Recorder<RawProvider>()

    /// - Parameter options: the broker's.
    public static func start(_ options: String..., bus: PrivateBus? = nil) async throws -> Scene {
        try await start(options: options, bus: bus)
    }

    /// - Parameters:
    ///   - options: the broker's.
    ///   - relay: stands between the broker and the bus.
    public static func start(
        options: [String], bus: PrivateBus? = nil, client: TestTransport = .ofClients, by relay: BusRelay? = nil
    ) async throws -> Scene {
        let bus = if let bus { bus } else { try await PrivateBus.start() }
        let broker = try await BrokerProcess.start(on: bus, options, by: relay)
        return Scene(bus: bus, broker: broker, client: try await RawClient.connect(to: bus, transport: client))
    }

    private init(bus: PrivateBus, broker: BrokerProcess, client: RawClient) {
        self.bus = bus
        self.broker = broker
        self.client = client
    }

    /// A provider that serves things from memory.
    @discardableResult
    public func provider(
        _ name: String = "Raw", className: String = "Test_Thing", things: Int = 3, context: [(String, DBusValue)] = [],
        transport: TestTransport = .ofProviders
    ) async throws -> RawProvider {
        let provider = try await RawProvider.start(
            on: bus, name: name, className: className, things: things, context: context, transport: transport)
        providers.record(provider)
        return provider
    }

    /// Keeps a provider as long as the scene.
    public func keep(_ provider: RawProvider) { providers.record(provider) }

    // MARK: - What the broker knows

    /// Asks until `condition` holds, one round trip to the broker after the other.
    public func eventually(
        _ awaited: String, within duration: Duration = .seconds(5), _ condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + duration
        while try await !condition() {
            if ContinuousClock.now > deadline { throw DeadlinePassed(awaited: awaited, duration: duration) }
        }
    }

    /// Waits until a registration is in a state.
    public func waitForState(_ state: String, of registration: ObjectPath) async throws {
        try await eventually("\(registration) to be \(state)") {
            try await client.property(registration, Contract.registration, "State").text == state
        }
    }

    /// The states of the open operations.
    public func operationStates() async throws -> [String] {
        let entries = try await client.call(Contract.rootPath, Contract.broker, "ListOperations").first?.elements ?? []
        return entries.compactMap { $0.elements?.last?.stringDictionary?["State"]?.text }
    }

    /// Waits until so many operations are open, and gives their states.
    @discardableResult
    public func waitForOperations(_ count: Int) async throws -> [String] {
        var states: [String] = []
        try await eventually("\(count) open operations") {
            states = try await operationStates()
            return states.count == count
        }
        return states
    }

    /// What is wrong with the broker after all operations have ended; empty when nothing is: no operation is open, no reference is held,
    /// nobody was told of an end twice, and nothing followed an end.
    ///
    /// One round trip to the broker comes first: what it had sent before has arrived by then.
    public func complaints(_ sinks: [RawSink] = []) async throws -> [String] {
        var complaints: [String] = []
        let open = try await client.brokerProperty("OpenOperations")
        let references = try await client.brokerProperty("SinkReferences")
        if open != 0 { complaints.append("\(open) operations are open") }
        if references != 0 { complaints.append("\(references) references are held") }
        complaints += broker.log.all.filter { $0.contains(" error ") || $0.contains(" critical ") || $0.contains("Fatal error") }
        for sink in sinks {
            let events = sink.events.all
            if sink.finals != 1 { complaints.append("\(sink.finals) final statuses at \(sink.path)") }
            if let last = events.last, !last.isFinal { complaints.append("something follows the final status at \(sink.path)") }
        }
        return complaints
    }
}
