import CIMBusCore
import CIMBusWire
import DBus

/// The connections beside the broker's own over which it calls providers, so that calls that are never answered do not use up its own
/// (``LaneID``).
extension Broker {
    /// The connection that calls go out by.
    func connection(of lane: LaneID) -> Connection? { lane == .own ? connection : lanes[lane] }

    /// Connects to the bus once more. What needs the lane waits meanwhile, as long as it waits for any slot.
    func openLane(_ lane: LaneID) {
        var options = ConnectionOptions()
        options.logger = logger
        Task(executorPreference: loop) { [configuration, loop, options] in
            do throws(DBusError) {
                let connection = try await Connection.connect(to: configuration.address, on: loop, options: options)
                await self.opened(lane, connection)
            } catch {
                await self.openLater(lane, error)
            }
        }
    }

    private func openLater(_ lane: LaneID, _ error: DBusError) {
        guard !isStopped else { return }
        logger.warning("cannot connect to the bus once more, for providers that leave calls unanswered: \(error.message); trying again")
        loop.schedule(after: .seconds(1)) { [weak self] in self?.assumeIsolated { $0.openLane(lane) } }
    }

    private func opened(_ lane: LaneID, _ connection: Connection) {
        lanes[lane] = connection
        connection.assumeIsolated { connection in
            // Most providers call the sinks of org.cimbus1; some call whoever called them.
            connection.setInbound { [weak self] message in
                self?.assumeIsolated { $0.serve(message, from: connection) }
                return true
            }
        }
        connection.onDisconnected { [weak self] error in
            self?.assumeIsolated { broker in
                guard broker.lanes.removeValue(forKey: lane) != nil else { return }
                broker.connectionsChanged()
                broker.tell { $0.laneLost(lane, "the connection that called it was lost: \(error.message)") }
            }
        }
        connectionsChanged()
        logger.info("connected to the bus once more as \(connection.uniqueName), for calls that may stay unanswered")
        tell { $0.laneOpened(lane) }
    }

    /// The bus forgets with it what went unanswered.
    func closeLane(_ lane: LaneID) {
        guard let connection = lanes.removeValue(forKey: lane) else { return }
        connectionsChanged()
        logger.info("left the bus with \(connection.uniqueName), whose calls stay unanswered")
        connection.assumeIsolated { $0.close() }
    }

    func closeLanes() {
        for lane in lanes.keys.sorted() { closeLane(lane) }
    }

    private func connectionsChanged() {
        connection.assumeIsolated { $0.emitPropertiesChanged(["Connections"], of: Contract.broker, at: Contract.rootPath) }
    }

    /// The names from which the broker calls, its own first.
    var connectionNames: [String] { [connection.uniqueName.text] + lanes.sorted { $0.key < $1.key }.map(\.value.uniqueName.text) }

    /// Who was called by a lane may answer there, and nobody else asks there.
    private func serve(_ message: Message, from lane: Connection) {
        guard let peer = message.sender.flatMap({ peerIDs[$0] }), !message.containsUnixFDs else {
            lane.methodCall(message).fail(.accessDenied, "call \(Contract.busName), not \(lane.uniqueName)")
            return
        }
        tell { $0.heard(from: peer) }
        connection.assumeIsolated { $0.dispatch(lane.methodCall(message)) }
    }

    /// What a provider said before on the broker's own connection, in the order in which it said it, and then `body`: nothing orders what
    /// comes by two connections, but the bus answers a question behind all that it had to deliver.
    func afterWhatWasSaid(by lane: LaneID, _ body: @escaping @Sendable (isolated Broker) -> Void) {
        guard lane != .own, let question = try? Message.busCall("GetId") else { return body(self) }
        connection.assumeIsolated { connection in
            connection.call(question, timeout: .seconds(5)) { [weak self] _ in self?.assumeIsolated { body($0) } }
        }
    }

    /// What a peer that is gone has said by other lanes is read before its end counts.
    func afterLanes(of peer: PeerID, _ body: @escaping @Sendable (isolated Broker) -> Void) {
        after(core.lanes(of: peer)[...], body)
    }

    /// What was said by each of the lanes is read before `body`.
    private func after(_ remaining: ArraySlice<LaneID>, _ body: @escaping @Sendable (isolated Broker) -> Void) {
        guard let lane = remaining.first else { return body(self) }
        let rest = remaining.dropFirst()
        guard let other = lanes[lane], let question = try? Message.busCall("GetId") else { return after(rest, body) }
        other.assumeIsolated { other in
            other.call(question, timeout: .seconds(1)) { [weak self] _ in
                self?.assumeIsolated { $0.afterWhatWasSaid(by: lane) { $0.after(rest, body) } }
            }
        }
    }
}
