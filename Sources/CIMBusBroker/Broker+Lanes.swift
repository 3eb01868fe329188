import CIMBusCore
import CIMBusWire
import DBus

/// The connections beside the broker's own over which it calls providers, so that calls that are never answered do not use up its own
/// (``LaneID``).
extension Broker {
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
                guard broker.lanes[lane] != nil else { return }
                broker.lanes[lane] = nil
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
        guard let connection = lanes[lane] else { return }
        lanes[lane] = nil
        connectionsChanged()
        logger.info("left the bus with \(connection.uniqueName), whose calls stay unanswered")
        connection.assumeIsolated { $0.close() }
    }

    func closeLanes() {
        for lane in lanes.others.keys.sorted() { closeLane(lane) }
    }

    /// What went by them is not answered any more.
    func closeLanes(_ reason: String) {
        for lane in lanes.others.keys.sorted() {
            closeLane(lane)
            tell { $0.laneLost(lane, reason) }
        }
    }

    func connectionsChanged() { announce(.connections) }

    /// The names from which the broker calls, its own first.
    var connectionNames: [String] { [connection.uniqueName.text] + lanes.others.sorted { $0.key < $1.key }.map(\.value.uniqueName.text) }

    /// Who was called by a lane may answer there, and nobody else asks there.
    private func serve(_ message: Message, from lane: Connection) {
        guard let peer = peers.id(of: message.sender), !message.containsUnixFDs else {
            lane.methodCall(message).fail(.accessDenied, "call \(Contract.busName), not \(lane.uniqueName)")
            return
        }
        heard(from: peer, by: .bus)
        tell { $0.heard(from: peer) }
        connection.assumeIsolated { $0.dispatch(lane.methodCall(message)) }
    }
}
