import CIM
import CIMBusWire
import DBus
import Synchronization

/// A broker's object that waits on behalf of this client, at most 20 s for each call on the bus.
///
/// The broker keeps the results of a finished operation until somebody pulls them. So this object closes the operation when nobody can pull
/// any more: at the latest when the last reference to it goes.
final class SemisyncObject: Sendable {
    enum Drop {
        /// The operation is cancelled, since a client that drops its results does not want it.
        case cancels
        /// The operation runs on, since it changes something whether anybody looks or not. It is closed only when its result was seen.
        case runsOn
    }

    /// How much later than the wait the reply may be.
    static let slack = Duration.seconds(25)

    private let object: ResultObject
    let session: Session
    private let drop: Drop
    /// The end of the operation has been seen.
    private let isOver = Atomic(false)
    private let isClosed = Atomic(false)

    init(path: ObjectPath, interface: InterfaceName, session: Session, drop: Drop) {
        object = ResultObject(path, interface)
        self.session = session
        self.drop = drop
    }

    deinit { if drop == .cancels || isOver.load(ordering: .relaxed) { close() } }

    /// The end of the operation has been seen. From now on the broker keeps its result for nobody but this object.
    func ended() { isOver.store(true, ordering: .relaxed) }

    /// Calls with what is left of a wait.
    func call(
        _ member: String, waiting: Duration, _ signature: StaticString, count: UInt32? = nil
    ) async throws(CIMError) -> (status: WBEMStatus, reader: BodyReader) {
        let destination = try session.link.destination()
        let message: Message
        do throws(DBusError) {
            message = try object.wait(member, for: waiting, count: count, at: destination)
        } catch {
            throw CIMError(transport: error)
        }
        let wait = min(max(waiting, .zero), ResultObject.longestWait)
        let reply = try await session.send(message, timeout: wait + Self.slack)
        let (status, reader) = try ResultObject.status(in: reply, to: member, as: signature)
        return (status, reader)
    }

    /// The words behind a failed operation, if the broker still has them.
    func failure(_ status: WBEMStatus) async -> CIMError {
        var reply: Message?
        if let message = try? object.why(at: session.link.destination()) {
            reply = try? await session.send(message, timeout: session.broker.timeout)
        }
        return ResultObject.failure(status, why: reply)
    }

    /// Cancels the operation if it is open, and gives up its results. Does nothing the second time.
    func close() {
        guard !isClosed.exchange(true, ordering: .relaxed), let destination = try? session.link.destination() else { return }
        if let message = try? object.close(at: destination) { session.link.onLoop { _ = try? $0.send(message) } }
    }
}
