import CIM
import DBus

/// The broker's object that keeps the results of one semisync operation for its client, an Enumerator or a CallResult (Semantics A.6): what is
/// said to it, and what its answers mean. It sends nothing itself.
package struct ResultObject: Sendable {
    /// How long one call may wait for a result.
    package static let longestWait = Duration.seconds(20)

    package let path: ObjectPath
    private let interface: InterfaceName

    package init(_ path: ObjectPath, _ interface: InterfaceName) {
        self.path = path
        self.interface = interface
    }

    /// A call that waits for results, ``longestWait`` at most.
    /// - Parameter count: how many objects are wanted, for `Next`; nil for the members of a CallResult.
    package func wait(
        _ member: String, for time: Duration, count: UInt32? = nil, at broker: BusName
    ) throws(DBusError) -> Message {
        try Message.methodCall(
            destination: broker, path: path, interface: interface, member: MemberName(verified: member), flags: .noAutoStart,
            signature: Signature(verified: count == nil ? "i" : "iu")
        ) { (writer: inout BodyWriter) throws(DBusError) in
            writer.append(int32: Int32(clamping: min(max(time, .zero), Self.longestWait).wholeMicroseconds / 1000))
            if let count { writer.append(uint32: count) }
        }
    }

    /// The status that the answer to ``wait(_:for:count:at:)`` begins with, and what follows it. Throws TransportFailure, the broker's fault, for an
    /// answer of another signature.
    package static func status(
        in reply: Message, to member: String, as signature: StaticString
    ) throws(CIMError) -> (status: WBEMStatus, rest: BodyReader) {
        var reader = reply.reader
        guard reply.hasSignature(signature), let number = try? reader.readUInt32() else { throw .unexpected(reply, to: member) }
        return (WBEMStatus(rawValue: number), reader)
    }

    /// A call that asks why the operation failed.
    package func why(at broker: BusName) throws(DBusError) -> Message {
        try Message.propertyGet("ExtendedStatus", of: Contract.operation, at: path, destination: broker, flags: .noAutoStart)
    }

    /// The failure of the operation, with the words and the details that the answer to ``why(at:)`` has.
    /// - Parameter reply: nil: the broker does not know any more.
    package static func failure(_ status: WBEMStatus, why reply: Message?) -> CIMError {
        var reader = reply?.hasSignature("v") == true ? reply?.reader : nil
        return CIMError(status, object: try? reader?.readVariant().objectValue)
    }

    /// A call that cancels the operation if it is open, and lets its results go. It wants no reply.
    package func close(at broker: BusName) throws(DBusError) -> Message {
        try Message.methodCall(
            destination: broker, path: path, interface: interface, member: MemberName(verified: "Close"),
            flags: [.noReplyExpected, .noAutoStart])
    }
}

extension Duration {
    /// Rounded up, so that a short wait is never none; saturating.
    package var wholeMicroseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000)
        let (sum, carry) = whole.addingReportingOverflow(
            UInt64(attoseconds / 1_000_000_000_000) + (attoseconds % 1_000_000_000_000 == 0 ? 0 : 1))
        return overflow || carry ? .max : sum
    }
}
