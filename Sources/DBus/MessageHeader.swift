import CDBus
import Glibc

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

    init(kind: Int32, flags: Message.Flags = []) {
        self.kind = kind
        self.flags = flags
    }

    init(replyTo call: Message, kind: Int32) {
        self.kind = kind
        flags = .noReplyExpected
        destination = call.sender
        replySerial = call.serial
    }

    func build(_ values: [DBusValue]) throws(DBusError) -> Message {
        let signature: Signature
        do {
            signature = try Signature(DBusValue.signature(of: values).text)
        } catch {
            throw DBusError(code: .malformed, error.description)
        }
        if signature.text.utf8.contains(TypeCode.unixFD) || values.contains(where: IteratorCodec.containsUnixFD) {
            return try IteratorCodec.append(values, to: try buildWithoutBody())
        }
        return try build(signature) { (writer: inout BodyWriter) throws(DBusError) in
            for value in values { writer.append(value) }
        }
    }

    func build(_ signature: Signature, _ body: Message.BodyBuilder?) throws(DBusError) -> Message {
        guard !signature.isEmpty, let body else { return try buildWithoutBody() }
        var writer = BodyWriter()
        writer.reserve(512)
        writeHeader(signature, to: &writer)
        writer.bodyStart = writer.size
        try body(&writer)
        let bytes: MarshalledBytes
        do throws(DBusEncodingError) {
            bytes = try writer.finishMessage(bodyLengthAt: 4)
        } catch {
            let isSize = error.code == .tooLarge || error.code == .arrayTooLong
            throw DBusError(code: error.code == .outOfMemory ? .outOfMemory : isSize ? .tooLarge : .malformed, error.description)
        }
        var failure = CDBus.DBusError()
        dbus_error_init(&failure)
        defer { dbus_error_free(&failure) }
        guard let base = bytes.base, let count = Int32(exactly: bytes.count),
            let pointer = dbus_message_demarshal(base.assumingMemoryBound(to: CChar.self), count, &failure)
        else {
            throw DBusError(
                failure, otherwise: .malformed, "libdbus refuses the message \(member ?? errorName ?? "") (\(signature))",
                unstated: "too large")
        }
        // Only to pass validation the header had a serial; sending gives the real one.
        dbus_message_set_serial(pointer, 0)
        return Message(adopting: pointer, bytes: bytes)
    }

    private func writeHeader(_ signature: Signature, to writer: inout BodyWriter) {
        writer.append(byte: BodyReader.hostIsBigEndian ? UInt8(ascii: "B") : UInt8(ascii: "l"))
        writer.append(byte: UInt8(truncatingIfNeeded: kind))
        writer.append(byte: flags.rawValue)
        writer.append(byte: 1)
        writer.append(uint32: 0)
        writer.append(uint32: 1)
        let fields = writer.beginArray(elementAlignment: 8)
        func field(_ code: UInt8, _ type: StaticString, _ text: String?) {
            guard let text else { return }
            writer.beginStruct()
            writer.append(byte: code)
            writer.beginVariant(type)
            writer.append(string: text)
        }
        field(1, "o", path)
        field(2, "s", interface)
        field(3, "s", member)
        field(4, "s", errorName)
        field(6, "s", destination)
        if replySerial != 0 {
            writer.beginStruct()
            writer.append(byte: 5)
            writer.beginVariant("u")
            writer.append(uint32: replySerial)
        }
        writer.beginStruct()
        writer.append(byte: 8)
        writer.beginVariant("g")
        writer.append(signature: signature)
        writer.endArray(fields)
        writer.beginStruct()
    }

    /// Every name here was validated, so libdbus has nothing to warn of (its warnings abort the process).
    func buildWithoutBody() throws(DBusError) -> Message {
        guard let pointer = dbus_message_new(kind) else { throw DBusError(code: .outOfMemory, "making a message") }
        var ok = true
        if let path { ok = dbus_message_set_path(pointer, path) != 0 && ok }
        if let interface { ok = dbus_message_set_interface(pointer, interface) != 0 && ok }
        if let member { ok = dbus_message_set_member(pointer, member) != 0 && ok }
        if let errorName { ok = dbus_message_set_error_name(pointer, errorName) != 0 && ok }
        if let destination { ok = dbus_message_set_destination(pointer, destination) != 0 && ok }
        if replySerial != 0 { ok = dbus_message_set_reply_serial(pointer, replySerial) != 0 && ok }
        dbus_message_set_no_reply(pointer, flags.contains(.noReplyExpected) ? 1 : 0)
        dbus_message_set_auto_start(pointer, flags.contains(.noAutoStart) ? 0 : 1)
        if flags.contains(.allowInteractiveAuthorization) { dbus_message_set_allow_interactive_authorization(pointer, 1) }
        let message = Message(adopting: pointer)
        guard ok else { throw DBusError(code: .outOfMemory, "writing a message header") }
        return message
    }
}

extension BodyWriter {
    /// Header and body as one block, the body's length stated in the header; after it this writer must not write.
    mutating func finishMessage(bodyLengthAt offset: Int) throws(DBusEncodingError) -> MarshalledBytes {
        if let failure { throw failure }
        base?.storeBytes(of: UInt32(truncatingIfNeeded: count), toByteOffset: offset, as: UInt32.self)
        return try finishMessage()
    }
}
