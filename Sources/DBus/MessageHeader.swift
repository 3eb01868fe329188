import CDBus

/// The header of a message to be made.
struct MessageHeader {
    let kind: Int32
    let flags: Message.Flags
    var path: String?
    var interface: String?
    var member: String?
    var errorName: String?
    var destination: String?
    var replySerial: UInt32 = 0
    /// Whether the message goes by a private connection: its frame has a start of its own, and its other end checks what it reads.
    var isPrivate = false

    init(kind: Int32, flags: Message.Flags = []) {
        self.kind = kind
        self.flags = flags
    }

    init(replyTo call: Message, kind: Int32) {
        self.kind = kind
        flags = .noReplyExpected
        destination = call.sender
        replySerial = call.serial
        isPrivate = call.arrival != nil
    }

    /// An error that answers a call that cannot be read; nil where it cannot be answered, or need not be.
    init?(refusing call: ReceivedHeader, _ error: ErrorName) {
        guard call.start.serial != 0, let sender = call.sender, call.start.flags & Message.Flags.noReplyExpected.rawValue == 0 else {
            return nil
        }
        kind = DBUS_MESSAGE_TYPE_ERROR
        flags = .noReplyExpected
        errorName = error.text
        destination = sender
        replySerial = call.start.serial
    }

    /// Where the serial stands in the bytes of a message.
    static let serialAt = 8
    /// Where the length of the body stands.
    private static let bodyLengthAt = 4

    func build(_ values: [DBusValue]) throws(DBusError) -> Message {
        let signature: Signature
        do {
            signature = try Signature(DBusValue.signature(of: values).text)
        } catch {
            throw DBusError(code: .malformed, error.description)
        }
        var descriptors: [FileDescriptorBox] = []
        for value in values { value.collectDescriptors(&descriptors) }
        return try build(signature, descriptors) { (writer: inout BodyWriter) throws(DBusError) in
            for value in values { writer.append(value) }
        }
    }

    /// - Parameters:
    ///   - descriptors: what the body's file descriptors are indices of.
    ///   - body: writes what `signature` says, which is checked where it is for the bus. Nil: there is no body.
    func build(
        _ signature: Signature, _ descriptors: [FileDescriptorBox] = [], body: Message.BodyBuilder?
    ) throws(DBusError) -> Message {
        if isPrivate, descriptors.isEmpty { return try buildBody(signature, body) }
        var writer = BodyWriter()
        writer.reserve(512)
        guard !signature.isEmpty, let body else {
            try write(.empty, to: &writer)
            return try finish(.empty, &writer)
        }
        try write(signature, descriptors, to: &writer)
        try body(&writer)
        try writer.checkBody(signature, descriptors: descriptors.count, named: name)
        return try finish(signature, &writer)
    }

    /// A message without the bus's header. What is wrong with its body is the fault of the code that writes it, and shows in debug builds.
    private func buildBody(_ signature: Signature, _ body: Message.BodyBuilder?) throws(DBusError) -> Message {
        try checkReply()
        var writer = BodyWriter()
        guard !signature.isEmpty, let body else { return try finish(.empty, &writer) }
        writer.reserve(512)
        try body(&writer)
        if writer.isDoubtful || WrittenFrame.checksEverything { try writer.checkBody(signature, named: name) }
        return try finish(signature, &writer)
    }

    /// A message with the body of another one, in this machine's byte order.
    /// - Parameter isValid: whether the body is known to be what the signature says.
    func build(
        _ signature: Signature, copying body: BodyReader, _ descriptors: [FileDescriptorBox], isValid: Bool
    ) throws(DBusError) -> Message {
        if body.isMissing { throw DBusError(code: .outOfMemory, "copying a message") }
        var writer = BodyWriter()
        writer.reserve(512 + body.count)
        try write(signature, descriptors, to: &writer)
        if body.hasHostByteOrder {
            writer.append(raw: body.bytes(in: 0..<body.count))
        } else {
            do throws(DBusDecodingError) {
                var body = body
                for type in signature.types { try writer.append(type, from: &body) }
            } catch {
                throw DBusError(code: .malformed, error.description)
            }
        }
        if !isValid { try writer.checkBody(signature, descriptors: descriptors.count, named: name) }
        return try finish(signature, &writer)
    }

    /// For errors.
    private var name: String { member ?? errorName ?? "the reply" }

    private func finish(_ signature: Signature, _ writer: inout BodyWriter) throws(DBusError) -> Message {
        if writer.bodyStart > 0 {
            writer.base?.storeBytes(of: UInt32(truncatingIfNeeded: writer.count), toByteOffset: Self.bodyLengthAt, as: UInt32.self)
        }
        return Message(self, signature, try writer.finishBody(), bodyStart: writer.bodyStart)
    }

