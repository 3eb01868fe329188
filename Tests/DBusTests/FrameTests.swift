import Testing

@testable import DBus

let frameMembers = MemberNumbers([
    0x0101: MemberNumbers.Name(testInterface, MemberName(staticString: "Echo")),
    0x0102: MemberNumbers.Name(testInterface, MemberName(staticString: "Never")),
])

/// A frame as bytes, of parts that need not fit together.
struct RawFrame {
    var kind = FrameKind.call.rawValue
    var flags: UInt8 = 0
    var member: UInt16 = 0x0101
    var serial: UInt32 = 1
    var answers: UInt32 = 0
    var reserved: UInt32 = 0
    var fields: [UInt8] = Self.field(1, "/a")
    var body: [UInt8] = []
    /// What it says of its length and of its fields', where that is a lie.
    var length: UInt32?
    var fieldsLength: UInt32?

    static func field(_ code: UInt8, _ text: String, second: UInt8 = 0, length: UInt16? = nil) -> [UInt8] {
        var bytes = [code, second] + number(length ?? UInt16(text.utf8.count)) + Array(text.utf8)
        while bytes.count & 7 != 0 { bytes.append(0) }
        return bytes
    }

    static func number(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    static func bare(_ kind: FrameKind, serial: UInt32, answering answers: UInt32 = 0) -> RawFrame {
        RawFrame(kind: kind.rawValue, member: 0, serial: serial, answers: answers, fields: [])
    }

    var bytes: [UInt8] {
        Self.number(length ?? UInt32(24 + fields.count + body.count)) + [kind, flags] + Self.number(member) + Self.number(serial)
            + Self.number(answers) + Self.number(fieldsLength ?? UInt32(fields.count)) + Self.number(reserved) + fields + body
    }
}

/// What comes of a stream that is read in pieces of so many bytes: the frames that are complete, and what is wrong with the next.
func assemble(_ bytes: [UInt8], piece: Int = .max) -> (frames: [Frame], fault: String?) {
    var assembler = FrameAssembler()
    var frames: [Frame] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        let part = Array(rest.prefix(piece))
        rest = rest.dropFirst(part.count)
        let fault = part.withUnsafeBytes { part -> FrameFault? in
            do throws(FrameFault) {
                try assembler.take(part, &frames)
                return nil
            } catch {
                return error
            }
        }
        if let fault { return (frames, fault.description) }
    }
    return (frames, nil)
}

/// What is wrong with one frame; nil: nothing is.
private func fault(_ frame: RawFrame) -> String? {
    let (frames, fault) = assemble(frame.bytes)
    if let fault { return fault }
    guard let frame = frames.first else { return "incomplete" }
    guard frame.header.kind.isMessage else { return nil }
    do throws(FrameFault) {
        _ = try FrameMessage(checking: frame, frameMembers)
        return nil
    } catch {
        return error.description
    }
}

extension FrameStart {
    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0xFF, count: count)
        bytes.withUnsafeMutableBytes { if let place = $0.baseAddress { write(to: place) } }
        return bytes
    }
}

@Suite struct FrameTests {
    @Test("a frame is read as it was written, a member by its number, and one without a number by its name")
    func roundTrip() throws {
        var random = RandomValues(seed: 12)
        for index in 0..<500 {
            let values = (0..<index % 4).map { _ in random.value(depth: 2) }
            let isKnown = index & 1 == 0
            let message = try Message.methodCall(
                destination: nil, path: testPath, interface: testInterface, member: MemberName(verified: isKnown ? "Echo" : "Other"),
                flags: [index & 2 == 0 ? .noReplyExpected : [], index & 4 == 0 ? .allowInteractiveAuthorization : []], values: values)
            var bytes = try message.frameStart(serial: 1, frameMembers).bytes
            message.withBody { memory, range in
                bytes += UnsafeRawBufferPointer(start: memory.base, count: memory.count)[range]
            }
            let (frames, problem) = assemble(bytes, piece: 1 + index % 40)
            #expect(problem == nil)
            let frame = try #require(frames.first)
            #expect(frames.count == 1 && frame.header.length == bytes.count)
            #expect(frame.header.member == (isKnown ? 0x0101 : 0))
            let read = try FrameMessage(checking: frame, frameMembers)
            #expect(read.fields.path == testPath.text && read.fields.interface == testInterface.text)
            #expect(read.fields.member == (isKnown ? "Echo" : "Other"))
            #expect(read.fields.signature ?? "" == message.signature)
            #expect((frame.header.flags & 1 == 1) == message.isNoReplyExpected)
            #expect((frame.header.flags & 2 == 2) == message.flags.contains(.allowInteractiveAuthorization))
        }
    }

