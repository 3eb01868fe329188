import CIM
import CIMBusWire
import DBus
import Synchronization

/// The broker's end of an enumeration or query that a provider makes for the call it serves, in the semisynchronous form (A.6, R18).
///
/// The broker keeps the objects that are not pulled yet, at most 8 batches or 1 MiB, and holds the inner provider back meanwhile (L13). The
/// enumeration is closed when its end was pulled, so that the broker keeps nothing of it. It is closed, too, when the last reference to
/// this object goes: who stops early cancels the enumeration, and the broker tells the inner provider (L9).
final class NestedEnumeration: Sendable {
    struct Pulled {
        var instances: BodyReader
        /// Nothing follows.
        var isAtEnd = false
        /// As many came as were asked for: more may be there.
        var isFull = false
    }

    private let context: RequestContext
    private let object: ResultObject
    private let isOpen = Atomic(true)

    init(_ context: RequestContext, _ path: ObjectPath) {
        self.context = context
        object = ResultObject(path, Contract.enumerator)
    }

    deinit { close() }

    /// The next objects, at most `count`. Throws how the enumeration failed, after every object that came before.
    func pull(_ count: UInt32, waiting time: Duration) async throws(CIMError) -> Pulled {
        let reply = try await context.call { () throws(DBusError) in
            try object.wait("Next", for: time, count: count, at: context.call.brokerName)
        }
        let (status, reader) = try ResultObject.status(in: reply, to: "Next", as: "uaa{sv}")
        switch status {
        case .noError: return Pulled(instances: reader, isFull: true)
        case .sTimedOut: return Pulled(instances: reader)
        case .sFalse:
            close()
            return Pulled(instances: reader, isAtEnd: true)
        default:
            let failure = await failure(status)
            close()
            throw failure
        }
    }

    /// The words behind a failed enumeration, and who is to blame for it, if the broker still knows.
    private func failure(_ status: WBEMStatus) async -> CIMError {
        let reply = try? await context.call { () throws(DBusError) in try object.why(at: context.call.brokerName) }
        return ResultObject.failure(status, why: reply)
    }

    /// Wants no reply. Nothing happens the second time.
    private func close() {
        guard isOpen.exchange(false, ordering: .relaxed) else { return }
        guard let message = try? object.close(at: context.call.brokerName) else { return }
        let connection = context.call.connection
        connection.loop.execute { connection.assumeIsolated { try? $0.send(message) } }
    }
}
