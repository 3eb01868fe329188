import CDBus
import Glibc
import Testing
import WireTestKit

@testable import DBus

private let path = ObjectPath(staticString: "/x")
private let member = MemberName(staticString: "M")

private func message(_ values: [DBusValue]) throws -> Message {
    try .methodCall(destination: nil, path: path, interface: nil, member: member, values: values)
}

/// Header and body as they are sent.
private func bytes(of message: Message) throws -> [UInt8] {
    let bytes = try #require(message.numbered(1))
    return Array(UnsafeRawBufferPointer(start: bytes.base, count: bytes.count))
}

/// Whether libdbus takes these bytes for a message.
private func libraryTakes(_ bytes: [UInt8]) -> Bool {
    let message = bytes.withUnsafeBytes { dbus_message_demarshal($0.baseAddress, Int32($0.count), nil) }
    guard let message else { return false }
    dbus_message_unref(message)
    return true
}

/// What is wrong with a body, in our words; nil when nothing is.
private func fault(_ body: ArraySlice<UInt8>, _ signature: String) -> BodyValidator.Fault? {
    // A body starts at a multiple of 8.
    let copy = Array(body)
    return copy.withUnsafeBytes { body in
        Array(signature.utf8).withUnsafeBytes { types in
            do throws(BodyValidator.Fault) {
                try BodyValidator.check(body, against: types)
                return nil
            } catch {
                return error
            }
        }
    }
}

@Suite(.timeLimit(.minutes(1)))
struct WritingTests {
    @Test("libdbus takes every message that is written here", arguments: 0..<200)
    func writesWhatLibdbusTakes(seed: Int) throws {
        var random = RandomValues(seed: UInt64(2000 + seed))
        let values = (0..<Int.random(in: 0...4, using: &random)).map { _ in random.value(depth: 4) }
        let call = try Message.methodCall(
            destination: BusName(":1.7"), path: path, interface: InterfaceName("a.b"), member: member, flags: .noAutoStart, values: values)
        #expect(libraryTakes(try bytes(of: call)))
        let signal = try Message.signal(path: path, interface: InterfaceName("a.b"), member: member, values: values)
        #expect(libraryTakes(try bytes(of: signal)))
    }

