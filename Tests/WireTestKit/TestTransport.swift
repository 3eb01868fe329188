import CIMBusWire
import DBus
import Glibc

/// By what a test's clients and providers speak with the broker. `CIMBUS_TEST_TRANSPORT` in the environment decides for those that are not told:
/// `bus`, `private`, or `mixed`, which is private providers and clients on the bus. Without it they are on the bus.
public enum TestTransport: Sendable {
    case bus
    case `private`

    public static var ofClients: TestTransport { word == "private" ? .private : .bus }
    public static var ofProviders: TestTransport { word == "private" || word == "mixed" ? .private : .bus }

    private static var word: String { getenv("CIMBUS_TEST_TRANSPORT").map { String(cString: $0) } ?? "" }

    public var isPrivate: Bool { self == .private }
}

extension Connection {
    /// From now on what is sent to the broker goes by a private connection. Nothing happens where nobody owns the broker's name.
    @discardableResult
    public nonisolated func openPrivateConnection(ended: @escaping @Sendable (DBusError) -> Void = { _ in }) async throws
        -> PrivateConnection?
    {
        guard let broker = try await nameOwner(of: BusName(Contract.busName)) else { return nil }
        let outcome = await PrivateAccess.open(
            on: self, with: broker, to: [BusName(Contract.busName)], takesPacked: false, patience: .seconds(10), ended: ended)
        switch outcome {
        case .opened(let own): return own
        // It has just left.
        case .refused(let error) where error.status == .transportFailure: return nil
        case .refused, .busy, .late: throw ProcessError(description: "no private connection: \(outcome)")
        }
    }
}
