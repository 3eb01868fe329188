import CIM
import CIMBusWire
import DBus
import Synchronization

/// The broker's end of an enumeration or query that a provider makes for the call it serves, in the semisynchronous form (A.6, R18).
///
/// The broker keeps what is not pulled yet, at most 8 batches or 1 MiB, and holds the inner provider back meanwhile (L13). The enumeration
/// is closed when its end was pulled, so that the broker keeps nothing of it, and with the last reference to this: whoever stops early cancels
/// it, and the inner provider is told (L9).
final class NestedEnumeration: Sendable {
    /// How long the broker waits for the next object, in ms: as long as one call may.
    static let longestWait: Int32 = 20_000

    struct Pulled {
        var instances: BodyReader
        /// Nothing follows.
        var isAtEnd = false
        /// As many came as were asked for: more may be there.
        var isFull = false
    }

    private let context: RequestContext
    private let path: ObjectPath
    private let isOpen = Atomic(true)

    init(_ context: RequestContext, _ path: ObjectPath) {
        self.context = context
        self.path = path
    }

    deinit { close() }

    /// The next objects, at most `count`. Throws how the enumeration failed, after every object that came before.
    func pull(_ count: UInt32, waiting: Int32) async throws(CIMError) -> Pulled {
        let reply = try await context.call(at: path, Contract.enumerator, "Next", [.int32(waiting), .uint32(count)])
        var reader = reply.reader
        guard reply.hasSignature("uaa{sv}"), let number = try? reader.readUInt32() else {
            throw CIMError(.transportFailure, "the broker answered Next with (\(reply.signature))")
        }
        let status = WBEMStatus(rawValue: number)
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
        let arguments: [DBusValue] = [.string(Contract.operation.text), .string("ExtendedStatus")]
        let reply = try? await context.call(at: path, .properties, "Get", arguments)
        var reader = reply?.reader
        let extended = reply?.hasSignature("v") == true ? try? reader?.readVariant().objectValue : nil
        return CIMError(status, extended?["Description"]?.stringValue ?? status.meaning, extendedStatus: extended)
    }

    /// Wants no reply. Nothing happens the second time.
    private func close() {
        guard isOpen.exchange(false, ordering: .relaxed) else { return }
        let message = try? Message.methodCall(
            destination: context.call.brokerName, path: path, interface: Contract.enumerator, member: MemberName(verified: "Close"),
            flags: [.noReplyExpected, .noAutoStart])
        guard let message else { return }
        let connection = context.call.connection
        connection.loop.execute { connection.assumeIsolated { try? $0.send(message) } }
    }
}
