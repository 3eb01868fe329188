import DBus
import Testing

private let echoPath = ObjectPath(staticString: "/x")
private let member = MemberName(staticString: "M")

/// A message of these values; its body is checked against its signature while it is made.
private func message(_ values: [DBusValue]) throws -> Message {
    try .methodCall(destination: nil, path: echoPath, interface: nil, member: member, values: values)
}

/// A reader of these bytes alone.
private func reader(_ bytes: some Collection<UInt8>, bigEndian: Bool = false) -> BodyReader {
    Array(bytes).withUnsafeBytes { BodyReader(copying: $0, bigEndian: bigEndian) }
}

@Suite struct CodecTests {
    @Test(arguments: 0..<300)
    func roundTripsRandomValues(seed: Int) throws {
        var random = RandomValues(seed: UInt64(seed))
        let values = (0..<Int.random(in: 1...4, using: &random)).map { _ in random.value(depth: 4) }
        let made = try message(values)
        #expect(try made.values() == values)
        // A copy has another header before the same body.
        #expect(try made.forwarded(to: nil).values() == values)
        var reader = made.reader
        try reader.skip(Signature(made.signature))
        #expect(reader.isAtEnd)
    }

    /// Whatever is cut off or flipped: an error or a value, never a trap.
    @Test(arguments: 0..<100)
    func survivesHostileBodies(seed: Int) throws {
        var random = RandomValues(seed: UInt64(1000 + seed))
        let value = random.value(depth: 5)
        let signature = value.signature
        var writer = BodyWriter()
        writer.append(value)
        let bytes = try writer.finish()
        for length in 0..<bytes.count {
            var cut = reader(bytes[..<length])
            #expect(throws: DBusDecodingError.self) { try cut.readValue(signature) }
            var skipper = reader(bytes[..<length])
            #expect(throws: DBusDecodingError.self) { try skipper.skip(signature) }
        }
        for _ in 0..<200 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                guard let at = damaged.indices.randomElement(using: &random) else { continue }
                damaged[at] = [0, 0xff, 0x7f, 0x80, UInt8(truncatingIfNeeded: random.next())].randomElement(using: &random) ?? 0
            }
            var damagedReader = reader(damaged, bigEndian: random.next() & 1 == 0)
            _ = try? damagedReader.readValue(signature)
            var skipper = reader(damaged)
            try? skipper.skip(signature)
        }
    }

    @Test func refusesBadLengths() {
        let bodies: [[UInt8]] = [
            [0xff, 0xff, 0xff, 0xff, 0], [4, 0, 0, 0x04], [1, 0, 0, 0, UInt8(ascii: "a"), 1], [2, 0, 0, 0, 0xff, 0xfe, 0], [0, 0, 0, 0],
        ]
        for body in bodies {
            var reader = reader(body)
            #expect(throws: DBusDecodingError.self) { try reader.readString() }
        }
        var long = reader([1, 0, 0, 0x04])
        #expect { try long.enterArray(elementAlignment: 1) } throws: { ($0 as? DBusDecodingError)?.code == .arrayTooLong }
        var two = reader([2, 0, 0, 0])
        #expect { try two.readBoolean() } throws: { ($0 as? DBusDecodingError)?.code == .invalidBoolean }
    }

    @Test func readsBigEndian() throws {
        var reader = reader([0, 0, 0, 1, 0, 0, 0, 1, UInt8(ascii: "x"), 0], bigEndian: true)
        #expect(try reader.readUInt32() == 1)
        #expect(try reader.readString() == "x")
        #expect(reader.isAtEnd)
    }

    /// The daemon drops a sender past 64 containers.
    @Test func boundsTheDepth() throws {
        func nested(_ depth: Int) -> DBusValue { (0..<depth).reduce(.byte(7)) { value, _ in .variant(value) } }
        #expect(try message([nested(60)]).values() == [nested(60)])
        #expect { try message([nested(65)]) } throws: { ($0 as? DBusError)?.code == .malformed }
        // The same from a peer who does not use this writer: 70 variants by hand.
        var bytes: [UInt8] = []
        for _ in 0..<70 { bytes += [1, UInt8(ascii: "v"), 0] }
        bytes += [1, UInt8(ascii: "y"), 0, 7]
        let signature = try Signature("v")
        var deep = reader(bytes)
        #expect { try deep.readValue(signature) } throws: { ($0 as? DBusDecodingError)?.code == .tooDeep }
        var skipper = reader(bytes)
        #expect { try skipper.skip(signature) } throws: { ($0 as? DBusDecodingError)?.code == .tooDeep }
    }

    @Test func refusesWhatCannotBeEncoded() {
        let bad: [DBusValue] = [
            .string("a\0b"), .structure([]), .array(element: .dictionary, [.byte(1)]), .variant(.dictEntry(.byte(1), .byte(2))),
            .dictEntry(.string("a"), .byte(1)), .array(element: Signature(verified: "zz"), []),
        ]
        for value in bad { #expect { try message([value]) } throws: { ($0 as? DBusError)?.code == .malformed } }
    }

    /// libdbus aborts the process when its own iterators are given such text; here it is an error.
    @Test func refusesABodyThatIsNotItsSignature() {
        #expect {
            try Message.methodCall(destination: nil, path: echoPath, interface: nil, member: member, signature: Signature("s")) {
                $0.append(byte: 1)
            }
        } throws: { ($0 as? DBusError)?.code == .malformed }
        let notText: [UInt8] = [0xff, 0xfe]
        #expect {
            try Message.methodCall(destination: nil, path: echoPath, interface: nil, member: member, signature: Signature("s")) { writer in
                notText.withUnsafeBytes { writer.append(stringBytes: $0) }
            }
        } throws: { ($0 as? DBusError)?.code == .malformed }
    }

    @Test func refusesWhatIsTooLarge() {
        let long = [UInt8](repeating: 1, count: 64 << 20 | 1)
        #expect { try message([.bytes(long)]) } throws: { ($0 as? DBusError)?.code == .tooLarge }
        let half = [UInt8](repeating: 1, count: 60 << 20)
        #expect { try message([.bytes(half), .bytes(half), .bytes(half)]) } throws: { ($0 as? DBusError)?.code == .tooLarge }
    }

    @Test func blocksKeepTheirPhase() throws {
        var part = BodyWriter(phase: 4)
        part.append(.dictionary([("a", .uint64(1))]))
        let block = try part.finish()
        let made = try Message.methodCall(
            destination: nil, path: echoPath, interface: nil, member: member, signature: Signature("aa{sv}")
        ) { writer in
            let token = writer.beginArray(elementAlignment: 4)
            block.withUnsafeBytes { writer.append(block: $0, phase: 4) }
            writer.endArray(token)
        }
        #expect(try made.values().first?.elements?.first?.stringDictionary == ["a": .uint64(1)])
        var other = BodyWriter()
        block.withUnsafeBytes { other.append(block: $0, phase: 4) }
        #expect(other.failure?.code == .misalignedBlock)
    }

    @Test("A call of a connection says nothing of starting it, so that it has one flag at most; a call of a name does")
    func flagsThatSaySomething() throws {
        for (destination, flags) in [(":1.1", [.allowInteractiveAuthorization]), ("a.b", [.noAutoStart, .allowInteractiveAuthorization])]
            as [(String, Message.Flags)]
        {
            let call = try Message.methodCall(
                destination: BusName(destination), path: echoPath, interface: InterfaceName("a.b"), member: member,
                flags: [.noAutoStart, .allowInteractiveAuthorization], values: [])
            #expect(call.flags == flags)
            #expect(try call.forwarded(to: BusName(destination)).flags == flags)
        }
    }

    @Test func forwardsWithAnotherHeader() throws {
        let original = try Message.methodCall(
            destination: BusName("a.service"), path: echoPath, interface: InterfaceName("a.b"), member: member, flags: .noAutoStart,
            values: [.string("x")])
        let copy = try original.forwarded(
            to: BusName(":1.2"), path: ObjectPath("/y"), interface: InterfaceName("c.d"), member: MemberName("N"), flags: .noReplyExpected)
        #expect(copy.destination == ":1.2" && copy.path == "/y" && copy.interface == "c.d" && copy.member == "N")
        #expect(copy.isNoReplyExpected && !copy.isNoAutoStart && copy.sender == nil && copy.serial == 0)
        #expect(try copy.values() == [.string("x")])
        #expect(original.destination == "a.service" && original.isNoAutoStart)
    }

    @Test func readsSizesAndKinds() throws {
        let made = try message([.string("abc")])
        #expect(made.kind == .methodCall && made.bodySize == 8 && made.size > 8 && made.signature == "s")
        #expect(made.hasSignature("s") && !made.hasSignature("ss") && !made.hasSignature(""))
        let empty = try message([])
        #expect(empty.bodySize == 0 && empty.hasSignature("") && empty.reader.isAtEnd)
    }
}
