import CDBus
import Glibc
import Synchronization

/// A D-Bus message, received or to be sent. Immutable.
///
/// `@unchecked Sendable`: nothing here changes the message after it was made; libdbus counts references atomically; the header cache of
/// libdbus is filled before anyone else can see the message; the marshalled bytes are behind a mutex.
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

    /// What is asked for again and again of a message that arrived, as Swift strings.
    private struct Route {
        let path: String?
        let interface: String?
        let member: String?
        let sender: String?

        init(_ pointer: OpaquePointer) {
            path = dbus_message_get_path(pointer).map(String.init(cString:))
            interface = dbus_message_get_interface(pointer).map(String.init(cString:))
            member = dbus_message_get_member(pointer).map(String.init(cString:))
            sender = dbus_message_get_sender(pointer).map(String.init(cString:))
        }
    }

    let pointer: OpaquePointer
    private let cache: Mutex<MarshalledBytes?>
    private let route: Route?

    /// Takes over one reference.
    /// - Parameter arrived: whether its header is worth reading once for all.
    init(adopting pointer: OpaquePointer, bytes: MarshalledBytes? = nil, arrived: Bool = false) {
        self.pointer = pointer
        cache = Mutex(bytes)
        route = arrived ? Route(pointer) : nil
        // One of these two is absent from every message, and asking for an absent field fills libdbus's cache of the header.
        _ = dbus_message_get_reply_serial(pointer)
        _ = dbus_message_get_path(pointer)
    }

    deinit { dbus_message_unref(pointer) }

    public var kind: Kind {
        switch dbus_message_get_type(pointer) {
        case DBUS_MESSAGE_TYPE_METHOD_CALL: .methodCall
        case DBUS_MESSAGE_TYPE_METHOD_RETURN: .methodReturn
        case DBUS_MESSAGE_TYPE_ERROR: .error
        default: .signal
        }
    }

    /// The number the sender gave it; 0 until it is sent.
    public var serial: UInt32 { dbus_message_get_serial(pointer) }
    /// The serial of the call it answers; 0 for calls and signals.
    public var replySerial: UInt32 { dbus_message_get_reply_serial(pointer) }
    public var path: String? { (route ?? Route(pointer)).path }
    public var interface: String? { (route ?? Route(pointer)).interface }
    public var member: String? { (route ?? Route(pointer)).member }
    public var errorName: String? { dbus_message_get_error_name(pointer).map(String.init(cString:)) }
    /// The unique name of the sender, as the bus states it; absent on private connections.
    public var sender: String? { (route ?? Route(pointer)).sender }
    public var destination: String? { dbus_message_get_destination(pointer).map(String.init(cString:)) }
    public var signature: String { dbus_message_get_signature(pointer).map(String.init(cString:)) ?? "" }
    public var isNoReplyExpected: Bool { dbus_message_get_no_reply(pointer) != 0 }
    public var isNoAutoStart: Bool { dbus_message_get_auto_start(pointer) == 0 }
    public var containsUnixFDs: Bool { dbus_message_contains_unix_fds(pointer) != 0 }

    public var flags: Flags {
        var flags: Flags = []
        if isNoReplyExpected { flags.insert(.noReplyExpected) }
        if isNoAutoStart { flags.insert(.noAutoStart) }
        if dbus_message_get_allow_interactive_authorization(pointer) != 0 { flags.insert(.allowInteractiveAuthorization) }
        return flags
    }

    var firstType: UInt8? { dbus_message_get_signature(pointer).flatMap { $0.pointee == 0 ? nil : UInt8(bitPattern: $0.pointee) } }

    /// Whether the body is of exactly these types, without making a `String`.
    public func hasSignature(_ signature: StaticString) -> Bool {
        guard let own = dbus_message_get_signature(pointer) else { return signature.utf8CodeUnitCount == 0 }
        return signature.hasPointerRepresentation
            && signature.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) { strcmp(own, $0) } == 0
    }

    /// Header and body as on the wire.
    private var bytes: MarshalledBytes {
        cache.withLock { cached in
            if let cached { return cached }
            var memory: UnsafeMutablePointer<CChar>?
            var count: Int32 = 0
            let made = dbus_message_marshal(pointer, &memory, &count) != 0
            // Not for ever: the next reader may find room.
            guard made else { return MarshalledBytes(isMissing: true) }
            let bytes = MarshalledBytes(adopting: memory, count: Int(count))
            cached = bytes
            return bytes
        }
    }

    /// Where the body starts in the marshalled bytes: the header is 12 bytes and an array of fields, padded to 8.
    private static func bodyStart(_ bytes: MarshalledBytes) -> (start: Int, bigEndian: Bool)? {
        guard let base = bytes.base, bytes.count >= 16 else { return nil }
        let bigEndian = base.load(as: UInt8.self) == UInt8(ascii: "B")
        let raw = base.loadUnaligned(fromByteOffset: 12, as: UInt32.self)
        let start = (16 + Int(bigEndian ? UInt32(bigEndian: raw) : UInt32(littleEndian: raw)) + 7) & ~7
        return start <= bytes.count ? (start, bigEndian) : nil
    }

    /// The size of the body in bytes.
    public var bodySize: Int {
        let bytes = bytes
        return Self.bodyStart(bytes).map { bytes.count - $0.start } ?? 0
    }

    /// The size of header and body in bytes.
    public var size: Int { bytes.count }

    /// A cursor at the start of the body. The bytes are copied out of libdbus once per message.
    public var reader: BodyReader {
        let bytes = bytes
        guard let (start, bigEndian) = Self.bodyStart(bytes) else {
            return BodyReader(bytes: bytes.isMissing ? bytes : MarshalledBytes(), from: 0, count: 0, bigEndian: false)
        }
        return BodyReader(bytes: bytes, from: start, count: bytes.count - start, bigEndian: bigEndian)
    }

    /// The body as trees. The only way to its file descriptors, of which each use makes new duplicates.
    public func values() throws(DBusDecodingError) -> [DBusValue] {
        if containsUnixFDs { return try IteratorCodec.values(of: pointer) }
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
