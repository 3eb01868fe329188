import CDBus
import Glibc

extension Message {
    /// Writes a body. What it throws, the builder throws.
    public typealias BodyBuilder = (inout BodyWriter) throws(DBusError) -> Void

    /// A method call whose body is written in place.
    /// Throws `.malformed` when the body is not what `signature` says, `.tooLarge` over the protocol's limits.
    /// - Parameter isPrivate: whether it goes by a private connection. The other end checks all that it reads from one, so that here the body is
    ///   checked in debug builds only; sent by the bus after all, it costs a copy.
    public static func methodCall(
        destination: BusName?, path: ObjectPath, interface: InterfaceName?, member: MemberName, flags: Flags = [],
        signature: Signature = .empty, isPrivate: Bool = false, body: BodyBuilder? = nil
    ) throws(DBusError) -> Message {
        var header = callHeader(destination, path, interface, member, flags)
        header.isPrivate = isPrivate
        return try header.build(signature, body: body)
    }

    /// A method call with these values. The only way to send file descriptors.
    public static func methodCall(
        destination: BusName?, path: ObjectPath, interface: InterfaceName?, member: MemberName, flags: Flags = [], values: [DBusValue]
    ) throws(DBusError) -> Message {
        try callHeader(destination, path, interface, member, flags).build(values)
    }

    private static func callHeader(
        _ destination: BusName?, _ path: ObjectPath, _ interface: InterfaceName?, _ member: MemberName, _ flags: Flags
    ) -> MessageHeader {
        var header = MessageHeader(kind: DBUS_MESSAGE_TYPE_METHOD_CALL, flags: flags.reaching(destination))
        header.destination = destination?.text
        header.path = path.text
        header.interface = interface?.text
        header.member = member.text
        return header
    }

    /// A call that reads one property of an object.
    public static func propertyGet(
        _ property: String, of interface: InterfaceName, at path: ObjectPath, destination: BusName, flags: Flags = []
    ) throws(DBusError) -> Message {
        try methodCall(
            destination: destination, path: path, interface: .properties, member: MemberName(verified: "Get"), flags: flags,
            values: [.string(interface.text), .string(property)])
    }

    /// The answer to `call`.
    public static func reply(to call: Message, signature: Signature = .empty, body: BodyBuilder? = nil) throws(DBusError) -> Message {
        try MessageHeader(replyTo: call, kind: DBUS_MESSAGE_TYPE_METHOD_RETURN).build(signature, body: body)
    }

    /// The answer to `call`, with these values.
    public static func reply(to call: Message, values: [DBusValue]) throws(DBusError) -> Message {
        try MessageHeader(replyTo: call, kind: DBUS_MESSAGE_TYPE_METHOD_RETURN).build(values)
    }

    /// The refusal of `call`. A NUL ends the text early, as does a length of 64 KiB: what a caller sent is often part of it, and must not make
    /// the answer larger than the message bus takes. `details` follow it.
    public static func error(replyTo call: Message, _ error: DBusError) throws(DBusError) -> Message {
        var header = MessageHeader(replyTo: call, kind: DBUS_MESSAGE_TYPE_ERROR)
        header.errorName = error.name.text
        let bytes = error.message.utf8.prefix(longestErrorText).prefix { $0 != 0 }
        let text = String(decoding: bytes, as: UTF8.self)
        return try header.build([.string(text)] + error.details)
    }

    private static let longestErrorText = 64 << 10

    /// A signal; to everyone who asked when `destination` is nil.
    public static func signal(
        destination: BusName? = nil, path: ObjectPath, interface: InterfaceName, member: MemberName, signature: Signature = .empty,
        body: BodyBuilder? = nil
    ) throws(DBusError) -> Message {
        var header = MessageHeader(kind: DBUS_MESSAGE_TYPE_SIGNAL, flags: .noReplyExpected)
        header.destination = destination?.text
        header.path = path.text
        header.interface = interface.text
        header.member = member.text
        return try header.build(signature, body: body)
    }

    /// A signal with these values.
    public static func signal(
        destination: BusName? = nil, path: ObjectPath, interface: InterfaceName, member: MemberName, values: [DBusValue]
    ) throws(DBusError) -> Message {
        var header = MessageHeader(kind: DBUS_MESSAGE_TYPE_SIGNAL, flags: .noReplyExpected)
        header.destination = destination?.text
        header.path = path.text
        header.interface = interface.text
        header.member = member.text
        return try header.build(values)
    }

    /// This message for somebody else: a copy with another header, the body (file descriptors included) untouched and not decoded.
    ///
    /// It has no sender and no serial of its own yet. What is nil stays as it is, but for `destination`, which nil removes.
    /// - Parameter replySerial: for a reply: the serial of the call it shall answer.
    public func forwarded(
        to destination: BusName?, path: ObjectPath? = nil, interface: InterfaceName? = nil, member: MemberName? = nil,
        replySerial: UInt32? = nil, flags: Flags? = nil
    ) throws(DBusError) -> Message {
        let kept = self.flags.intersection(.allowInteractiveAuthorization)
        var header = MessageHeader(kind: type, flags: (flags.map { $0.union(kept) } ?? self.flags).reaching(destination))
        header.destination = destination?.text
        header.path = path?.text ?? self.path
        header.interface = interface?.text ?? self.interface
        header.member = member?.text ?? self.member
        header.errorName = errorName
        header.replySerial = replySerial.flatMap { $0 == 0 ? nil : $0 } ?? self.replySerial
        return try header.build(Signature(verified: signature), copying: reader, descriptors, isValid: hasHeader || arrival != nil)
    }

    /// The same, with its numbers in this machine's byte order.
    func inHostByteOrder() throws(DBusError) -> Message {
        if reader.hasHostByteOrder { return self }
        var header = MessageHeader(kind: type, flags: flags)
        header.path = path
        header.interface = interface
        header.member = member
        header.errorName = errorName
        header.destination = destination
        header.replySerial = replySerial
        return try header.build(Signature(verified: signature), copying: reader, descriptors, isValid: hasHeader || arrival != nil)
    }
}

extension Message.Flags {
    /// Nobody starts a connection: to a unique name the flag against it says nothing, and is left out. Not every library takes several at once.
    fileprivate func reaching(_ destination: BusName?) -> Self { destination?.isUnique == true ? subtracting(.noAutoStart) : self }
}
