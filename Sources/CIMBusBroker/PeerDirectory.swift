import CIMBusCore
import CIMBusWire
import DBus

/// Who is there: each peer by its id and by its name, how it is attached, and what the bus and the system say about it. The broker's loop alone
/// touches it.
final class PeerDirectory {
    /// What the broker knows of a peer, and the core does not.
    private struct Resident {
        let bus: BusAttachment
        var own: PrivateAttachment?
        /// The groups of the peer's user, as the bus tells them.
        let groups: [UInt32]
        var process: EventLoop.ProcessWatch?
        /// What its process was seen doing when it was asked last whether it is alive.
        var evidence: ProcessEvidence?
    }

    private var ids: [String: PeerID] = [:]
    /// Who was asked for last: most messages come from whoever sent the one before.
    private var last: (name: String, peer: PeerID)?
    private var residents = Table<PeerID, Resident>()
    private var lastPeer: UInt64 = 0
    /// Callers about whom the bus was asked, as long as they are there.
    private var strangers: Set<String> = []
    /// What strangers sent meanwhile, in the order in which it came. The core bounds it.
    private var letters: [String: [Message]] = [:]

    /// How many sockets of private connections are on their way to a name, as far as anybody knows, and whose they are.
    private var unfetched: [String: (count: Int, uid: UInt32)] = [:]

    // MARK: - Looking up

    func id(of name: String?) -> PeerID? {
        guard let name else { return nil }
        if let last, last.name == name { return last.peer }
        guard let peer = ids[name] else { return nil }
        last = (name, peer)
        return peer
    }

    /// How a message reaches the peer by the way by which that came to which it belongs; nil when it has gone.
    subscript(peer: PeerID, way: Way) -> (any Attachment)? {
        guard let resident = residents[peer] else { return nil }
        return way == .bus ? resident.bus : resident.own
    }

    /// How the peer's end is noticed; nil when it has gone.
    subscript(peer: PeerID) -> (any Attachment)? {
        guard let resident = residents[peer] else { return nil }
        if let own = resident.own { return own }
        return resident.bus
    }

    func name(of peer: PeerID) -> BusName? { residents[peer]?.bus.name }

    /// How many private connections there are.
    private(set) var privateConnections = 0

    func groups(of peer: PeerID) -> [UInt32] { residents[peer]?.groups ?? [] }

    /// Everybody, and whether they have a private connection.
    var all: [(peer: PeerID, isPrivate: Bool)] { residents.keys.map { ($0, residents[$0]?.own != nil) } }

    /// The names of those whose end only the bus may tell: who is there, and for whom a socket is on its way.
    var namesOnBus: [String] { Set(ids.keys).union(unfetched.keys).sorted() }

    // MARK: - Coming and going

    /// The bus is asked who `name` is.
    func asksWho(is name: String) { strangers.insert(name) }

    /// The bus has answered.
    /// - Returns: whether the name is still there. Nothing would ever end a peer that is not.
    func wasToldWho(is name: String) -> Bool { strangers.remove(name) != nil }

    /// A name on the bus has no owner any more.
    func leaves(_ name: String) {
        letters[name] = nil
        strangers.remove(name)
    }

    /// - Returns: whether it is the first message of that stranger.
    func keep(_ message: Message, of stranger: String) -> Bool {
        letters[stranger, default: []].append(message)
        return letters[stranger]?.count == 1
    }

    /// Takes out what a stranger sent.
    func takeMessages(of stranger: String) -> [Message] { letters.removeValue(forKey: stranger) ?? [] }

    /// An id for a peer that is on no connection.
    func newID() -> PeerID {
        lastPeer += 1
        return PeerID(lastPeer)
    }

    func add(_ attachment: BusAttachment, groups: [UInt32]) -> PeerID {
        let id = newID()
        ids[attachment.name.text] = id
        residents[id] = Entry(Resident(bus: attachment, groups: groups))
        return id
    }

    /// - Returns: the private connection that is to be closed.
    func remove(_ peer: PeerID) -> PrivateConnection? {
        guard let resident = residents.removeValue(forKey: peer) else { return nil }
        ids[resident.bus.name.text] = nil
        last = nil
        guard let own = resident.own else { return nil }
        privateConnections -= 1
        return own.connection
    }

    // MARK: - Private connections

    func privateConnection(of peer: PeerID) -> PrivateConnection? { residents[peer]?.own?.connection }

    /// The peer, which has none yet, has this one from now on.
    func attach(_ connection: PrivateConnection, to peer: PeerID) {
        guard let resident = residents[peer], resident.own == nil else { return }
        residents[peer]?.own = PrivateAttachment(bus: resident.bus, connection: connection)
        privateConnections += 1
    }

    func sendsSocket(to name: String, uid: UInt32) { unfetched[name] = ((unfetched[name]?.count ?? 0) + 1, uid) }

    /// The process of that name has spoken by its last socket, or has left the bus.
    /// - Returns: how many were on their way.
    func fetchedSockets(_ name: String) -> (count: Int, uid: UInt32)? { unfetched.removeValue(forKey: name) }

    /// By what the peer is to be pinged: only when it has answered by all of them it has read everything.
    /// - Parameter usesBus: whether anything went by the bus, too, since it was pinged there last.
    func waysToPing(_ peer: PeerID, usesBus: Bool) -> [any Attachment] {
        guard let resident = residents[peer] else { return [] }
        guard let own = resident.own else { return [resident.bus] }
        return usesBus ? [own, resident.bus] : [own]
    }

    // MARK: - Its process

    func isWatched(_ peer: PeerID) -> Bool { residents[peer]?.process != nil }

    func watch(_ peer: PeerID, _ watch: EventLoop.ProcessWatch?) { residents[peer]?.process = watch }

    /// - Returns: the watch that is to be stopped.
    func unwatch(_ peer: PeerID) -> EventLoop.ProcessWatch? {
        defer { residents[peer]?.process = nil }
        return residents[peer]?.process
    }

    /// The peer is asked whether it is alive.
    func look(at process: UInt32?, of peer: PeerID) { residents[peer]?.evidence = process.flatMap { ProcessEvidence(of: $0) } }

    /// Whether the peer's process has worked since it was looked at last.
    func hasRun(_ process: UInt32?, of peer: PeerID) -> Bool {
        guard let now = process.flatMap({ ProcessEvidence(of: $0) }), residents[peer] != nil else { return false }
        defer { residents[peer]?.evidence = now }
        return residents[peer]?.evidence.map { now.hasRun(since: $0) } ?? false
    }
}
