import CIM
import DBus
import Glibc

/// How both libraries come to a private connection with the broker.
public enum PrivateAccess {
    public enum Outcome: Sendable {
        case opened(PrivateConnection)
        /// There will be none; the bus serves as well.
        case refused(CIMError)
        /// Too much is going on; later there may be one.
        case busy(CIMError)
        /// The broker has not answered yet. When it does, there may be one all the same.
        case late
    }

    /// Whether one is wanted: `CIMBUS_TRANSPORT=bus` in the environment turns them off.
    public static var isWanted: Bool { getenv("CIMBUS_TRANSPORT").map { String(cString: $0) } != "bus" }

    /// Asks the broker for one. Messages to `broker` go by it from the moment at which it is there; what went before went by the bus, and
    /// is answered there.
    /// - Parameters:
    ///   - names: of the broker; messages to them go by the connection, too.
    ///   - takesPacked: whether objects may come as packed rows.
    ///   - wantsLifeline: whether the broker is to hear of this process's end before its memory is given back, which takes a thread.
    ///   - patience: how long the answer is waited for.
    ///   - ended: runs on the loop when the connection has ended, after everything has been handed out that came by it, and after what the bus
    ///     has to say of the broker by then. It does not run when the bus is lost.
    public static func open(
        on connection: Connection, with broker: UniqueName, to names: [BusName] = [], takesPacked: Bool = true,
        wantsLifeline: Bool = false, patience: Duration = .seconds(1), ended: @escaping @Sendable (DBusError) -> Void
    ) async -> Outcome {
        guard isWanted else { return .refused(CIMError(.notSupported, "CIMBUS_TRANSPORT is bus")) }
        return await withUnsafeContinuation { continuation in
            connection.loop.execute {
                let waiting = Waiting(continuation)
                let timer = connection.loop.schedule(after: patience) { waiting.end(.late) }
                connection.assumeIsolated { connection in
                    ask(connection, broker, names, options(takesPacked, wantsLifeline), ended) { [loop = connection.loop] outcome in
                        loop.cancel(timer)
                        waiting.end(outcome)
                    }
                }
            }
        }
    }

    /// Who waits for the outcome. Touched on the loop only.
    private final class Waiting: @unchecked Sendable {
        private var continuation: UnsafeContinuation<Outcome, Never>?

        init(_ continuation: UnsafeContinuation<Outcome, Never>) { self.continuation = continuation }

        /// The first outcome counts.
        func end(_ outcome: Outcome) {
            continuation?.resume(returning: outcome)
            continuation = nil
        }
    }

    /// The same, and again after a while as long as the broker is busy, a few times.
    public static func keepTrying(
        on connection: Connection, with broker: UniqueName, wantsLifeline: Bool = false, patience: Duration = .seconds(1),
        ended: @escaping @Sendable (DBusError) -> Void
    ) async -> Outcome {
        var pause = Duration.milliseconds(50)
        while true {
            let outcome = await open(on: connection, with: broker, wantsLifeline: wantsLifeline, patience: patience, ended: ended)
            guard case .busy = outcome, pause < .seconds(2), (try? await Task.sleep(for: pause)) != nil else { return outcome }
            pause = pause * 2
        }
    }

    private static func options(_ takesPacked: Bool, _ wantsLifeline: Bool) -> DBusValue {
        let packed = (PrivateContract.packedObjects, DBusValue.boolean(takesPacked))
        return .dictionary(wantsLifeline ? [packed, (PrivateContract.lifeline, .boolean(true))] : [packed])
    }

    private static func ask(
        _ connection: isolated Connection, _ broker: UniqueName, _ names: [BusName], _ options: DBusValue,
        _ ended: @escaping @Sendable (DBusError) -> Void, _ then: @escaping @Sendable (Outcome) -> Void
    ) {
        guard connection.canCarryDescriptors else {
            return then(.refused(CIMError(.notSupported, "this message bus passes no file descriptors")))
        }
        let question: Message
        do throws(DBusError) {
            question = try Message.methodCall(
                destination: BusName(broker), path: Contract.rootPath, interface: Contract.broker,
                member: MemberName(verified: "OpenPrivateConnection"), flags: .noAutoStart,
                values: [.uint32(PrivateContract.version), options])
        } catch {
            return then(.refused(CIMError(error)))
        }
        // Nothing else runs between the answer and the first message by the socket.
        connection.callByBus(question, timeout: nil) { [weak connection] result in
            guard let connection else { return then(.refused(CIMError(.transportFailure, "the connection to the bus ended"))) }
            connection.assumeIsolated { connection in then(answered(result, connection, broker, names, ended)) }
        }
    }

    private static func answered(
        _ result: Result<Message, DBusError>, _ connection: isolated Connection, _ broker: UniqueName, _ names: [BusName],
        _ ended: @escaping @Sendable (DBusError) -> Void
    ) -> Outcome {
        switch result {
        case .failure(let error):
            let error = CIMError(error)
            let isBusy = [.serverTooBusy, .quotaViolation, .clientTooSlow].contains(error.status)
            return isBusy ? .busy(error) : .refused(error)
        case .success(let reply):
            guard reply.hasSignature("hua{sv}"), let values = try? reply.values(), case .unixFD(let socket) = values[0],
                values[1] == .uint32(PrivateContract.version)
            else {
                return .refused(CIMError(.transportFailure, "OpenPrivateConnection was answered with (\(reply.signature))"))
            }
            do throws(DBusError) {
                let own = try connection.speak(by: socket, with: broker, to: [BusName(broker)] + names, PrivateContract.members)
                let options = values[2].stringDictionary ?? [:]
                own.carriesPackedObjects = options[PrivateContract.packedObjects]?.bool ?? false
                if case .unixFD(let lifeline)? = options[PrivateContract.lifeline] { own.hold(lifeline) }
                own.onClosed { [weak connection] error in
                    // It may have ended because its broker left the bus, or because the bus is gone, and that says more.
                    guard let connection, let question = try? Message.busCall("GetId") else { return }
                    connection.assumeIsolated { connection in
                        if connection.isOver { return }
                        connection.callByBus(question, timeout: .seconds(1)) { [weak connection] _ in
                            if connection?.assumeIsolated({ $0.isOver }) == false { ended(error) }
                        }
                    }
                }
                // The broker counts sockets that nobody has fetched until they speak.
                own.ping { _ in }
                return .opened(own)
            } catch {
                return .refused(CIMError(error))
            }
        }
    }
}