    private func checkReply() throws(DBusError) {
        if replySerial == 0, kind == DBUS_MESSAGE_TYPE_METHOD_RETURN || kind == DBUS_MESSAGE_TYPE_ERROR {
            throw DBusError(code: .malformed, "an answer to a message that was never received")
        }
    }

    private func write(
        _ signature: Signature, _ descriptors: [FileDescriptorBox] = [], to writer: inout BodyWriter
    ) throws(DBusError) {
        try checkReply()
        writer.append(byte: BodyReader.hostIsBigEndian ? UInt8(ascii: "B") : UInt8(ascii: "l"))
        writer.append(byte: UInt8(truncatingIfNeeded: kind))
        writer.append(byte: flags.rawValue)
        writer.append(byte: 1)
        writer.append(uint32: 0)
        // The serial: 0 until the message is sent.
        writer.append(uint32: 0)
        let fields = writer.beginArray(elementAlignment: 8)
        if let path { try writer.append(field: .path, path) }
        if let interface { try writer.append(field: .interface, interface) }
        if let member { try writer.append(field: .member, member) }
        if let errorName { try writer.append(field: .errorName, errorName) }
        if let destination { try writer.append(field: .destination, destination) }
        if replySerial != 0 {
            writer.begin(.replySerial)
            writer.append(uint32: replySerial)
        }
        if !signature.isEmpty {
            writer.begin(.signature)
            writer.append(signature: signature)
        }
        if !descriptors.isEmpty {
            guard descriptors.count <= DescriptorPassing.most else {
                throw DBusError(
                    code: .tooLarge, "\(descriptors.count) file descriptors in one message; \(DescriptorPassing.most) are the most")
            }
            writer.begin(.unixFDs)
            writer.append(uint32: UInt32(descriptors.count))
            writer.carry(descriptors)
        }
        writer.endArray(fields)
        writer.beginStruct()
        writer.bodyStart = writer.size
    }
}

extension BodyWriter {
    /// The start of a header's field; the value follows.
    fileprivate mutating func begin(_ field: HeaderField) {
        beginStruct()
        append(byte: field.rawValue)
        // The signature of a variant: its length, its one letter, and its terminator.
        append(byte: 1)
        append(byte: field.type)
        append(byte: 0)
    }

    fileprivate mutating func append(field: HeaderField, _ text: String) throws(DBusError) {
        begin(field)
        var text = text
        let fault = text.withUTF8 { utf8 in
            appendString(UnsafeRawBufferPointer(utf8))
            return field.fault(of: UnsafeRawBufferPointer(utf8))
        }
        if let fault { throw DBusError(code: .malformed, "the \(field) \"\(text.prefix(300))\" of a message: \(fault)") }
    }

    /// What goes before the body and the body as one block; after it this writer must not write.
    mutating func finishBody() throws(DBusError) -> MarshalledBytes {
        do throws(DBusEncodingError) {
            return try finishMessage()
        } catch {
            let isSize = error.code == .tooLarge || error.code == .arrayTooLong
            throw DBusError(code: error.code == .outOfMemory ? .outOfMemory : isSize ? .tooLarge : .malformed, error.description)
        }
    }

    /// Throws `.malformed` where the body is not what its signature says. What is wrong with the writing itself, ``finishBody()`` throws.
    func checkBody(_ signature: Signature, descriptors: Int = 0, named name: @autoclosure () -> String) throws(DBusError) {
        if failure != nil { return }
        do throws(BodyValidator.Fault) {
            try check(against: signature, descriptors: descriptors)
        } catch {
            throw DBusError(
                code: .malformed, "the body of \(name()) is not (\(signature)): \(error.reason) at byte \(error.position)")
        }
    }

    /// Whether the body is what its signature says.
    private func check(against signature: Signature, descriptors: Int) throws(BodyValidator.Fault) {
        let body = UnsafeRawBufferPointer(start: base.map { $0 + bodyStart }, count: base == nil ? 0 : count)
        var text = signature.text
        // The two-step result keeps the typed error through a closure that may not throw it.
        let fault = text.withUTF8 { types -> BodyValidator.Fault? in
            do throws(BodyValidator.Fault) {
                try BodyValidator.check(body, against: UnsafeRawBufferPointer(types), descriptors: descriptors)
                return nil
            } catch {
                return error
            }
        }
        if let fault { throw fault }
    }
}
