/// Private connections beside the bus.
extension Connection {
    /// Whether the bus carries file descriptors, by which the socket of a private connection is handed over.
    public var canCarryDescriptors: Bool { link.canCarryDescriptors }

    /// Speaks by `socket` with a peer of the bus. Calls that come by it are handed out as those of the bus are. It ends with this connection,
    /// or when it is closed. From what runs on ``loop``.
    /// - Parameters:
    ///   - names: messages to these names go by it from now on, as long as it lasts; the bus carries them again after it.
    ///   - patience: how long the peer may leave a frame incomplete before that ends the connection, and a quarter of the time for which it may
    ///     take nothing of what is written.
    /// - Throws: `.disconnected`: this connection has ended.
    public nonisolated func speak(
        by socket: FileDescriptorBox, with peer: UniqueName, to names: [BusName] = [], _ members: MemberNumbers,
        patience: Duration = .seconds(30)
    ) throws(DBusError) -> PrivateConnection {
        loop.checkIsolated()
        if let closure = link.closure { throw closure }
        let connection = PrivateConnection(socket, to: peer, members, patience: patience, on: link)
        link.adopt(connection, for: names.map(\.text))
        return connection
    }

    /// By what a message to `name` would go now; nil: by the bus.
    public func privateConnection(to name: BusName) -> PrivateConnection? { link.detour(to: name.text) }

    /// Queues a message that goes by the bus, whatever private connection there is. Throws as ``send(_:)``.
    public func sendByBus(_ message: Message) throws(DBusError) { try link.send(message) }

    /// The same as ``call(_:timeout:completion:)``, by the bus, whatever private connection there is.
    public func callByBus(
        _ message: Message, timeout: Duration? = .seconds(25), completion: @escaping @Sendable (Result<Message, DBusError>) -> Void
    ) {
        link.call(message, timeout: timeout, completion: completion)
    }

    /// Queues a message that goes the way that `other` came, so that it overtakes nothing that was sent that way. Throws as ``send(_:)``.
    public func send(_ message: Message, inStepWith other: Message) throws(DBusError) {
        if let way = other.arrival { try way.send(message) } else { try link.send(message) }
    }

    /// The same for a call; see ``call(_:timeout:completion:)``.
    public func call(
        _ message: Message, inStepWith other: Message, timeout: Duration? = .seconds(25),
        completion: @escaping @Sendable (Result<Message, DBusError>) -> Void
    ) {
        if let way = other.arrival {
            way.call(message, timeout: timeout, completion)
        } else {
            callByBus(message, timeout: timeout, completion: completion)
        }
    }

    /// Waits until what was sent by private connections is written, or `limit` has passed.
    public nonisolated(nonsending) func flushPrivateConnections(within limit: Duration) async {
        let link = link
        let all = await withUnsafeContinuation { found in link.loop.onLoop { found.resume(returning: link.privateConnections) } }
        for own in all {
            await withUnsafeContinuation { written in link.loop.onLoop { own.flush(within: limit) { written.resume() } } }
        }
    }
}