    @Test("a stream is the same frames, wherever it is cut")
    func cuts() {
        var stream: [UInt8] = []
        for serial in 1...40 as ClosedRange<UInt32> {
            var frame = RawFrame(serial: serial)
            if serial & 1 == 0 { frame = .bare(.ping, serial: serial) }
            if serial % 7 == 0 {
                frame = RawFrame(serial: serial, fields: RawFrame.field(1, "/a") + RawFrame.field(5, "ay"))
                frame.body = RawFrame.number(UInt32(9000)) + [UInt8](repeating: 7, count: 9000)
            }
            stream += frame.bytes
        }
        for piece in [1, 3, 23, 24, 25, 1000, 9024, 9025, stream.count] {
            let (frames, fault) = assemble(stream, piece: piece)
            #expect(fault == nil)
            #expect(frames.map(\.header.serial) == Array(1...40))
            #expect(frames.reduce(0) { $0 + $1.bytes.count } == stream.count)
        }
        #expect(assemble(Array(stream.dropLast())).frames.count == 39)
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let frame: RawFrame
        let words: String

        init(_ description: String, _ words: String, _ change: (inout RawFrame) -> Void) {
            testDescription = description
            var frame = RawFrame()
            change(&frame)
            self.frame = frame
            self.words = words
        }
    }

    static let bad: [Bad] = [
        Bad("shorter than its own start", "fewer than its own start") { $0.length = 23 },
        Bad("of no length", "fewer than its own start") { $0.length = 0 },
        Bad("oversized", "33554432 are the most") { $0.length = (32 << 20) + 1 },
        Bad("of the largest number", "33554432 are the most") { $0.length = .max },
        Bad("of an unknown kind", "kind 6 are not known") { $0.kind = 6 },
        Bad("of kind 0", "kind 0 are not known") { $0.kind = 0 },
        Bad("of a kind of batches to come", "kind 16 are not known") { $0.kind = 16 },
        Bad("with unknown flags", "has the flags 4") { $0.flags = 4 },
        Bad("with the serial 0", "serial 0") { $0.serial = 0 },
        Bad("out of order", "frame 2 comes where 1 was to come") { $0.serial = 2 },
        Bad("a call that answers", "a call answers frame 3") { $0.answers = 3 },
        Bad("with something in what is reserved", "bytes 20 to 23") { $0.reserved = 1 },
        Bad("fields past the frame", "says that its fields have 64") { $0.fieldsLength = 64 },
        Bad("fields past all bounds", "says that its fields have 4294967288") { $0.fieldsLength = .max - 7 },
        Bad("fields of an odd length", "says that its fields have 4") { $0.fieldsLength = 4 },
        Bad("more fields than are allowed", "says that its fields have 131080") {
            $0.length = 1 << 20
            $0.fieldsLength = (128 << 10) + 8
        },
        Bad("a field past the fields", "the path runs past the fields") { $0.fields = RawFrame.field(1, "/a", length: 5000) },
        Bad("a field that overlaps the next", "is not 0") { $0.fields = RawFrame.field(1, "/a", length: 1) + RawFrame.field(5, "s") },
        Bad("an unknown field", "code 9 are not known") { $0.fields += RawFrame.field(9, "x") },
        Bad("a field twice", "the path comes twice") { $0.fields += RawFrame.field(1, "/b") },
        Bad("fields out of order", "the path comes twice, or out of order") {
            $0.fields = RawFrame.field(5, "s") + RawFrame.field(1, "/b")
        },
        Bad("a field with a second byte", "byte 1 of the path") { $0.fields = RawFrame.field(1, "/a", second: 1) },
        Bad("no path", "a call has no path") { $0.fields = [] },
        Bad("a path that is none", "it is no object path") { $0.fields = RawFrame.field(1, "/a/") },
        Bad("an empty path", "it is no object path") { $0.fields = RawFrame.field(1, "") },
        Bad("an unknown member", "no member has the number 771") { $0.member = 0x0303 },
        Bad("neither a number nor a name", "a call has no member") { $0.member = 0 },
        Bad("both a number and a name", "names its member and has the number 257") { $0.fields += RawFrame.field(3, "Echo") },
        Bad("an interface that is none", "the interface of a frame") { $0.fields += RawFrame.field(2, "nodots") },
        Bad("a member that is none", "the member of a frame") { $0.fields += RawFrame.field(3, "no-member") },
        Bad("a call with the name of an error", "has the name of an error") { $0.fields += RawFrame.field(4, "a.b") },
        Bad("a signature that is none", "the signature is none") { $0.fields += RawFrame.field(5, "a") },
        Bad("a signature with a control character", "the signature of a frame") { $0.fields += RawFrame.field(5, "s\u{1}") },
        Bad("a body without a signature", "there is more than the signature says") { $0.body = [1, 2, 3, 4] },
        Bad("a signature without a body", "it ends too early") { $0.fields += RawFrame.field(5, "u") },
        Bad("a body that says more than is there", "a text is longer than the body") {
            $0.fields += RawFrame.field(5, "s")
            $0.body = [255, 0, 0, 0, 65, 0]
        },
        Bad("a file descriptor in the body", "a file descriptor can only be sent") {
            $0.fields += RawFrame.field(5, "h")
            $0.body = [0, 0, 0, 0]
        },
        Bad("a reply to nothing", "a reply answers frame 0") {
            $0 = RawFrame(kind: FrameKind.reply.rawValue, member: 0, fields: [])
        },
        Bad("a reply with a path", "has a path or a member") { $0 = RawFrame(kind: FrameKind.reply.rawValue, member: 0, answers: 1) },
        Bad("a reply with the number of a member", "a reply has a member") {
            $0 = RawFrame(kind: FrameKind.reply.rawValue, answers: 1, fields: [])
        },
        Bad("an error without a name", "an error has no name") {
            $0 = RawFrame(kind: FrameKind.error.rawValue, member: 0, answers: 1, fields: [])
        },
        Bad("a ping with a body", "a ping has 28 bytes") {
            $0 = .bare(.ping, serial: 1)
            $0.body = [0, 0, 0, 0]
        },
        Bad("a pong to nothing", "a pong answers frame 0") { $0 = .bare(.pong, serial: 1) },
    ]

