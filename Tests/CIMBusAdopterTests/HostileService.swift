import DBus
import WireTestKit

/// A service that answers as a test says.
final class HostileService: Sendable {
    static let name = WellKnownName(verified: "org.example.Hostile")
    static let root = ObjectPath(verified: "/org/example/hostile")

    let connection: Connection
    /// The members that were called.
    let calls = Recorder<String>()

    /// - Parameters:
    ///   - name: nil: it takes none, and waits for ``takeName()``.
    ///   - answer: false: the call gets no answer, for as long as the service is there.
    init(
        on bus: PrivateBus, takesName: Bool = true, _ answer: @escaping @Sendable (HostileService, MethodCall, Message) -> Bool
    ) async throws {
        var options = ConnectionOptions()
        options.maximumQueuedBytes = 1 << 30
        let connection = try await bus.connect(options: options)
        self.connection = connection
        let held = Recorder<MethodCall>()
        await connection.setInbound { [weak self] message in
            guard let self, message.kind == .methodCall, message.path?.hasPrefix(Self.root.text) ?? false else { return false }
            calls.record(message.member ?? "")
            let call = connection.methodCall(message)
            if !answer(self, call, message) { held.record(call) }
            return true
        }
        if takesName { try await takeName() }
    }

    /// Takes the name, or waits in line for it.
    func takeName() async throws { _ = try await connection.requestName(Self.name, flags: []) }

    /// Leaves the bus, at once.
    func leave() { connection.assumeIsolated { $0.close() } }

    static func path(_ number: Int) -> ObjectPath { ObjectPath(verified: "\(root)/\(number)") }

    /// A row of the listing for each object.
    static func listing(_ count: Int) -> DBusValue {
        .array(element: Signature(verified: "(so)"), (0..<count).map { .structure([.string("\($0)"), .objectPath(path($0))]) })
    }

    /// The number that the path ends with.
    static func number(_ message: Message) -> Int? { message.path?.split(separator: "/").last.flatMap { Int($0) } }
}
