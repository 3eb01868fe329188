import CDBus
import Glibc
import Synchronization

/// A D-Bus message, received or to be sent. Immutable.
///
/// `@unchecked Sendable`: nothing here changes after the message was made, but for the serial in the header, which is atomic.
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

    /// What is seldom asked for: as text, or where it lies in the bytes.
    private enum Rest {
        case made(destination: String?, errorName: String?, signature: Signature)
        case received(destination: ReceivedHeader.Place, errorName: ReceivedHeader.Place, signature: ReceivedHeader.Place)
    }

    private let rest: Rest
    /// Header and body as on the bus's wire; of a message that came as a frame, the frame; of one that was made for a private connection, the body.
    private let bytes: MarshalledBytes
    /// Where the body starts in them, and in whose byte order it is.
    private let bodyStart: Int
    private let isBigEndian: Bool
    /// The private connection by which it came; nil: it came by the bus, or was written here.
    public let arrival: PrivateConnection?
    /// Whether it has the bus's header.
    let hasHeader: Bool
    /// Its serial: what it came with, or what it was sent as; 0 before that.
    private let sentAs = Atomic<UInt32>(0)

    /// One of the protocol's numbers.
    let type: Int32
    public let flags: Flags
    /// The serial of the call it answers; 0 for calls and signals.
    public let replySerial: UInt32
    public let path: String?
    public let interface: String?
    public let member: String?
    /// The unique name of the sender, as the bus states it; absent on private connections.
    public let sender: String?

    /// - Parameter bytes: all of it, which has been checked, as has the header.
    init(received bytes: MarshalledBytes, _ header: ReceivedHeader) {
        rest = .received(destination: header.destination, errorName: header.errorName, signature: header.signature)
        type = Int32(header.start.type)
        flags = Flags(rawValue: header.start.flags).intersection(Self.knownFlags)
        replySerial = header.replySerial
        path = header.path
        interface = header.interface
        member = header.member
        sender = header.sender
        self.bytes = bytes
        bodyStart = header.start.bodyStart
        isBigEndian = header.start.isBigEndian
        arrival = nil
        hasHeader = true
        sentAs.store(header.start.serial, ordering: .relaxed)
    }

    private static let knownFlags: Flags = [.noReplyExpected, .noAutoStart, .allowInteractiveAuthorization]

    /// - Parameters:
    ///   - bytes: header and body, valid, with any serial; or the body alone.
    ///   - bodyStart: where the body starts in them.
    init(_ header: MessageHeader, _ signature: Signature, _ bytes: MarshalledBytes, bodyStart: Int) {
        rest = .made(destination: header.destination, errorName: header.errorName, signature: signature)
        type = header.kind
        flags = header.flags
        replySerial = header.replySerial
        path = header.path
        interface = header.interface
        member = header.member
        sender = nil
        self.bytes = bytes
        self.bodyStart = bodyStart
        isBigEndian = BodyReader.hostIsBigEndian
        arrival = nil
        hasHeader = bodyStart > 0
    }

    /// A call, a reply or an error that came as a frame.
    init(_ message: consuming FrameMessage, from connection: PrivateConnection) {
        let frame = message.frame
        let fields = message.fields
        rest = .made(destination: nil, errorName: fields.errorName, signature: Signature(verified: fields.signature ?? ""))
        type =
            switch frame.header.kind {
            case .call: DBUS_MESSAGE_TYPE_METHOD_CALL
            case .error: DBUS_MESSAGE_TYPE_ERROR
            default: DBUS_MESSAGE_TYPE_METHOD_RETURN
            }
        var flags: Flags = frame.header.kind != .call || frame.header.flags & FrameHeader.noReplyWanted != 0 ? .noReplyExpected : []
        if frame.header.flags & FrameHeader.interactive != 0 { flags.insert(.allowInteractiveAuthorization) }
        self.flags = flags
        replySerial = frame.header.answers
        path = fields.path
        interface = fields.interface
        member = fields.member
        sender = connection.peer.text
        bytes = frame.bytes
        bodyStart = frame.header.bodyStart
        isBigEndian = BodyReader.hostIsBigEndian
        arrival = connection
        hasHeader = false
        sentAs.store(frame.header.serial, ordering: .relaxed)
    }

    /// What is to be written to the socket, with this serial; nil where there is no memory for a second copy.
    func numbered(_ serial: UInt32) -> MarshalledBytes? {
        var bytes = bytes
        if sentAs.exchange(serial, ordering: .relaxed) != 0 {
            let copy = MarshalledBytes(copying: UnsafeRawBufferPointer(start: bytes.base, count: bytes.count))
            copy.descriptors = bytes.descriptors
            bytes = copy
        }
        guard let base = bytes.base else { return nil }
        let inOrder = isBigEndian ? serial.bigEndian : serial.littleEndian
        base.storeBytes(of: inOrder, toByteOffset: MessageHeader.serialAt, as: UInt32.self)
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
    public var serial: UInt32 { sentAs.load(ordering: .relaxed) }
    public var errorName: String? {
        switch rest {
        case .made(_, let errorName, _): errorName
        case .received(_, let place, _): text(place)
        }
    }
    public var destination: String? {
        switch rest {
        case .made(let destination, _, _): destination
        case .received(let place, _, _): text(place)
        }
    }
    public var signature: String {
        switch rest {
        case .made(_, _, let signature): signature.text
        case .received(_, _, let place): text(place) ?? ""
        }
    }
    public var isNoReplyExpected: Bool { flags.contains(.noReplyExpected) }
    public var isNoAutoStart: Bool { flags.contains(.noAutoStart) }
    public var containsUnixFDs: Bool { !bytes.descriptors.isEmpty }

    /// Its file descriptors, by their indices in the body.
    var descriptors: [FileDescriptorBox] { bytes.descriptors }

    private func text(_ place: ReceivedHeader.Place) -> String? {
        guard place.isThere, let base = bytes.base else { return nil }
        // It has been checked, and is ASCII.
        return String(decoding: place.bytes(in: base), as: UTF8.self)
    }

    /// Calls `body` with the types of the message's body.
    private func withTypes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch rest {
        case .made(_, _, let signature):
            var text = signature.text
            return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        case .received(_, _, let place):
            return body(bytes.base.map { place.bytes(in: $0) } ?? UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    /// The code of the first type of the body.
    var firstType: UInt8? { withTypes { $0.first } }

    /// Whether the body is of exactly these types, without making a `String`.
    public func hasSignature(_ signature: StaticString) -> Bool {
        signature.withUTF8Buffer { wanted in withTypes { Self.isEqual($0, UnsafeRawBufferPointer(wanted)) } }
    }

    /// The same for types that are known as text.
    func hasSignature(_ signature: String) -> Bool {
        var signature = signature
        return signature.withUTF8 { wanted in withTypes { Self.isEqual($0, UnsafeRawBufferPointer(wanted)) } }
    }

    private static func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        guard let first = a.baseAddress, let second = b.baseAddress else { return a.isEmpty }
        return memcmp(first, second, a.count) == 0
    }

    /// The size of the body in bytes.
    public var bodySize: Int { bytes.count - bodyStart }

    /// The size of header and body in bytes.
    public var size: Int { bytes.count }

    /// A cursor at the start of the body.
    public var reader: BodyReader { BodyReader(bytes: bytes, from: bodyStart, count: bytes.count - bodyStart, bigEndian: isBigEndian) }

    /// The bytes of the body, as part of the memory that has them.
    func withBody(_ body: (MarshalledBytes, Range<Int>) -> Void) { body(bytes, bodyStart..<bytes.count) }

    /// The body as trees, with the file descriptors that came along: the same ones at each use.
    public func values() throws(DBusDecodingError) -> [DBusValue] {
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
