import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// Private connections: a socket from each peer that asks for one, which carries the same calls as the bus does, to the same objects
/// (Protocol.md, "Private connections").
extension Broker {
    /// The lowest version of the frames that the broker speaks.
    private static let lowestVersion: UInt32 = 1

    func openPrivateConnection(_ call: MethodCall) {
        guard let caller = peer(of: call), let name = peers.name(of: caller), let uid = uid(of: caller) else { return }
        do throws(CIMError) {
            let (version, takesPacked, wantsLifeline) = try negotiate(call)
            let (ours, theirs) = try makeSockets()
            // The bus holds few descriptors, and while it holds too many it carries nothing else of the broker's.
            try admit(.socket(of: uid), of: caller, call)
            peers.sendsSocket(to: name.text, uid: uid)
            let peer = successor(of: caller, name)
            let own = try attach(ours, to: peer, name, takesPacked)
            var options = [(PrivateContract.packedObjects, DBusValue.boolean(true))]
            if wantsLifeline, let lifeline = makeLifeline(of: own, peer, name, uid) {
                options.append((PrivateContract.lifeline, .unixFD(lifeline)))
            }
            call.reply([.unixFD(theirs), .uint32(version), .dictionary(options)])
        } catch {
            call.fail(error)
        }
    }

    /// A second socket, by which nothing is ever said: the peer's process is to keep it where it ends first when the process dies. It counts as the
    /// first one does; where there is no room for it, or no descriptor, the end of the first says the same, later.
    private func makeLifeline(of own: PrivateConnection, _ peer: PeerID, _ name: BusName, _ uid: UInt32) -> FileDescriptorBox? {
        let groups = peers.groups(of: peer)
        let isAdmitted: ()? = try? tell { core throws(Refusal) in try core.admit(.socket(of: uid), of: peer, groups: groups) }
        guard isAdmitted != nil else { return nil }
        guard let (ours, theirs) = try? PrivateConnection.makeSockets() else {
            tell { $0.gaveBackSocket(of: uid) }
            return nil
        }
        peers.sendsSocket(to: name.text, uid: uid)
        own.end(with: ours)
        return theirs
    }

    /// The bus has no socket any more for the process of that name, who has spoken by its last one, or has left.
    func fetchedSockets(_ name: String) {
        guard let (count, uid) = peers.fetchedSockets(name) else { return }
        for _ in 0..<count { tell { $0.gaveBackSocket(of: uid) } }
    }

    /// The version that both speak, whether the caller takes packed rows, and whether it wants a lifeline. Options that are not known are passed
    /// over.
    private func negotiate(_ call: MethodCall) throws(CIMError) -> (version: UInt32, takesPacked: Bool, wantsLifeline: Bool) {
        let member = "OpenPrivateConnection"
        guard configuration.offersPrivateConnections else {
            throw CIMError(.notSupported, "\(member): this broker was started with --no-private-connections; use the bus")
        }
        guard call.message.arrival == nil else {
            throw CIMError(.invalidOperation, "\(member): this call came by a private connection; call over the bus to get another")
        }
        guard connection.assumeIsolated({ $0.canCarryDescriptors }) else {
            throw CIMError(.notSupported, "\(member): this message bus passes no file descriptors; use the bus")
        }
        var reader = call.reader
        guard let wanted = try? reader.readUInt32() else { throw CIMError(.invalidParameter, "\(member): the version cannot be read") }
        guard wanted >= Self.lowestVersion else {
            throw CIMError(.invalidParameter, "\(member): there is no version \(wanted); \(Self.lowestVersion) is the first")
        }
        let options = (try? reader.readValue(Signature.dictionary))?.stringDictionary ?? [:]
        return (
            min(wanted, PrivateContract.version), options[PrivateContract.packedObjects]?.bool ?? false,
            options[PrivateContract.lifeline]?.bool ?? false
        )
    }

    private func makeSockets() throws(CIMError) -> (FileDescriptorBox, FileDescriptorBox) {
        do throws(DBusError) {
            return try PrivateConnection.makeSockets()
        } catch {
            throw CIMError(.serverTooBusy, "OpenPrivateConnection: \(error.message); use the bus")
        }
    }

    /// Who has the new connection. One that has a private connection already ends with that one, after all that it said by it: its operations
    /// end as L6 says, and it begins anew.
    private func successor(of peer: PeerID, _ name: BusName) -> PeerID {
        guard let old = peers.privateConnection(of: peer), let known = core.peers[peer] else { return peer }
        log(
            .info, .reconnection, of: known.uid,
            "\(name) opens a private connection anew; its first one ends, and with it what was open there")
        let groups = peers.groups(of: peer)
        old.drain()
        serveAll(of: known.uid)
        vanished(peer)
        let id = peers.add(BusAttachment(name: name, lanes: lanes), groups: groups)
        tell { $0.peerAppeared(id, uid: known.uid, pid: known.pid) }
        return id
    }

    private func attach(
        _ socket: FileDescriptorBox, to peer: PeerID, _ name: BusName, _ takesPacked: Bool
    ) throws(CIMError) -> PrivateConnection {
        let patience = Duration.microseconds(configuration.limits.credit)
        do throws(DBusError) {
            let own = try connection.speak(
                by: socket, with: UniqueName(verified: name.text), PrivateContract.members, patience: patience)
            own.carriesPackedObjects = takesPacked
            peers.attach(own, to: peer)
            own.onFirstWord { [weak self] in self?.assumeIsolated { $0.fetchedSockets(name.text) } }
            own.onClosed { [weak self] error in self?.assumeIsolated { $0.privateConnectionEnded(of: peer, name, error) } }
            return own
        } catch {
            throw CIMError(error)
        }
    }

    /// The end of the socket is the end of the peer, who may be on the bus still, and is somebody new there (L6).
    private func privateConnectionEnded(of peer: PeerID, _ name: BusName, _ error: DBusError) {
        guard peers.privateConnection(of: peer) != nil else { return }
        logger.debug("the private connection with \(name) has ended: \(error.message)")
        inTurn(of: peer) { $0.vanished(peer) }
    }

    /// The way of what the client is told about an operation; of a part, the way of its whole.
    func way(of operation: Entry<Operation>) -> Way {
        var operation = operation
        while operation.request.form == .part, let whole = operation.parent.flatMap({ core.operations[$0] }) { operation = whole }
        return records[operation.id]?.way ?? .bus
    }
}
