/// A connection that outlives the loss of its bus: private connections go on, with what is exported and what is subscribed to, and it may come back.
extension Connection {
    /// From now on the loss of the bus does not end the connection. It rests instead: what waits for a reply of the bus fails, and so does what is
    /// sent there. Private connections go on.
    /// - Parameter lost: runs on the loop each time, before those hear of it who wait for replies; also when ``reopen(to:)`` fails.
    public func outliveBus(_ lost: @escaping @Sendable (DBusError) -> Void) { if link.closure == nil { link.outlives = lost } }

    /// Whether there is a socket to the bus. One that rests has none.
    public var isOnBus: Bool { link.isOnBus }

    /// Connects once more for a connection that rests. Then it is somebody new on the bus: it has another unique name, and no other name. What was
    /// subscribed to comes again; what came of it meanwhile is missed.
    ///
    /// Throws as ``connect(to:on:options:)``. After an error it may have a socket; ``leaveBus(_:)`` sees to it that it has none.
    public nonisolated(nonsending) func reopen(to address: BusAddress) async throws(DBusError) {
        let name = try Self.name(in: try await link.reopen(address: try address.resolve()))
        place.withLock { $0 = name }
        let link = link
        let (rules, followed) = await withUnsafeContinuation { found in
            link.loop.onLoop { found.resume(returning: (link.signals.rules, link.signals.followedNames)) }
        }
        for rule in rules { _ = try await callBus("AddMatch", [.string(rule.text)]) }
        for name in followed {
            let owner = try await nameOwner(of: BusName(verified: name))
            link.loop.onLoop { link.signals.setOwner(of: name, owner?.text ?? "") }
        }
    }

    /// Leaves the bus as if it were lost.
    public func leaveBus(_ reason: DBusError) { if link.isOnBus { link.lost(reason) } }

    /// Ends the connection for this reason, as ``close()`` does.
    public func end(_ reason: DBusError) { link.close(reason) }

    /// The identity of the bus, which another one at the same address does not have. D-Bus specification, `GetId`.
    public nonisolated(nonsending) func busID() async throws(DBusError) -> String {
        guard let text = try await callBus("GetId", []).first?.text else {
            throw DBusError(code: .malformed, "the bus does not say who it is")
        }
        return text
    }

    /// Whether a name has an owner.
    public nonisolated(nonsending) func hasOwner(_ name: BusName) async throws(DBusError) -> Bool {
        try await nameOwner(of: name) != nil
    }
}
