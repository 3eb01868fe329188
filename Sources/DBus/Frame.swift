/// What a frame of a private connection is, by its number. Docs/Protocol.md, "Frames".
enum FrameKind: UInt8, Sendable {
    case call = 1
    case reply = 2
    case error = 3
    case ping = 4
    case pong = 5

    /// Whether it carries a message, and not only itself.
    var isMessage: Bool { self != .ping && self != .pong }

    /// Whether it answers a frame of the other side.
    var isAnswer: Bool { self == .reply || self == .error || self == .pong }
}

/// Why bytes are no frame: the fault of who wrote them. It ends the connection.
struct FrameFault: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The fixed start of every frame. Numbers are in this machine's byte order: a socket leads to no other machine.
struct FrameHeader: Hashable, Sendable {
    /// The bytes of the fixed start.
    static let size = 24
    /// The most bytes of a frame, this start included.
    static let largestFrame = 32 << 20
    /// The most bytes of its fields.
    static let largestFields = 128 << 10
    /// The flag of a call whose sender wants no reply.
    static let noReplyWanted: UInt8 = 1
    /// The caller is prepared to wait for a person to authorize it.
    static let interactive: UInt8 = 2

    var kind: FrameKind
    var flags: UInt8 = 0
    /// The number of the member that is called; 0 where the fields name it.
    var member: UInt16 = 0
    /// The sender's number of this frame.
    var serial: UInt32
    /// The serial of the frame that this one answers; 0 in a call and a ping.
    var answers: UInt32 = 0
    /// The bytes of the fields.
    var fieldsLength = 0
    var bodyLength = 0

    init(_ kind: FrameKind, serial: UInt32) {
        self.kind = kind
        self.serial = serial
    }

    /// The bytes of the whole frame.
    var length: Int { bodyStart + bodyLength }

    /// Where the body starts.
    var bodyStart: Int { Self.size + fieldsLength }

    /// Reads and checks the fixed start; nothing is believed of the rest before.
    /// - Parameter bytes: at least ``size`` of them.
    init(reading bytes: UnsafeRawBufferPointer) throws(FrameFault) {
        guard bytes.count >= Self.size else { throw FrameFault("a frame has \(Self.size) bytes at least") }
        let length = bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)
        guard length >= Self.size else { throw FrameFault("a frame says that it has \(length) bytes, fewer than its own start") }
        guard length <= Self.largestFrame else {
            throw FrameFault("a frame says that it has \(length) bytes; \(Self.largestFrame) are the most")
        }
        guard let kind = FrameKind(rawValue: bytes[4]) else { throw FrameFault("frames of kind \(bytes[4]) are not known") }
        self.kind = kind
        flags = bytes[5]
        member = bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self)
        serial = bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
        answers = bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self)
        let fields = bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
        guard bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self) == 0 else { throw FrameFault("bytes 20 to 23 of a frame are not 0") }
        guard fields & 7 == 0, fields <= Self.largestFields, fields <= length - UInt32(Self.size) else {
            throw FrameFault("a frame of \(length) bytes says that its fields have \(fields)")
        }
        fieldsLength = Int(fields)
        bodyLength = Int(length) - Self.size - fieldsLength
        try checkKind()
    }

    private func checkKind() throws(FrameFault) {
        guard flags & ~(kind == .call ? Self.noReplyWanted | Self.interactive : 0) == 0 else {
            throw FrameFault("a \(kind) has the flags \(flags)")
        }
        guard member == 0 || kind == .call else { throw FrameFault("a \(kind) has a member") }
        guard serial != 0 else { throw FrameFault("a frame has the serial 0") }
        guard (answers != 0) == kind.isAnswer else { throw FrameFault("a \(kind) answers frame \(answers)") }
        guard kind.isMessage || length == Self.size else { throw FrameFault("a \(kind) has \(length) bytes") }
    }

    /// Writes the fixed start.
    func write(to place: UnsafeMutableRawPointer) {
        place.storeBytes(of: UInt32(truncatingIfNeeded: length), as: UInt32.self)
        place.storeBytes(of: kind.rawValue, toByteOffset: 4, as: UInt8.self)
        place.storeBytes(of: flags, toByteOffset: 5, as: UInt8.self)
        place.storeBytes(of: member, toByteOffset: 6, as: UInt16.self)
        place.storeBytes(of: serial, toByteOffset: Self.serialAt, as: UInt32.self)
        place.storeBytes(of: answers, toByteOffset: 12, as: UInt32.self)
        place.storeBytes(of: UInt32(truncatingIfNeeded: fieldsLength), toByteOffset: 16, as: UInt32.self)
        place.storeBytes(of: 0, toByteOffset: 20, as: UInt32.self)
    }
}

/// One whole frame as it arrived.
struct Frame: Sendable {
    let header: FrameHeader
    /// All of it, from the fixed start on.
    let bytes: MarshalledBytes
}
