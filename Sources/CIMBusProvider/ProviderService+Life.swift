import CIM
import CIMBusWire
import DBus
import Glibc

extension ProviderService {
    /// For whom a provider is about to serve (Semantics D.4, `IWbemProviderInit::Initialize`).
    public struct Initialization: Sendable {
        /// The only user whose calls the provider serves, by name or number. Nil means all users.
        public var user: String?
        /// Always nil: CIMBus has no registrations per locale.
        public var locale: String?
        public var namespace: CIMNamespaceName
    }

    /// When a provider ends by itself because nobody needs it (Semantics D.7).
    public enum IdleExit: Hashable, Sendable {
        case never
        /// The provider ends when nobody has called for this time, and at the latest for twice this time.
        case after(Duration)
        /// As ``after(_:)``, with the time that `ClearAfter` of `__ObjectProviderCacheControl` says when the provider registers. Five
        /// minutes when that cannot be read.
        case asConfigured
    }

    /// Whether the message bus started this process. False when the bus left the start to systemd, as dbus-broker always does; only the unit can
    /// say that.
    public static var wasStartedByBus: Bool { getenv("DBUS_STARTER_ADDRESS") != nil || getenv("DBUS_STARTER_BUS_TYPE") != nil }
}

extension ProviderSession {
    /// How long it may be idle; nil: for ever.
    func idleLimit(_ broker: UniqueName) async -> Duration? {
        switch service.options.idleExit {
        case .never: nil
        case .after(let limit): limit
        case .asConfigured: await clearAfter(broker) ?? .seconds(300)
        }
    }

    private func clearAfter(_ broker: UniqueName) async -> Duration? {
        guard
            let message = try? Message.methodCall(
                destination: BusName(broker), path: Contract.path(of: .root), interface: Contract.services,
                member: MemberName(verified: "GetObject"),
                values: [.string("__ObjectProviderCacheControl=@"), .int32(0), .dictionary([])]),
            let text = try? await connection.call(message).values().first?.stringDictionary?["ClearAfter"]?.text,
            let interval = CIMDateTime(text)?.intervalMicroseconds
        else { return nil }
        return .microseconds(Int64(clamping: interval))
    }

    /// Returns once nobody has called for `limit`; at once when the task is cancelled.
    func waitForIdleness(_ limit: Duration) async {
        while !Task.isCancelled {
            let idle = host.idleTime ?? .zero
            if idle >= limit { return }
            try? await Task.sleep(for: max(limit - idle, .milliseconds(10)))
        }
    }
}
