import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// Who leaves the bus with too much of what the broker sends (``BusBurden``).
extension Broker {
    private static let statistics = InterfaceName(verified: "org.freedesktop.DBus.Debug.Stats")

    /// Whether what the peer sends by the bus is to be answered nothing.
    func isMuted(_ peer: PeerID) -> Bool {
        guard !burden.muted.isEmpty, let uid = core.peers[peer]?.uid else { return false }
        return burden.muted.contains(uid)
    }

    /// - Parameter sent: bytes that were sent to the bus so far.
    func watchBurden(_ sent: UInt64) {
        guard burden.isDue(sent) else { return }
        askBus(about: connection.uniqueName.text, "IncomingBytes") { broker, total in
            if broker.burden.answered(total) { broker.findOut() }
        }
    }

    /// Asks what the bus holds for each peer that is on it, and then how much in all.
    private func findOut() {
        let asked = peers.all.compactMap { peer, _ in peers.name(of: peer).map { (peer, $0.text) } }
        let loads = Collected()
        for (peer, name) in asked {
            guard let uid = core.peers[peer]?.uid else { continue }
            askBus(about: name, "OutgoingBytes") { _, bytes in
                if let bytes { loads.all.append(BusBurden.Load(uid: uid, bytes: bytes)) }
            }
        }
        // The bus answers in order.
        askBus(about: connection.uniqueName.text, "IncomingBytes") { broker, total in broker.found(loads.all, total) }
    }

    /// What the bus has told so far. Only the broker's loop touches it.
    private final class Collected: @unchecked Sendable {
        var all: [BusBurden.Load] = []
    }

    private func found(_ loads: [BusBurden.Load], _ total: Int?) {
        let change = burden.found(loads, total: total)
        for load in change.muted {
            logger.warning(
                "the bus holds \(load.bytes >> 20) MiB that clients of uid \(load.uid) have not read; they are answered nothing until they read"
            )
            let text = "uid \(load.uid) has not read \(load.bytes >> 20) MiB that the message bus holds for it"
            for id in records.keys {
                guard let record = records[id], record.way == .bus, core.peers[record.client]?.uid == load.uid else { continue }
                tell { $0.fail(id, .clientTooSlow, text) }
            }
        }
        for uid in change.unmuted { logger.notice("clients of uid \(uid) have read what the bus held for them, and are answered again") }
        guard burden.isAlarmed else { return }
        loop.schedule(after: .seconds(1)) { [weak self] in self?.assumeIsolated { $0.findOut() } }
    }

    /// - Parameter answered: gets nil when the bus does not tell: not every bus counts, and not every bus lets the broker ask.
    private func askBus(about name: String, _ key: String, _ answered: @escaping @Sendable (isolated Broker, Int?) -> Void) {
        guard
            let question = try? Message.methodCall(
                destination: .bus, path: ObjectPath(verified: "/org/freedesktop/DBus"), interface: Self.statistics,
                member: MemberName(verified: "GetConnectionStats"), values: [.string(name)])
        else { return }
        connection.assumeIsolated { connection in
            connection.call(question, timeout: .seconds(25)) { [weak self] result in
                self?.assumeIsolated { broker in answered(broker, (try? result.get()).flatMap { Self.number(key, in: $0) }) }
            }
        }
    }

    private static func number(_ key: String, in reply: Message) -> Int? {
        guard case .array(_, let entries)? = try? reply.values().first else { return nil }
        for case .dictEntry(.string(key), .variant(.uint32(let number))) in entries { return Int(number) }
        return nil
    }
}