    @Test("bad frames: each is refused with what is wrong with it", arguments: bad)
    func refusals(bad: Bad) throws {
        let reason = try #require(fault(bad.frame))
        #expect(reason.contains(bad.words), "\(reason)")
    }

    @Test("good frames are not refused: a ping, a pong, a reply, an error, a call with a body")
    func good() {
        #expect(fault(RawFrame()) == nil)
        #expect(fault(.bare(.ping, serial: 1)) == nil)
        #expect(fault(.bare(.pong, serial: 1, answering: 7)) == nil)
        #expect(fault(RawFrame(kind: FrameKind.reply.rawValue, member: 0, answers: 1, fields: [])) == nil)
        #expect(fault(RawFrame(kind: FrameKind.error.rawValue, member: 0, answers: 1, fields: RawFrame.field(4, "a.b"))) == nil)
        var call = RawFrame(fields: RawFrame.field(1, "/a") + RawFrame.field(5, "s"))
        call.body = RawFrame.number(UInt32(1)) + [65, 0]
        #expect(fault(call) == nil)
    }

    @Test("serials go on with 1 after the last number there is")
    func serialsBegin() throws {
        var assembler = FrameAssembler(after: .max - 1)
        var frames: [Frame] = []
        let stream = RawFrame.bare(.ping, serial: .max).bytes + RawFrame.bare(.ping, serial: 1).bytes
        try stream.withUnsafeBytes { try assembler.take($0, &frames) }
        #expect(frames.map(\.header.serial) == [.max, 1])
    }

    @Test("a frame that says it is large reserves no memory before it has arrived")
    func lyingLength() throws {
        var assembler = FrameAssembler()
        var frames: [Frame] = []
        let frame = RawFrame(length: 32 << 20)
        try frame.bytes.withUnsafeBytes { try assembler.take($0, &frames) }
        #expect(frames.isEmpty && assembler.isWithinFrame)
        #expect(assembler.reservedBytes <= 4096)
    }

    @Test("what does not fit a frame is refused before anything is sent: a path of 64 KiB, 32 MiB of body, a signal")
    func tooMuch() throws {
        let path = ObjectPath(verified: "/" + String(repeating: "a", count: 65_535))
        let long = try Message.methodCall(destination: nil, path: path, interface: nil, member: MemberName(verified: "M"))
        #expect(throws: DBusError.self) { try long.frameStart(serial: 1, frameMembers) }
        let large = try Message.methodCall(
            destination: nil, path: testPath, interface: nil, member: MemberName(verified: "M"),
            values: [.bytes([UInt8](repeating: 0, count: 32 << 20))])
        #expect(throws: DBusError.self) { try large.frameStart(serial: 1, frameMembers) }
        let signal = try Message.signal(path: testPath, interface: testInterface, member: MemberName(verified: "M"))
        #expect(throws: DBusError.self) { try signal.frameStart(serial: 1, frameMembers) }
    }
}
