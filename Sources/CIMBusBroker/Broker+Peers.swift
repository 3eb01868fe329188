import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// Who speaks: unique names, their credentials, and their end.
extension Broker {
    /// Every method call passes here first. A caller that is not known yet waits, with all it sends, until the bus has said who it is.
    /// - Returns: whether the call was taken over.
    func arrived(_ message: Message) -> Bool {
        guard let sender = message.sender else { return false }
        left(message.size)
        if message.containsUnixFDs {
            connection.methodCall(message).fail(.notSupported, "no member of this broker takes file descriptors")
            return true
        }
        // Rules of the bus by interface would not see it.
        guard message.interface != nil else {
            connection.methodCall(message).fail(
                .unknownInterface,
                "name the interface of \(message.member ?? "the method"); \(Contract.busName) answers no call without one")
            return true
        }
        if let peer = peers.id(of: sender) {
            let reading: UInt64
            if let arrival = message.arrival {
                reading = arrival.reading
            } else {
                let sent: UInt64
                (reading, sent) = connection.assumeIsolated { ($0.reading, $0.sentBytes) }
                watchBurden(sent)
            }
            heard(from: peer, by: Way(of: message))
            tell { $0.heard(from: peer, reading: reading) }
            return enter(message, of: peer, reading: reading)
        }
        guard tell({ $0.admitNewcomer(sender, bytes: message.size) }) else {
            let error = DBusError(.limitsExceeded, "too much at once from \(sender), who is not known yet; wait for the first reply")
            connection.methodCall(message).fail(error)
            return true
        }
        guard peers.keep(message, of: sender) else { return true }
        identify(sender) { broker, peer in
            for message in broker.takeMessages(of: sender) {
                if peer == nil {
                    let error = DBusError(.accessDenied, "the bus does not say who \(sender) is")
                    broker.connection.methodCall(message).fail(error)
                } else if let peer, !broker.enter(message, of: peer, reading: broker.connection.assumeIsolated { $0.reading }) {
                    broker.connection.assumeIsolated { $0.dispatch(message) }
                }
            }
        }
        return true
    }

    /// Answers to the curious are not held back by any operation's window: they count, about as long as they are, and stop when the peer's
    /// user reads none of them.
    func refuseCurious(_ message: Message, _ peer: PeerID) -> Bool {
        let size: Int
        switch message.interface {
        case InterfaceName.properties.text: size = 1 << 10
        case InterfaceName.introspectable.text: size = 16 << 10
        case InterfaceName.objectManager.text: size = (1 + core.registry.count) << 10
        case Contract.broker.text: size = (1 + core.listedOperations(of: peer)) << 10
        default: return false
        }
        do throws(Refusal) {
            try tell { core throws(Refusal) in try core.admit(.reading, of: peer) }
        } catch {
            tellBound(error.status, words(error), of: peer)
            connection.methodCall(message).fail(CIMError(error.status, words(error)))
            return true
        }
        account(size, to: peer)
        return false
    }

    /// What a caller sent before the bus had said who it is; nothing of anybody else.
    private func takeMessages(of stranger: String) -> [Message] {
        tell { $0.forgetNewcomer(stranger) }
        return peers.takeMessages(of: stranger)
    }

    // MARK: - What a peer may do

    /// - Throws: why the peer may not do what the member, or the method of a class, that it calls would.
    func admit(_ claim: Claim, of peer: PeerID, for member: String) throws(CIMError) {
        let groups = peers.groups(of: peer)
        do throws(Refusal) {
            try tell { core throws(Refusal) in try core.admit(claim, of: peer, groups: groups) }
        } catch {
            tellBound(error.status, "\(member): \(words(error))", of: peer)
            throw CIMError(error, member)
        }
    }

    func admit(_ claim: Claim, of peer: PeerID, _ call: MethodCall) throws(CIMError) { try admit(claim, of: peer, for: call.member) }

    func gaveBack(_ claim: Claim, by peer: PeerID) { tell { $0.gaveBack(claim, by: peer) } }

    // MARK: - Identities

    /// Asks the bus for a peer's credentials, once in its life.
    func identify(_ name: String, then: @escaping @Sendable (isolated Broker, PeerID?) -> Void) {
        if let known = peers.id(of: name) { return then(self, known) }
        guard let bus = try? BusName(name), bus.isUnique,
            let question = try? Message.busCall("GetConnectionCredentials", [.string(name)])
        else { return then(self, nil) }
        peers.asksWho(is: name)
        connection.assumeIsolated { connection in
            connection.call(question, timeout: .seconds(25)) { [weak self] result in
                self?.assumeIsolated { $0.identified(name, result, then) }
            }
        }
    }

    private func identified(
        _ name: String, _ result: Result<Message, DBusError>, _ then: (isolated Broker, PeerID?) -> Void
    ) {
        // Not for one who left meanwhile: nothing would ever end it again.
        let isThere = peers.wasToldWho(is: name)
        if let known = peers.id(of: name) { return then(self, known) }
        guard isThere, let name = try? BusName(name), case .success(let reply) = result,
            let entries = (try? reply.values())?.first?.stringDictionary,
            let uid: UInt32 = entries["UnixUserID"]?.integer()
        else { return then(self, nil) }
        let groups: [UInt32] = entries["UnixGroupIDs"]?.elements?.compactMap { $0.integer() } ?? []
        let id = peers.add(BusAttachment(name: name, lanes: lanes), groups: groups)
        tell { $0.peerAppeared(id, uid: uid, pid: entries["ProcessID"]?.integer()) }
        then(self, id)
    }

