import Testing

@testable import DBus

/// Frames that are written in one piece, without a message.
@Suite struct WrittenFrameTests {
    private func call(_ member: String, _ signature: String) -> RepeatedCall {
        RepeatedCall(
            path: testPath, interface: testInterface, member: MemberName(verified: member), signature: Signature(verified: signature),
            frameMembers)
    }

    private func bytes(_ frame: WrittenFrame, serial: UInt32) -> [UInt8] {
        frame.number(serial)
        return Array(UnsafeRawBufferPointer(start: frame.bytes.base, count: frame.bytes.count))
    }

    /// As a message is carried.
    private func bytes(_ message: Message, serial: UInt32) throws -> [UInt8] {
        var bytes = try message.frameStart(serial: serial, frameMembers).bytes
        message.withBody { memory, range in bytes += UnsafeRawBufferPointer(start: memory.base, count: memory.count)[range] }
        return bytes
    }

    @Test("a call that is written as a frame is the frame that its message makes, with a number for the member and with a name")
    func calls() throws {
        for member in ["Echo", "Other"] {
            for flags in [[], .noReplyExpected, .allowInteractiveAuthorization, [.noReplyExpected, .noAutoStart]] as [Message.Flags] {
                let call = call(member, "sa{sv}")
                let body: Message.BodyBuilder = { writer in
                    writer.append(string: "Größe")
                    let array = writer.beginArray(elementAlignment: 8)
                    writer.beginDictEntry()
                    writer.append(string: "key")
                    writer.beginVariant("u")
                    writer.append(uint32: 7)
                    writer.endArray(array)
                }
                let frame = try #require(try call.frame(flags, body: body))
                let message = try call.message(to: BusName(verified: ":1.1"), flags, body: body)
                #expect(try bytes(frame, serial: 9) == bytes(message, serial: 9))
                let again = try OutgoingCall.frame(frame, call, destination: BusName(verified: ":1.1"), flags).asMessage()
                #expect(try bytes(again, serial: 9) == bytes(message, serial: 9))
            }
        }
    }

    @Test("a reply that is written as a frame is the frame that its message makes, with a body and without")
    func replies() throws {
        let call = try Message.methodCall(destination: nil, path: testPath, interface: testInterface, member: MemberName(verified: "Echo"))
        _ = call.numbered(4)
        let body: Message.BodyBuilder = { $0.append(uint32: 1) }
        let frame = try #require(try WrittenFrame(replyTo: 4, Signature(verified: "u"), body: body))
        #expect(try bytes(frame, serial: 3) == bytes(Message.reply(to: call, signature: Signature(verified: "u"), body: body), serial: 3))
        let empty = try #require(try WrittenFrame(replyTo: 4, .empty) { _ in })
        #expect(try bytes(empty, serial: 3) == bytes(Message.reply(to: call), serial: 3))
    }

    @Test("a body is doubtful that has something in it of which its writer does not know that it is what its type says")
    func doubt() {
        func isDoubtful(_ write: (inout BodyWriter) -> Void) -> Bool {
            var writer = BodyWriter()
            write(&writer)
            return writer.isDoubtful
        }
        #expect(
            !isDoubtful {
                $0.append(string: "text")
                $0.append(boolean: true)
                $0.beginVariant("s")
                $0.append(string: "text")
            })
        #expect(isDoubtful { $0.append(objectPath: ObjectPath(verified: "no path")) })
        #expect(isDoubtful { $0.append(signature: Signature(verified: "(")) })
        #expect(isDoubtful { writer in [0xFF].withUnsafeBytes { writer.append(stringBytes: $0) } })
        #expect(isDoubtful { writer in [0, 0].withUnsafeBytes { writer.append(block: $0, phase: 0) } })
        #expect(isDoubtful { $0.append(.uint32(1)) })
        #expect(isDoubtful { $0.doubt() })
    }

    @Test("a doubtful body that is not what its signature says makes no frame")
    func refused() {
        let error = #expect(throws: DBusError.self) {
            try call("Echo", "o").frame([]) { $0.append(objectPath: ObjectPath(verified: "no path")) }
        }
        #expect(error?.code == .malformed)
        #expect(throws: DBusError.self) { try call("Echo", "s").frame([]) { $0.append(string: "a\0b") } }
    }

    @Test("fields like those before are not read again, others are, and faulty ones are refused each time")
    func memory() throws {
        var memory = FieldsMemory()
        func read(_ bytes: [UInt8]) throws -> FrameFields { try bytes.withUnsafeBytes { try memory.read($0) } }
        let one = RawFrame.field(1, "/a") + RawFrame.field(5, "s")
        let other = RawFrame.field(1, "/b") + RawFrame.field(5, "s")
        for bytes in [one, one, other, one] {
            #expect(try read(bytes).path == (bytes == other ? "/b" : "/a"))
            #expect(throws: FrameFault.self) { try read(RawFrame.field(1, "/a/")) }
            #expect(throws: FrameFault.self) { try read(Array(bytes.dropLast())) }
            #expect(try read([]) == FrameFields())
        }
    }
}
