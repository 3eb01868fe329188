import CDBus
import Glibc
import Synchronization

/// A D-Bus message, received or to be sent. Immutable.
///
/// `@unchecked Sendable`: nothing here changes the message after it was made, but for the serial in the header, which is atomic; libdbus counts
/// references atomically; the header cache of libdbus is filled before anyone else can see the message.
public final class Message: @unchecked Sendable {
    public enum Kind: Hashable, Sendable {
        case methodCall, methodReturn, error, signal
    }

    /// The flags of a header.
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The sender wants no reply.
        public static let noReplyExpected = Flags(rawValue: 1)
        /// The bus shall not start a service for it.
        public static let noAutoStart = Flags(rawValue: 2)
        /// The caller is prepared to wait for a person to authorise it.
        public static let allowInteractiveAuthorization = Flags(rawValue: 4)
    }

    /// What only a message that was written here has beside what every message has.
    private struct Made {
        let destination: String?
        let errorName: String?
        let signature: Signature
    }

    /// libdbus's message, if it holds this one: it arrived, or carries file descriptors. Else it was written here.
    let pointer: OpaquePointer?
    private let made: Made?
    /// Header and body as on the wire.
    private let bytes: MarshalledBytes
    /// Where the body starts in them, and in whose byte order it is; nil where there are no bytes.
    private let bodyPlace: (start: Int, bigEndian: Bool)?
    /// The private connection by which it came; nil: it came by the bus, or was written here.
    public let arrival: PrivateConnection?
    /// What a message that was written here was sent as; 0 before that.
    private let sentAs = Atomic<UInt32>(0)

    /// One of libdbus's numbers.
    let type: Int32
    public let flags: Flags
    /// The serial of the call it answers; 0 for calls and signals.
    public let replySerial: UInt32
    public let path: String?
    public let interface: String?
    public let member: String?
    /// The unique name of the sender, as the bus states it; absent on private connections.
    public let sender: String?

    /// Takes over one reference. What is asked for again and again is read at once, and the bytes are copied out of libdbus.
    init(adopting pointer: OpaquePointer) {
        self.pointer = pointer
        made = nil
        type = dbus_message_get_type(pointer)
        var flags: Flags = []
        if dbus_message_get_no_reply(pointer) != 0 { flags.insert(.noReplyExpected) }
        if dbus_message_get_auto_start(pointer) == 0 { flags.insert(.noAutoStart) }
        if dbus_message_get_allow_interactive_authorization(pointer) != 0 { flags.insert(.allowInteractiveAuthorization) }
        self.flags = flags
        // One of these two is absent from every message, and asking for an absent field fills libdbus's cache of the header.
        replySerial = dbus_message_get_reply_serial(pointer)
        path = dbus_message_get_path(pointer).map(String.init(cString:))
        interface = dbus_message_get_interface(pointer).map(String.init(cString:))
        member = dbus_message_get_member(pointer).map(String.init(cString:))
        sender = dbus_message_get_sender(pointer).map(String.init(cString:))
        var memory: UnsafeMutablePointer<CChar>?
        var count: Int32 = 0
        let isThere = dbus_message_marshal(pointer, &memory, &count) != 0
        bytes = isThere ? MarshalledBytes(adopting: memory, count: Int(count)) : MarshalledBytes(isMissing: true)
        bodyPlace = Self.bodyPlace(in: bytes)
        arrival = nil
    }

    /// - Parameter bytes: header and body, valid, with any serial.
    init(_ header: MessageHeader, _ signature: Signature, _ bytes: MarshalledBytes) {
        pointer = nil
        made = Made(destination: header.destination, errorName: header.errorName, signature: signature)
        type = header.kind
        flags = header.flags
        replySerial = header.replySerial
        path = header.path
        interface = header.interface
        member = header.member
        sender = nil
        self.bytes = bytes
        bodyPlace = Self.bodyPlace(in: bytes)
        arrival = nil
    }

    /// A call, a reply or an error that came as a frame.
    init(_ message: FrameMessage, from connection: PrivateConnection) {
        let (frame, fields) = (message.frame, message.fields)
        pointer = nil
        made = Made(destination: nil, errorName: fields.errorName, signature: Signature(verified: fields.signature ?? ""))
        type =
            switch frame.header.kind {
            case .call: DBUS_MESSAGE_TYPE_METHOD_CALL
            case .error: DBUS_MESSAGE_TYPE_ERROR
            default: DBUS_MESSAGE_TYPE_METHOD_RETURN
            }
        flags = frame.header.kind != .call || frame.header.flags & FrameHeader.noReplyWanted != 0 ? .noReplyExpected : []
        replySerial = frame.header.answers
        path = fields.path
        interface = fields.interface
        member = fields.member
        sender = connection.peer.text
        bytes = frame.bytes
        bodyPlace = (frame.header.bodyStart, BodyReader.hostIsBigEndian)
        arrival = connection
        sentAs.store(frame.header.serial, ordering: .relaxed)
    }

    deinit {
        if let pointer { dbus_message_unref(pointer) }
    }

    /// What is to be written to the socket of a message that was written here; nil where there is no memory for a second copy. libdbus sends
    /// the others.
    func numbered(_ serial: UInt32) -> MarshalledBytes? {
        var bytes = bytes
        if sentAs.exchange(serial, ordering: .relaxed) != 0 {
            bytes = MarshalledBytes(copying: UnsafeRawBufferPointer(start: bytes.base, count: bytes.count))
        }
        guard let base = bytes.base else { return nil }
        base.storeBytes(of: serial, toByteOffset: MessageHeader.serialAt, as: UInt32.self)
        return bytes
    }

    public var kind: Kind {
        switch type {
        case DBUS_MESSAGE_TYPE_METHOD_CALL: .methodCall
        case DBUS_MESSAGE_TYPE_METHOD_RETURN: .methodReturn
        case DBUS_MESSAGE_TYPE_ERROR: .error
        default: .signal
        }
    }

    /// The number the sender gave it; 0 until it is sent.
    public var serial: UInt32 { pointer.map { dbus_message_get_serial($0) } ?? sentAs.load(ordering: .relaxed) }
    public var errorName: String? {
        pointer.map { dbus_message_get_error_name($0).map(String.init(cString:)) } ?? made?.errorName
    }
    public var destination: String? {
        pointer.map { dbus_message_get_destination($0).map(String.init(cString:)) } ?? made?.destination
    }
    public var signature: String { signatureText.map(String.init(cString:)) ?? made?.signature.text ?? "" }
    public var isNoReplyExpected: Bool { flags.contains(.noReplyExpected) }
    public var isNoAutoStart: Bool { flags.contains(.noAutoStart) }
    public var containsUnixFDs: Bool { pointer.map { dbus_message_contains_unix_fds($0) != 0 } ?? false }

    /// libdbus's, which lives as long as the message.
    private var signatureText: UnsafePointer<CChar>? { pointer.flatMap { dbus_message_get_signature($0) } }

    /// The code of the first type of the body.
    var firstType: UInt8? {
        if let made { return made.signature.text.utf8.first }
        return signatureText.flatMap { $0.pointee == 0 ? nil : UInt8(bitPattern: $0.pointee) }
    }

    /// Whether the body is of exactly these types, without making a `String`.
    public func hasSignature(_ signature: StaticString) -> Bool {
        if let made { return made.signature.text == signature.description }
        guard let own = signatureText else { return signature.utf8CodeUnitCount == 0 }
        return signature.hasPointerRepresentation
            && signature.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) { strcmp(own, $0) } == 0
    }

    /// The same for types that are known as text.
    func hasSignature(_ signature: String) -> Bool {
        if let made { return made.signature.text == signature }
        guard let own = signatureText else { return signature.isEmpty }
        let count = signature.utf8.count
        return strlen(own) == count && signature.withCString { memcmp(own, $0, count) } == 0
    }

    /// Where the body starts in the marshalled bytes: the header is 12 bytes and an array of fields, padded to 8.
    private static func bodyPlace(in bytes: MarshalledBytes) -> (start: Int, bigEndian: Bool)? {
        guard let base = bytes.base, bytes.count >= 16 else { return nil }
        let bigEndian = base.load(as: UInt8.self) == UInt8(ascii: "B")
        let raw = base.loadUnaligned(fromByteOffset: 12, as: UInt32.self)
        let start = (16 + Int(bigEndian ? UInt32(bigEndian: raw) : UInt32(littleEndian: raw)) + 7) & ~7
        return start <= bytes.count ? (start, bigEndian) : nil
    }

    /// The size of the body in bytes.
    public var bodySize: Int {
        bodyPlace.map { bytes.count - $0.start } ?? 0
    }

    /// The size of header and body in bytes.
    public var size: Int { bytes.count }

    /// A cursor at the start of the body.
    public var reader: BodyReader {
        guard let (start, bigEndian) = bodyPlace else {
            return BodyReader(bytes: bytes.isMissing ? bytes : MarshalledBytes(), from: 0, count: 0, bigEndian: false)
        }
        return BodyReader(bytes: bytes, from: start, count: bytes.count - start, bigEndian: bigEndian)
    }

    /// The bytes of the body, as part of the memory that has them.
    func withBody(_ body: (MarshalledBytes, Range<Int>) -> Void) {
        body(bytes, (bodyPlace?.start ?? bytes.count)..<bytes.count)
    }

    /// The body as trees. The only way to its file descriptors, of which each use makes new duplicates.
    public func values() throws(DBusDecodingError) -> [DBusValue] {
        if let pointer, containsUnixFDs { return try IteratorCodec.values(of: pointer) }
        var reader = reader
        return try reader.readValues(Signature(verified: signature))
    }
}

extension Message: CustomStringConvertible {
    /// One line for logs; never the body.
    public var description: String {
        let name = [interface, member].compactMap(\.self).joined(separator: ".")
        return "\(kind) \(serial) \(sender ?? "-") -> \(destination ?? "-") \(path ?? "") \(name)\(errorName ?? "") (\(signature))"
    }
}
