import DBus

/// Who the broker is, for one of its peers: the owner of its name on the bus; or, while a private connection lives, whoever is at the other end of
/// that.
///
/// The bus may drop a broker that comes back under another unique name. The private connection is the proof that it is the same one: as long as it
/// lives, so does the broker, and everything that goes by it. Touched on the connection's loop only.
public final class BrokerFollower: @unchecked Sendable {
    private weak let connection: Connection?
    private let changed: @Sendable (UniqueName?) -> Void
    private let leftBus: @Sendable () -> Void
    /// Who owns the broker's name.
    private var owner: UniqueName?
    /// Who the broker is.
    private var broker: UniqueName?
    /// Whether the broker goes on without its name as long as its private connection lives.
    private var isStaying = false

    /// How long a broker that lost its name may take to answer by its private connection. One that is stopped must not be waited for without end,
    /// while another has the name.
    private static let patience = Duration.seconds(10)

    private init(_ connection: Connection, _ changed: @escaping @Sendable (UniqueName?) -> Void, _ leftBus: @escaping @Sendable () -> Void)
    {
        self.connection = connection
        self.changed = changed
        self.leftBus = leftBus
    }

    /// Follows the broker of the bus for as long as the connection lives.
    /// - Parameters:
    ///   - changed: called on the loop with the broker's unique name, nil for none: before this returns, where there is one, then at each change, when
    ///     everything has been handed out that the last broker said.
    ///   - leftBus: called on the loop when the bus has dropped the broker, whose private connection goes on: what went by the bus has ended there.
    public static func follow(
        on connection: Connection, changed: @escaping @Sendable (UniqueName?) -> Void, leftBus: @escaping @Sendable () -> Void
    ) async throws(DBusError) {
        let follower = BrokerFollower(connection, changed, leftBus)
        // The subscription holds it, and ends with the connection.
        _ = try await connection.followOwner(of: BusName(Contract.busName)) { follower.ownerChanged(to: $0) }
    }

    private func ownerChanged(to owner: UniqueName?) {
        self.owner = owner
        let own = broker.flatMap { broker in connection?.assumeIsolated { $0.privateConnection(to: BusName(broker)) } }
        guard let own, owner != broker else { return settle() }
        // What the broker said by it, it said before it left the bus.
        own.drain()
        if own.isOver { return settle() }
        askWhetherItLives(own)
        if isStaying { return }
        isStaying = true
        leftBus()
        own.onClosed { [weak self] _ in self?.settle() }
    }

    private func askWhetherItLives(_ own: PrivateConnection) {
        let timer = own.loop.schedule(after: Self.patience) {
            own.endSoon(faulty: "the broker has left the bus, and does not answer within \(Self.patience)")
        }
        own.ping { [loop = own.loop] _ in loop.cancel(timer) }
    }

    /// The broker is who owns its name.
    private func settle() {
        isStaying = false
        guard owner != broker else { return }
        broker = owner
        changed(owner)
    }
}

extension BrokerFollower: CustomReflectable {
    /// Nothing: the state is the loop's own.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
