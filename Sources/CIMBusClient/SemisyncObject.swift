import CIM
import CIMBusWire
import DBus
import Synchronization

/// A broker's object that waits on behalf of this client, at most 20 s for each call on the bus.
///
/// The broker keeps the results of a finished operation for others to be pulled; what nobody can pull any more is closed: at the latest with the
/// last reference to this.
final class SemisyncObject: Sendable {
    enum Drop {
        /// Who does not want the results any more does not want the operation.
        case cancels
        /// What is changed is to be changed, whoever looks. Only a result that was seen is closed.
        case runsOn
    }

    static let longestWait = Duration.seconds(20)
    /// How much later than the wait the reply may be.
    static let slack = Duration.seconds(25)

    let path: ObjectPath
    let interface: InterfaceName
    let session: Session
    private let drop: Drop
    /// The end of the operation has been seen.
    private let isOver = Atomic(false)
    private let isClosed = Atomic(false)

    init(path: ObjectPath, interface: InterfaceName, session: Session, drop: Drop) {
        self.path = path
        self.interface = interface
        self.session = session
        self.drop = drop
    }

    deinit { if drop == .cancels || isOver.load(ordering: .relaxed) { close() } }

    /// The end of the operation has been seen: what the broker keeps of it is for nobody but this.
    func ended() { isOver.store(true, ordering: .relaxed) }

    /// Calls with what is left of a wait.
    func call(
        _ member: String, waiting: Duration, _ signature: StaticString, count: UInt32? = nil
    ) async throws(CIMError) -> (status: WBEMStatus, reader: BodyReader) {
        let wait = min(max(waiting, .zero), Self.longestWait)
        let destination = try session.link.destination()
        let message: Message
        do throws(DBusError) {
            message = try Message.methodCall(
                destination: destination, path: path, interface: interface, member: MemberName(verified: member),
                flags: .noAutoStart, signature: Signature(verified: count == nil ? "i" : "iu")
            ) { (writer: inout BodyWriter) throws(DBusError) in
                writer.append(int32: Int32(clamping: wait.wholeMicroseconds / 1000))
                if let count { writer.append(uint32: count) }
            }
        } catch {
            throw CIMError(transport: error)
        }
        let reply = try await session.send(message, timeout: wait + Self.slack)
        var reader = reply.reader
        guard reply.hasSignature(signature), let number = try? reader.readUInt32() else { throw Session.unexpected(reply, member) }
        return (WBEMStatus(rawValue: number), reader)
    }

    /// The words behind a failed operation, if the broker still has them.
    func failure(_ status: WBEMStatus) async -> CIMError {
        CIMError(status, object: try? await session.broker.extendedStatus(at: path))
    }

    /// Cancels the operation if it is open, and lets its results go. Nothing happens the second time.
    func close() {
        guard !isClosed.exchange(true, ordering: .relaxed), let destination = try? session.link.destination() else { return }
        let message = try? Message.methodCall(
            destination: destination, path: path, interface: interface, member: MemberName(verified: "Close"),
            flags: [.noReplyExpected, .noAutoStart])
        if let message { session.link.onLoop { _ = try? $0.send(message) } }
    }
}
