import CIMBusCore
import DBus

/// A peer by its private connection. Its place on the bus is still there: signals go by it, and it is where the peer came from.
struct PrivateAttachment: Attachment {
    let bus: BusAttachment
    let connection: PrivateConnection

    var name: BusName { bus.name }

    /// How long what a peer said before it left the bus may take to be read, where its socket does not end.
    static let drainLimit = Duration.seconds(1)

    func send(_ message: Message) throws(DBusError) {
        // Whatever ended it: what the peer had said may still be waiting for its user's turn, and its end behind that.
        if connection.isOver { throw DBusError(code: .disconnected, "the private connection has ended") }
        try connection.send(message)
    }

    /// No lane has a part in it: nothing counts what is unanswered here.
    func call(_ message: Message, by lane: LaneID, _ answered: @escaping @Sendable (Result<Message, DBusError>) -> Void) {
        connection.call(message, timeout: nil, answered)
    }

    func ping(at path: ObjectPath, by lane: LaneID, _ answered: @escaping @Sendable (Result<Void, DBusError>) -> Void) {
        connection.ping(answered)
    }

    /// The end of the socket is the last word, and comes by itself; the bus may have been faster. Somebody else may hold the socket open.
    func afterLastWord(by lanes: [LaneID], _ then: @escaping @Sendable () -> Void) {
        bus.afterLastWord(by: lanes) { [connection] in
            let timer = connection.loop.schedule(after: Self.drainLimit, then)
            connection.onClosed { [loop = connection.loop] _ in
                loop.cancel(timer)
                then()
            }
        }
    }

    /// What the process wrote lies in the socket, whoever else holds it open.
    func afterProcessEnd(by lanes: [LaneID], _ then: @escaping @Sendable () -> Void) {
        connection.drain()
        then()
    }
}
