/// A call that is made again and again: what is the same each time is prepared once.
public final class RepeatedCall: Sendable {
    public let path: ObjectPath
    public let interface: InterfaceName
    public let member: MemberName
    public let signature: Signature
    /// The fields of its frame; nil: no frame carries it.
    private let fields: [UInt8]?
    /// Its number in a frame; 0: it has none.
    private let number: UInt16

    /// - Parameter members: which private connections it may go by.
    public init(path: ObjectPath, interface: InterfaceName, member: MemberName, signature: Signature, _ members: MemberNumbers) {
        self.path = path
        self.interface = interface
        self.member = member
        self.signature = signature
        number = members.number(of: member.text, in: interface.text)
        var fields = FrameFields()
        fields.path = path.text
        if number == 0 {
            fields.interface = interface.text
            fields.member = member.text
        }
        if !signature.isEmpty { fields.signature = signature.text }
        guard let length = try? fields.length(), length <= FrameHeader.largestFields else {
            self.fields = nil
            return
        }
        var bytes = [UInt8](repeating: 0, count: length)
        bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { fields.write(to: base) } }
        self.fields = bytes
    }

    /// One such call as a frame; nil where a frame does not carry it.
    func frame(_ flags: Message.Flags, body: Message.BodyBuilder) throws(DBusError) -> WrittenFrame? {
        guard let fields else { return nil }
        var header = FrameHeader(.call, serial: 0)
        header.member = number
        if flags.contains(.noReplyExpected) { header.flags |= FrameHeader.noReplyWanted }
        if flags.contains(.allowInteractiveAuthorization) { header.flags |= FrameHeader.interactive }
        let result = fields.withUnsafeBytes { fields in
            Result { () throws(DBusError) in try WrittenFrame(header, fields: fields, signature, named: member.text, body: body) }
        }
        return try result.get()
    }

    /// One such call as a message.
    func message(to destination: BusName, _ flags: Message.Flags, body: Message.BodyBuilder) throws(DBusError) -> Message {
        let result = withoutActuallyEscaping(body) { body in
            Result { () throws(DBusError) in
                try Message.methodCall(
                    destination: destination, path: path, interface: interface, member: member, flags: flags, signature: signature,
                    body: body)
            }
        }
        return try result.get()
    }
}

/// A call that is about to be sent.
enum OutgoingCall: Sendable {
    case message(Message)
    /// It was written as a frame, to go by a private connection with `destination`.
    case frame(WrittenFrame, RepeatedCall, destination: BusName, Message.Flags)

    var destination: String? {
        switch self {
        case .message(let message): message.destination
        case .frame(_, _, let destination, _): destination.text
        }
    }

    /// As a message: where the private connection has ended meanwhile.
    func asMessage() throws(DBusError) -> Message {
        switch self {
        case .message(let message): return message
        case .frame(let frame, let call, let destination, let flags):
            return try call.message(to: destination, flags) { (writer: inout BodyWriter) throws(DBusError) in
                writer.append(raw: frame.body)
            }
        }
    }
}

extension Connection {
    /// Sends a call and waits for its reply, as ``call(_:timeout:)`` does.
    /// - Throws: what `body` throws, too; nothing was sent then.
    public nonisolated(nonsending) func call(
        _ call: RepeatedCall, to destination: BusName, flags: Message.Flags = [], timeout: Duration? = .seconds(25),
        body: Message.BodyBuilder
    ) async throws(DBusError) -> Message {
        if link.hasDetours, let frame = try call.frame(flags, body: body) {
            return try await link.call(.frame(frame, call, destination: destination, flags), timeout: timeout)
        }
        return try await link.call(.message(try call.message(to: destination, flags, body: body)), timeout: timeout)
    }
}