    /// The peer of a call that passed ``arrived(_:)``.
    func peer(of call: MethodCall) -> PeerID? { peers.id(of: call.sender) }

    func uid(of peer: PeerID) -> UInt32? { core.peers[peer]?.uid }

    /// Whose rights the peer has.
    func caller(_ peer: PeerID) -> Caller? {
        guard let uid = uid(of: peer) else { return nil }
        return Caller(uid: uid, groups: peers.groups(of: peer))
    }

    /// Whether `sender` may see and cancel what belongs to `uid`: the same user, and root.
    func mayManage(_ sender: String?, uid: UInt32) -> Bool {
        guard let peer = peers.id(of: sender), let own = core.peers[peer]?.uid else { return false }
        return core.rights.mayManage(operationOf: uid, uid: own)
    }

    func nameVanished(_ name: String) {
        peers.leaves(name)
        tell { $0.forgetNewcomer(name) }
        fetchedSockets(name)
        startedNameVanished(name)
        if let peer = peers.id(of: name) { afterLastWord(of: peer) }
    }

    /// Everything that the peer said has been read, and nothing more comes.
    func vanished(_ peer: PeerID) {
        if peers[peer] == nil { return }
        if let watch = peers.unwatch(peer) { loop.stopWatching(watch) }
        dropQuestions(about: peer)
        tell { $0.peerVanished(peer) }
        registrations.forget(peer)
        eventSinks.forget(peer)
        peers.remove(peer)?.close()
    }

    /// The peer vanishes when everything has been read that it said before it left.
    private func afterLastWord(of peer: PeerID) {
        peers[peer]?.afterLastWord(by: core.lanes(of: peer)) { [weak self] in
            self?.assumeIsolated { $0.inTurn(of: peer) { $0.vanished(peer) } }
        }
    }

    /// Watches the process behind a peer, so that a forked child which keeps the socket open changes nothing (L6).
    func watchProcess(of peer: PeerID) {
        guard !peers.isWatched(peer), let pid = core.peers[peer]?.pid else { return }
        let watch = loop.watchProcess(pid) { [weak self] in
            self?.assumeIsolated { $0.processEnded(peer) }
        }
        peers.watch(peer, watch)
        if watch == nil { logger.info("process \(pid) cannot be watched; its end shows when it leaves the bus") }
    }

    private func processEnded(_ peer: PeerID) {
        if let watch = peers.unwatch(peer) { loop.stopWatching(watch) }
        peers[peer]?.afterProcessEnd(by: core.lanes(of: peer)) { [weak self] in
            self?.assumeIsolated { $0.inTurn(of: peer) { $0.vanished(peer) } }
        }
    }

    // MARK: - Liveness

    /// The object that a peer is pinged at. Some libraries answer nothing, a ping neither, at a path where they have no object: so it is one
    /// that the peer itself gave.
    func pingPath(of peer: PeerID) -> ObjectPath {
        if let path = registrations.anyObject(of: peer) { return path }
        return core.openSink(of: peer).flatMap { try? ObjectPath($0) } ?? .root
    }

    /// What a peer with a private connection has by the bus, it is to be asked for there, too.
    func heard(from peer: PeerID, by way: Way) {
        guard way == .bus, core.peers[peer]?.usesBus == false else { return }
        tell { $0.usesBus(peer, true) }
    }

    func ping(_ peer: PeerID, by lane: LaneID) {
        // The broker is its own client, and is there.
        if permanents.isOwn(peer) { return tell { $0.pingAnswered(by: peer) } }
        peers.look(at: core.peers[peer]?.pid, of: peer)
        let ways = peers.waysToPing(peer, usesBus: core.peers[peer]?.usesBus == true)
        if ways.count > 1 { tell { $0.usesBus(peer, false) } }
        let unanswered = Countdown(ways.count)
        for way in ways {
            way.ping(at: pingPath(of: peer), by: lane) { [weak self] result in
                // Of what went by the bus nothing is left to be read when the bus is lost. The end of a private connection is its peer's.
                if case .failure(let error) = result, error.code != .disconnected { return }
                guard unanswered.isLast() else { return }
                self?.assumeIsolated { $0.inTurn(of: peer) { $0.tell { $0.pingAnswered(by: peer) } } }
            }
        }
    }

    /// Touched on the loop only.
    private final class Countdown: @unchecked Sendable {
        private var left: Int

        init(_ count: Int) { left = count }

        /// One less is left.
        func isLast() -> Bool {
            left -= 1
            return left == 0
        }
    }

    /// The bus answers behind all that it had to deliver before.
    func probe(_ peer: PeerID) {
        guard let question = try? Message.busCall("GetId") else { return }
        connection.assumeIsolated { connection in
            connection.call(question, timeout: nil) { [weak self] _ in
                self?.assumeIsolated { broker in
                    let ran = broker.peers.hasRun(broker.core.peers[peer]?.pid, of: peer)
                    broker.inTurn(of: peer) { $0.tell { $0.probeAnswered(for: peer, ran: ran) } }
                }
            }
        }
    }

    /// Says how many bytes went to a client outside any window.
    func account(_ bytes: Int, to peer: PeerID) { tell { $0.sent(bytes, to: peer) } }
}
