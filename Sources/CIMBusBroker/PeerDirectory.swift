import CIMBusCore
import CIMBusWire
import DBus

/// Who is there: each peer by its id and by its name, how it is attached, and what the bus and the system say about it.
struct PeerDirectory {
    /// What the broker knows of a peer, and the core does not.
    private struct Resident {
        let attachment: any Attachment
        /// The groups of the peer's user, as the bus tells them.
        let groups: [UInt32]
        var process: EventLoop.ProcessWatch?
        /// What its process was seen doing when it was asked last whether it is alive.
        var evidence: ProcessEvidence?
    }

    private var ids: [String: PeerID] = [:]
    private var residents = Table<PeerID, Resident>()
    private var lastPeer: UInt64 = 0
    /// Callers about whom the bus was asked, as long as they are there.
    private var strangers: Set<String> = []
    /// What strangers sent meanwhile, in the order in which it came. The core bounds it.
    private var letters: [String: [Message]] = [:]

    // MARK: - Looking up

    func id(of name: String?) -> PeerID? { name.flatMap { ids[$0] } }

    /// How a message reaches the peer; nil when it has gone.
    subscript(peer: PeerID) -> (any Attachment)? { residents[peer]?.attachment }

    func name(of peer: PeerID) -> BusName? { residents[peer]?.attachment.name }

    func groups(of peer: PeerID) -> [UInt32] { residents[peer]?.groups ?? [] }

    // MARK: - Coming and going

    /// The bus is asked who `name` is.
    mutating func asksWho(is name: String) { strangers.insert(name) }

    /// The bus has answered.
    /// - Returns: whether the name is still there. Nothing would ever end a peer that is not.
    mutating func wasToldWho(is name: String) -> Bool { strangers.remove(name) != nil }

    /// A name on the bus has no owner any more.
    mutating func leaves(_ name: String) {
        letters[name] = nil
        strangers.remove(name)
    }

    /// - Returns: whether it is the first message of that stranger.
    mutating func keep(_ message: Message, of stranger: String) -> Bool {
        letters[stranger, default: []].append(message)
        return letters[stranger]?.count == 1
    }

    /// Takes out what a stranger sent.
    mutating func takeMessages(of stranger: String) -> [Message] { letters.removeValue(forKey: stranger) ?? [] }

    mutating func add(_ attachment: any Attachment, groups: [UInt32]) -> PeerID {
        lastPeer += 1
        let id = PeerID(lastPeer)
        ids[attachment.name.text] = id
        residents[id] = Entry(Resident(attachment: attachment, groups: groups))
        return id
    }

    mutating func remove(_ peer: PeerID) {
        if let name = residents.removeValue(forKey: peer)?.attachment.name { ids[name.text] = nil }
    }

    // MARK: - Its process

    func isWatched(_ peer: PeerID) -> Bool { residents[peer]?.process != nil }

    mutating func watch(_ peer: PeerID, _ watch: EventLoop.ProcessWatch?) { residents[peer]?.process = watch }

    /// - Returns: the watch that is to be stopped.
    mutating func unwatch(_ peer: PeerID) -> EventLoop.ProcessWatch? {
        defer { residents[peer]?.process = nil }
        return residents[peer]?.process
    }

    /// The peer is asked whether it is alive.
    mutating func look(at process: UInt32?, of peer: PeerID) { residents[peer]?.evidence = process.flatMap { ProcessEvidence(of: $0) } }

    /// Whether the peer's process has worked since it was looked at last.
    mutating func hasRun(_ process: UInt32?, of peer: PeerID) -> Bool {
        guard let now = process.flatMap({ ProcessEvidence(of: $0) }), residents[peer] != nil else { return false }
        defer { residents[peer]?.evidence = now }
        return residents[peer]?.evidence.map { now.hasRun(since: $0) } ?? false
    }
}