    @Test("a body is refused exactly where libdbus refuses it", arguments: 0..<100)
    func agreesWithLibdbus(seed: Int) throws {
        var random = RandomValues(seed: UInt64(3000 + seed))
        let made = try message((0..<Int.random(in: 1...3, using: &random)).map { _ in random.value(depth: 4) })
        let whole = try bytes(of: made)
        let start = whole.count - made.bodySize
        func compare(_ bytes: [UInt8], _ what: String) {
            let fault = fault(bytes[start...], made.signature)
            // Descriptors that are not there are the one thing that is refused here alone.
            if let fault, "\(fault.reason)".contains("descriptor") { return }
            #expect((fault == nil) == libraryTakes(bytes), "\(what): \(made.signature): \(String(describing: fault))")
        }
        for length in start..<whole.count {
            var cut = Array(whole[..<length])
            withUnsafeBytes(of: UInt32(length - start)) { cut.replaceSubrange(4..<8, with: $0) }
            compare(cut, "cut at \(length - start)")
        }
        guard made.bodySize > 0 else { return }
        for _ in 0..<300 {
            var damaged = whole
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let letters = Array("yvsaog(){}/\u{7f}".utf8)
                let byte = [0, 1, 4, 8, 0x80, 0xc3, UInt8(truncatingIfNeeded: random.next()), letters.randomElement(using: &random) ?? 0]
                damaged[Int.random(in: start..<whole.count, using: &random)] = byte.randomElement(using: &random) ?? 0
            }
            compare(damaged, "damaged")
        }
    }

    @Test("a text is UTF-8 without a NUL, wherever in it the mistake is")
    func checksText() {
        let good = ["", "a", "12345678", "123456789", "ä", "1234567ä", "12345678ä", "€", "𝄞", "\u{FFFE}", "\u{10FFFF}"]
        for text in good { #expect(Array(text.utf8).withUnsafeBytes { WireText.isText($0) }, "\(text)") }
        let bad: [[UInt8]] = [[0], [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3], [0xc3, 0xa4, 0]]
        for bytes in bad {
            for before in 0..<17 {
                for after in 0..<9 {
                    let text =
                        Array(repeating: UInt8(ascii: "a"), count: before) + bytes + Array(repeating: UInt8(ascii: "b"), count: after)
                    #expect(!text.withUnsafeBytes { WireText.isText($0) }, "\(text)")
                }
            }
        }
    }

    @Test("a name that is none, or libdbus's own, is refused before it is sent, and nothing is hung up on")
    func checksNames() throws {
        func refuses(_ body: () throws -> Message) {
            #expect { try body() } throws: { ($0 as? DBus.DBusError)?.code == .malformed }
        }
        for text in ["", "x", "/", "/a/", "//", "/a b", "/ä", "/org/freedesktop/DBus/Local"] where text != "/" {
            refuses { try .methodCall(destination: nil, path: ObjectPath(verified: text), interface: nil, member: member) }
        }
        for text in ["", "a", "a..b", ".a.b", "a.b.", "a.1", "a-b.c", "org.freedesktop.DBus.Local"] {
            refuses { try .methodCall(destination: nil, path: path, interface: InterfaceName(verified: text), member: member) }
        }
        for text in ["", "a.b", "1a", "a-b", "ä"] {
            refuses { try .methodCall(destination: nil, path: path, interface: nil, member: MemberName(verified: text)) }
        }
        for text in ["", ":", ":1", ":1..2", "a", "1.a", "a.b c"] {
            refuses { try .methodCall(destination: BusName(verified: text), path: path, interface: nil, member: member) }
        }
        // Who never received it cannot answer it.
        let call = try message([])
        refuses { try .reply(to: call) }
        refuses { try .reply(to: call, values: [.byte(1)]) }
    }

    @Test("messages keep their order when the socket is full, whoever writes them: those with descriptors too")
    func keepsTheOrderOfAll() async throws {
        let bus = try await PrivateBus.start()
        let client = try await bus.connect(on: EventLoop(name: "both"))
        let all = Event<[UInt32]>("all messages")
        let seen = Box<[UInt32]>([])
        let count: UInt32 = 240
        await client.setInbound { message in
            seen.value.append((try? message.values().first?.integer()) ?? .max)
            if seen.value.count == Int(count) { all.send(seen.value) }
            return true
        }
        let name = BusName(client.uniqueName)
        let long = [UInt8](repeating: 7, count: 100_000)
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (readEnd, writeEnd) = (FileDescriptorBox(owning: ends[0]), FileDescriptorBox(owning: ends[1]))
        let messages = try (0..<count).map { number in
            try Message.methodCall(
                destination: name, path: path, interface: nil, member: member, flags: .noReplyExpected,
                values: [.uint32(number), number % 20 == 3 ? .unixFD(readEnd) : .bytes(long)])
        }
        // All at once: the bus has no time to read in between.
        let queued = try await client.burst(messages)
        #expect(queued > 0, "the socket took everything; the test shows nothing")
        #expect(try await all.value() == Array(0..<count))
        #expect(await client.queuedBytes == 0)
        withExtendedLifetime(writeEnd) {}
    }

    @Test("a message that is sent twice is two messages")
    func sendsTwice() async throws {
        let bus = try await PrivateBus.start()
        let client = try await bus.connect(on: EventLoop(name: "both"))
        let both = Event<[UInt32]>("both messages")
        let serials = Box<[UInt32]>([])
        await client.setInbound { message in
            serials.value.append(message.serial)
            if serials.value.count == 2 { both.send(serials.value) }
            return true
        }
        let message = try Message.methodCall(
            destination: BusName(client.uniqueName), path: path, interface: nil, member: member, flags: .noReplyExpected,
            values: [.string("x")])
        #expect(message.serial == 0)
        _ = try await client.burst([message, message])
        let received = try await both.value()
        #expect(received.count == 2 && received[0] < received[1] && message.serial == received[1])
    }
}

extension Connection {
    /// Sends all of them without a pause, and says how much waits then.
    fileprivate func burst(_ messages: [Message]) throws -> Int {
        for message in messages { try send(message) }
        return queuedBytes
    }
}
