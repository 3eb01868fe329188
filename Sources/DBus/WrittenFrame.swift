import CDBus
import Glibc

/// A frame that was written here in one piece: its fixed start, its fields and its body. Its serial is missing until it is sent, which is once.
///
/// `@unchecked Sendable`: written before anybody else sees it; the serial, on the loop that sends it.
struct WrittenFrame: @unchecked Sendable {
    let bytes: MarshalledBytes
    let bodyStart: Int

    /// - Parameters:
    ///   - header: without its lengths.
    ///   - fields: as they stand in a frame.
    ///   - name: of what is written, for the error.
    /// - Throws: what `body` throws; `.malformed` when the body is not what `signature` says; `.tooLarge` over the protocol's limits; nil where a
    ///   frame does not carry it.
    init?(
        _ header: FrameHeader, fields: UnsafeRawBufferPointer, _ signature: Signature, named name: @autoclosure () -> String,
        body: Message.BodyBuilder
    ) throws(DBusError) {
        var header = header
        var writer = BodyWriter(behind: FrameHeader.size, fields)
        if !signature.isEmpty {
            try body(&writer)
            // Before it is looked at, which takes as long again.
            if writer.count > FrameHeader.largestFrame { return nil }
            if writer.isDoubtful || Self.checksEverything { try writer.checkBody(signature, named: name()) }
        }
        header.fieldsLength = fields.count
        header.bodyLength = writer.count
        bodyStart = writer.bodyStart
        bytes = try writer.finishBody()
        guard header.length <= FrameHeader.largestFrame, let base = bytes.base else { return nil }
        header.write(to: base)
    }

    /// The answer to the frame with this serial.
    init?(replyTo serial: UInt32, _ signature: Signature, body: Message.BodyBuilder) throws(DBusError) {
        var header = FrameHeader(.reply, serial: 0)
        header.answers = serial
        var text = signature.text
        // A length of at most 255, so that it fits with what goes before and behind it.
        guard text.utf8.count <= NameGrammar.maximumLength else { return nil }
        let frame = withUnsafeTemporaryAllocation(byteCount: 264, alignment: 8) { room in
            let count = text.withUTF8 { FrameFields.store(signature: UnsafeRawBufferPointer($0), to: room) }
            return Result { () throws(DBusError) in
                try WrittenFrame(
                    header, fields: UnsafeRawBufferPointer(rebasing: room[..<count]), signature, named: "the reply", body: body)
            }
        }
        guard let frame = try frame.get() else { return nil }
        self = frame
    }

    /// Whether bodies are checked that were written type by type. Else only those are that have something in them whose form nobody here knows:
    /// the other side checks every body.
    static var checksEverything: Bool {
        #if DEBUG
            true
        #else
            false
        #endif
    }

    var count: Int { bytes.count }

    func number(_ serial: UInt32) { bytes.base?.storeBytes(of: serial, toByteOffset: FrameHeader.serialAt, as: UInt32.self) }

    /// The body, as a message's.
    var body: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes.base.map { $0 + bodyStart }, count: bytes.count - bodyStart)
    }
}

extension FrameHeader {
    /// Where the serial stands in a frame.
    static let serialAt = 8
}
