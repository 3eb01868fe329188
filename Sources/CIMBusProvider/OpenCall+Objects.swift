import CIMBusWire
import DBus

extension OpenCall {
    /// A batch that is complete.
    enum Objects: Sendable {
        /// The elements of an `aa{sv}`, written for ``batchPhase``.
        case plain([UInt8])
        case packed(PackedRows)

        /// Of the sink, to which they are indicated.
        var interface: InterfaceName {
            switch self {
            case .plain: Contract.objectSink
            case .packed: PrivateContract.packedSink
            }
        }

        var signature: Signature {
            switch self {
            case .plain: Signature(verified: "aa{sv}")
            case .packed: Signature(verified: "ay")
            }
        }

        /// Of the reply that brings them.
        var replySignature: Signature {
            switch self {
            case .plain: Signature(verified: "uuaa{sv}")
            case .packed: Signature(verified: "uuay")
            }
        }

        func write(to writer: inout BodyWriter) {
            switch self {
            case .plain(let elements):
                let array = writer.beginArray(elementAlignment: 4)
                elements.withUnsafeBytes { if !$0.isEmpty { writer.append(block: $0, phase: batchPhase) } }
                writer.endArray(array)
            case .packed(let rows): writer.append(packed: rows)
            }
        }
    }
}
