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
        if signature.text.utf8.contains(TypeCode.unixFD) || values.contains(where: IteratorCodec.containsUnixFD) {
            return try IteratorCodec.message(self, values)
        }
        return try build(signature) { (writer: inout BodyWriter) throws(DBusError) in
            for value in values { writer.append(value) }
        }
    }

    /// - Parameter body: writes what `signature` says, which is checked. Nil: there is no body.
    func build(_ signature: Signature, _ body: Message.BodyBuilder?) throws(DBusError) -> Message {
        var writer = BodyWriter()
        writer.reserve(512)
        guard !signature.isEmpty, let body else {
            try write(.empty, to: &writer)
            return try finish(.empty, &writer)
        }
        try write(signature, to: &writer)
        try body(&writer)
        if writer.failure == nil {
            do throws(BodyValidator.Fault) {
                try writer.check(against: signature)
            } catch {
                throw DBusError(
                    code: .malformed,
                    "the body of \(member ?? errorName ?? "the reply") is not (\(signature)): \(error.reason) at byte \(error.position)")
            }
        }
        return try finish(signature, &writer)
    }

    /// A message with a body that is valid, and of this machine's byte order: another message's.
    func build(_ signature: Signature, valid body: UnsafeRawBufferPointer) throws(DBusError) -> Message {
        var writer = BodyWriter()
        writer.reserve(512 + body.count)
        try write(signature, to: &writer)
        writer.append(raw: body)
        return try finish(signature, &writer)
    }

    private func finish(_ signature: Signature, _ writer: inout BodyWriter) throws(DBusError) -> Message {
        do throws(DBusEncodingError) {
            return Message(self, signature, try writer.finishMessage(bodyLengthAt: Self.bodyLengthAt))
        } catch {
            let isSize = error.code == .tooLarge || error.code == .arrayTooLong
            throw DBusError(code: error.code == .outOfMemory ? .outOfMemory : isSize ? .tooLarge : .malformed, error.description)
        }
    }

    private func write(_ signature: Signature, to writer: inout BodyWriter) throws(DBusError) {
        if replySerial == 0, kind == DBUS_MESSAGE_TYPE_METHOD_RETURN || kind == DBUS_MESSAGE_TYPE_ERROR {
            throw DBusError(code: .malformed, "an answer to a message that was never received")
        }
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
        writer.endArray(fields)
        writer.beginStruct()
        writer.bodyStart = writer.size
    }

    /// libdbus's own message without a body: one reference. Every name here was validated, so libdbus has nothing to warn of (its warnings abort
    /// the process).
    func libraryMessage() throws(DBusError) -> OpaquePointer {
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
        guard ok else {
            dbus_message_unref(pointer)
            throw DBusError(code: .outOfMemory, "writing a message header")
        }
        return pointer
    }
}

/// The fields of a header that are written here, by their numbers.
private enum HeaderField: UInt8 {
    case path = 1
    case interface = 2
    case member = 3
    case errorName = 4
    case replySerial = 5
    case destination = 6
    case signature = 8

    /// What a library tells its own program by; the message bus hangs up on who sends it.
    private static let localPath = "/org/freedesktop/DBus/Local".utf8
    private static let localInterface = "org.freedesktop.DBus.Local".utf8

    /// The type of its value.
    var type: UInt8 {
        switch self {
        case .path: TypeCode.objectPath
        case .replySerial: TypeCode.uint32
        case .signature: TypeCode.signature
        case .interface, .member, .errorName, .destination: TypeCode.string
        }
    }

    /// What is wrong with its text: nil, if nothing is. Names are of types that vouch for them; what a mistake there would cost is the whole
    /// connection.
    func fault(of text: UnsafeBufferPointer<UInt8>) -> String? {
        switch self {
        case .path:
            !WireText.isPath(UnsafeRawBufferPointer(text))
                ? "it is no object path" : text.elementsEqual(Self.localPath) ? "it is libdbus's own" : nil
        case .interface where text.elementsEqual(Self.localInterface): "it is libdbus's own"
        case .interface, .errorName: NameGrammar.dotted(text, hyphen: false, leadingDigit: false)
        case .member: NameGrammar.member(text)
        case .destination where text.first == UInt8(ascii: ":"):
            NameGrammar.dotted(UnsafeBufferPointer(rebasing: text.dropFirst()), hyphen: true, leadingDigit: true)
        case .destination: NameGrammar.dotted(text, hyphen: true, leadingDigit: false)
        case .replySerial, .signature: nil
        }
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
            return field.fault(of: utf8)
        }
        if let fault { throw DBusError(code: .malformed, "the \(field) \"\(text.prefix(300))\" of a message: \(fault)") }
    }

    /// Header and body as one block, the body's length stated in the header; after it this writer must not write.
    fileprivate mutating func finishMessage(bodyLengthAt offset: Int) throws(DBusEncodingError) -> MarshalledBytes {
        if let failure { throw failure }
        base?.storeBytes(of: UInt32(truncatingIfNeeded: count), toByteOffset: offset, as: UInt32.self)
        return try finishMessage()
    }

    /// Whether the body is what its signature says.
    fileprivate func check(against signature: Signature) throws(BodyValidator.Fault) {
        let body = UnsafeRawBufferPointer(start: base.map { $0 + bodyStart }, count: base == nil ? 0 : count)
        var text = signature.text
        // The two-step result keeps the typed error through a closure that may not throw it.
        let fault = text.withUTF8 { types -> BodyValidator.Fault? in
            do throws(BodyValidator.Fault) {
                try BodyValidator.check(body, against: UnsafeRawBufferPointer(types))
                return nil
            } catch {
                return error
            }
        }
        if let fault { throw fault }
    }
}
