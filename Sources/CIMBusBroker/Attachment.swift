import CIMBusCore
import DBus

/// By which of its attachments a peer sent something, and so by which the answer and all that belongs to it go.
enum Way: String, Sendable {
    case bus
    case `private`

    init(of message: Message) { self = message.arrival == nil ? .bus : .private }
}

/// How a peer is attached to the broker: how a message reaches it, and how its end is noticed.
///
/// Every peer is on the bus. One that has opened a private connection is attached by that, too: what came by the one way is answered by it.
/// The core, the ledgers and the services know a peer by its id alone; ``PeerDirectory`` knows its attachment. All of it runs on the
/// broker's loop.
protocol Attachment: Sendable {
    /// The peer's unique name, to which every message to it is addressed.
    var name: BusName { get }

    /// Sends a message that nobody answers.
    ///
    /// - Throws: ``DBusError``: it could not be queued; nothing of it was sent.
    func send(_ message: Message) throws(DBusError)

    /// Calls the peer by a lane. `answered` gets the reply, or why there is none, once: after everything that the peer said before it
    /// replied. Of a lane that is gone the core knows, and `answered` is not called.
    func call(_ message: Message, by lane: LaneID, _ answered: @escaping @Sendable (Result<Message, DBusError>) -> Void)

    /// Asks the peer whether it is alive. `answered` is called when it says so itself, or with the reason why it never will.
    /// - Parameter path: an object of its own. Some libraries answer nothing at a path where they have no object.
    func ping(at path: ObjectPath, by lane: LaneID, _ answered: @escaping @Sendable (Result<Void, DBusError>) -> Void)

    /// The peer has left. `then` runs when everything has been read that it said before, by whichever lane.
    func afterLastWord(by lanes: [LaneID], _ then: @escaping @Sendable () -> Void)

    /// The peer's process has ended, and somebody may still hold its socket open. `then` runs when what the process sent has most likely
    /// been read.
    func afterProcessEnd(by lanes: [LaneID], _ then: @escaping @Sendable () -> Void)
}

/// The connections by which the broker is on the bus: its own, by which it is called, and the lanes beside it (``LaneID``).
/// Only the broker's loop touches them.
final class BusLanes: @unchecked Sendable {
    let own: Connection
    private(set) var others: [LaneID: Connection] = [:]

    init(_ own: Connection) { self.own = own }

    subscript(lane: LaneID) -> Connection? {
        get { lane == .own ? own : others[lane] }
        set { if lane != .own { others[lane] = newValue } }
    }

    /// Runs `body` when everything has been read that was said on the broker's own connection so far: nothing orders what comes by two
    /// connections, but the bus answers a question behind all that it had to deliver.
    static func afterWhatWasSaid(on own: Connection, _ body: @escaping @Sendable () -> Void) {
        guard let question = try? Message.busCall("GetId") else { return body() }
        own.assumeIsolated { $0.call(question, timeout: .seconds(5)) { _ in body() } }
    }
}

/// A peer on the message bus.
struct BusAttachment: Attachment {
    let name: BusName
    let lanes: BusLanes

    func send(_ message: Message) throws(DBusError) { try lanes.own.sendOnLoop(message) }

    func call(_ message: Message, by lane: LaneID, _ answered: @escaping @Sendable (Result<Message, DBusError>) -> Void) {
        guard let connection = lanes[lane] else { return }
        let own = lanes.own
        if lane == .own { return connection.callOnLoop(message, timeout: nil, completion: answered) }
        connection.callOnLoop(message, timeout: nil) { result in BusLanes.afterWhatWasSaid(on: own) { answered(result) } }
    }

    func ping(at path: ObjectPath, by lane: LaneID, _ answered: @escaping @Sendable (Result<Void, DBusError>) -> Void) {
        guard let connection = lanes[lane],
            let question = try? Message.methodCall(
                destination: name, path: path, interface: .peer, member: MemberName(verified: "Ping"), flags: .noAutoStart)
        else { return }
        connection.assumeIsolated { connection in
            connection.call(question, timeout: nil) { [name] result in
                // Only the peer itself can answer; the bus's own errors say nothing about it.
                if case .failure(let error) = result, error.reply?.sender != name.text { return answered(.failure(error)) }
                answered(.success(()))
            }
        }
    }

    func afterLastWord(by lanes: [LaneID], _ then: @escaping @Sendable () -> Void) {
        Self.afterLastWord(on: lanes.compactMap { self.lanes[$0] }[...], self.lanes.own, then)
    }

    private static func afterLastWord(on lanes: ArraySlice<Connection>, _ own: Connection, _ then: @escaping @Sendable () -> Void) {
        guard let lane = lanes.first else { return then() }
        let rest = lanes.dropFirst()
        guard lane !== own, let question = try? Message.busCall("GetId") else { return afterLastWord(on: rest, own, then) }
        lane.assumeIsolated { lane in
            lane.call(question, timeout: .seconds(1)) { _ in
                BusLanes.afterWhatWasSaid(on: own) { afterLastWord(on: rest, own, then) }
            }
        }
    }

    /// What the process sent may still be on its way through the bus: a question to the bus, asked now, is answered behind it. The bus
    /// gets a few more turns to read the dead process's socket; its leaving the bus, which normally comes first, ends the wait.
    func afterProcessEnd(by lanes: [LaneID], _ then: @escaping @Sendable () -> Void) {
        guard let question = try? Message.busCall("NameHasOwner", [.string(name.text)]) else { return }
        self.lanes.own.assumeIsolated { own in
            own.call(question, timeout: .seconds(1)) { [loop = own.loop] _ in
                Self.drain(loop, rounds: 4) { afterLastWord(by: lanes, then) }
            }
        }
    }

    private static func drain(_ loop: EventLoop, rounds: Int, _ then: @escaping @Sendable () -> Void) {
        loop.schedule(after: .milliseconds(10)) { if rounds > 0 { drain(loop, rounds: rounds - 1, then) } else { then() } }
    }
}
