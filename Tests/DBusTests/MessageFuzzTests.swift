import CDBus
import Glibc
import SeededRandom
import Testing

@testable import DBus

/// Messages of both byte orders, spoilt at random, the same ones in every run. libdbus is the judge of them.
@Suite struct MessageFuzzTests {
    /// How many messages; `CIMBUS_FUZZ_MESSAGES` in the environment says otherwise.
    static let count = getenv("CIMBUS_FUZZ_MESSAGES").flatMap { Int(String(cString: $0)) } ?? 20_000

    @Test("a message is taken exactly where libdbus takes it, and says the same")
    func agreesWithLibdbus() {
        var maker = MessageMaker(seed: 20_261_129)
        var reader = MessageReading()
        var (taken, refused) = (0, 0)
        for number in 0..<Self.count {
            let bytes = maker.next()
            let own = reader.read(bytes)
            let library = LibraryMessage(bytes.prefix(own.length ?? bytes.count))
            switch (own.outcome, library) {
            case (.message(let message), let library?):
                taken += 1
                let difference = library.difference(from: message)
                guard difference == nil else { Issue.record("message \(number): \(difference ?? ""): \(bytes)"); return }
            case (.unknownType, .some): taken += 1
            case (.refused(let reason), nil):
                refused += 1
                if reason.isEmpty { Issue.record("message \(number) is refused without a reason: \(bytes)") }
            case (.refused(let reason), let library?) where Self.isStricterOnPurpose(reason, library): refused += 1
            case (.refused(let reason), .some): Issue.record("message \(number): only libdbus takes it, here \(reason): \(bytes)"); return
            case (.message, nil), (.unknownType, nil): Issue.record("message \(number): libdbus refuses it: \(bytes)"); return
            }
        }
        // Both have been reached, and often.
        #expect(taken > Self.count / 10)
        #expect(refused > Self.count / 10)
    }

    /// What is refused here and not by libdbus.
    private static func isStricterOnPurpose(_ reason: String, _ message: LibraryMessage) -> Bool {
        // A unique name has two elements by the specification, and with every bus. libdbus wants no element (":") and takes one that is empty
        // at its start (":.a").
        let names = [message.sender, message.destination].compactMap(\.self).filter { $0.hasPrefix(":") }
        return (reason.hasPrefix("the sender ") || reason.hasPrefix("the destination ")) && names.contains { (try? UniqueName($0)) == nil }
    }

    @Test("where a stream of messages is cut changes nothing")
    func cuts() {
        var maker = MessageMaker(seed: 20_261_130)
        var random = SeededGenerator(seed: 7)
        for _ in 0..<Self.count / 10 {
            var stream: [UInt8] = []
            for _ in 0...random.below(4) { stream += maker.next() }
            let whole = Self.outcome(stream, piece: .max)
            let cut = Self.outcome(stream, piece: 1 + random.below(60))
            guard whole == cut else { Issue.record("cut or not, \(stream) is not the same:\n\(whole)\n\(cut)"); return }
        }
    }

    /// What comes of a stream, in words.
    private static func outcome(_ stream: [UInt8], piece: Int) -> [String] {
        var assembler = MessageAssembler(most: 1 << 20)
        var words: [String] = []
        var rest = stream[...]
        while !rest.isEmpty {
            let part = rest.prefix(piece)
            rest = rest.dropFirst(part.count)
            var arrivals: [MessageAssembler.Arrival] = []
            var end: String?
            part.withUnsafeBytes { part in
                do throws(MessageFault) { try assembler.take(part, &arrivals) } catch { end = error.description }
            }
            words += arrivals.map { arrival in
                switch arrival {
                case .message(let message): "\(message)"
                case .bad(let message): message.error.message
                }
            }
            if let end { return words + [end] }
        }
        return words
    }
}

/// Reads one message as the connection to a bus does.
private struct MessageReading: ~Copyable {
    enum Outcome {
        case message(Message)
        /// Valid, and nobody wants it.
        case unknownType
        case refused(String)
    }

    private var assembler = MessageAssembler(most: 128 << 20)

    /// - Returns: how long the message says that it is; nil, if it does not say that, or is longer than there are bytes.
    mutating func read(_ bytes: [UInt8]) -> (outcome: Outcome, length: Int?) {
        bytes.withUnsafeBytes { bytes in
            guard bytes.count >= MessageStart.size else { return (.refused("it is too short"), nil) }
            let length: Int
            do throws(MessageFault) { length = try MessageStart(reading: bytes, most: 128 << 20).length } catch {
                return (.refused(error.description), nil)
            }
            guard length <= bytes.count else { return (.refused("it ends too early"), nil) }
            var arrivals: [MessageAssembler.Arrival] = []
            do throws(MessageFault) {
                try assembler.take(UnsafeRawBufferPointer(rebasing: bytes[..<length]), &arrivals)
            } catch {
                return (.refused(error.description), length)
            }
            switch arrivals.first {
            case .message(let message): return (.message(message), length)
            case .bad(let message): return (.refused(message.error.message), length)
            case nil: return (.unknownType, length)
            }
        }
    }
}

/// A message as libdbus reads it.
private final class LibraryMessage {
    private let pointer: OpaquePointer

    /// Nil: libdbus takes no such message.
    init?(_ bytes: ArraySlice<UInt8>) {
        let message = bytes.withUnsafeBytes { dbus_message_demarshal($0.baseAddress, Int32($0.count), nil) }
        guard let message else { return nil }
        pointer = message
    }

    deinit { dbus_message_unref(pointer) }

    private static func text(_ text: UnsafePointer<CChar>?) -> String? { text.map { String(cString: $0) } }

    var sender: String? { Self.text(dbus_message_get_sender(pointer)) }
    var destination: String? { Self.text(dbus_message_get_destination(pointer)) }

    /// In what it says something else than `message`; nil: in nothing.
    func difference(from message: Message) -> String? {
        if dbus_message_get_type(pointer) != message.type { return "type" }
        if dbus_message_get_serial(pointer) != message.serial { return "serial" }
        if dbus_message_get_reply_serial(pointer) != message.replySerial { return "reply serial" }
        if (dbus_message_get_no_reply(pointer) != 0) != message.isNoReplyExpected { return "no reply" }
        if (dbus_message_get_auto_start(pointer) == 0) != message.isNoAutoStart { return "no auto start" }
        if Self.text(dbus_message_get_path(pointer)) != message.path { return "path" }
        if Self.text(dbus_message_get_interface(pointer)) != message.interface { return "interface" }
        if Self.text(dbus_message_get_member(pointer)) != message.member { return "member" }
        if Self.text(dbus_message_get_error_name(pointer)) != message.errorName { return "error name" }
        if sender != message.sender { return "sender" }
        if destination != message.destination { return "destination" }
        if Self.text(dbus_message_get_signature(pointer)) ?? "" != message.signature { return "signature" }
        do { _ = try message.values() } catch { return error.code == .unixFD ? nil : "what it takes cannot be read: \(error)" }
        return nil
    }
}

/// Makes messages, most of them wrong in one place or a few.
private struct MessageMaker {
    private var random: SeededGenerator
    private var values: RandomValues
    private var last: [UInt8] = [0]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        values = RandomValues(seed: seed)
    }

    mutating func next() -> [UInt8] {
        // One in fifty is nothing but noise, behind a start that may be a message's.
        if random.chance(2) {
            let noise = (0..<random.below(200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            return [random.pick([UInt8(ascii: "l"), UInt8(ascii: "B")]), 1, 0, 1, UInt8(random.below(64)), 0, 0, 0, 1, 0, 0, 0] + noise
        }
        var bytes = message().bytes
        if random.chance(30) { return bytes }
        for _ in 0...random.below(3) { spoil(&bytes) }
        last = bytes
        return bytes
    }

    private mutating func message() -> RawMessage {
        var message = RawMessage(isBig: random.chance(50))
        message.type = UInt8(random.chance(3) ? random.pick([0, 5, 200]) : 1 + random.below(4))
        message.flags = UInt8(truncatingIfNeeded: random.next())
        message.serial = random.chance(1) ? 0 : UInt32(truncatingIfNeeded: random.next())
        message.version = random.chance(1) ? UInt8(random.below(3)) : 1
        let needed: [UInt8] =
            switch message.type {
            case 1: [1, 3]
            case 2: [5]
            case 3: [4, 5]
            case 4: [1, 2, 3]
            default: []
            }
        var codes = random.chance(3) ? Array(needed.dropFirst()) : needed
        for code in 1...UInt8(12) where random.chance(code < 8 ? 25 : 4) && code != 8 && (!codes.contains(code) || random.chance(3)) {
            codes.append(code)
        }
        codes.shuffle(using: &random)
        message.fields = codes.map { RawMessage.Field(code: $0, value: value(of: $0)) }
        message.values = (0..<random.below(4)).map { _ in values.value(depth: random.below(5)) }
        if random.chance(3) { message.values.append(.variant((0..<random.below(70)).reduce(.byte(7)) { value, _ in .variant(value) })) }
        if random.chance(3) {
            let types = random.pick([
                "h", "ah", "a{sh}", "(", "a", "a{vs}", "{ss}", "()", "a{s}", "", "z", "ayy", String(repeating: "a", count: 40) + "y",
            ])
            message.fields.append(RawMessage.Field(code: 8, value: .signature(Signature(verified: types))))
        }
        return message
    }

    private mutating func value(of code: UInt8) -> DBusValue {
        if random.chance(1) { return values.value(depth: 2) }
        switch code {
        case 1:
            let odd = ["/a/", "//", "a", "", "/ä", "/a-b", "/org/freedesktop/DBus/Local"]
            return RawMessage.path(pick(["/", "/a", "/org/example/A_1", "/org/freedesktop/DBus"], odd))
        case 2:
            let odd = ["a", "a..b", "1.a", "a.1", "a-b.c", "", "org.freedesktop.DBus.Local", Self.long + ".a"]
            return .string(pick(["a.b", "org.example.I1", "_._"], odd))
        case 3: return .string(pick(["M", "m_1", Self.long], ["1", "a.b", "", "é", "a-b", Self.long + "a"]))
        case 4: return .string(pick(["a.B", "org.example.Error.E"], ["E", "a..b", "a.1"]))
        case 5: return .uint32(random.chance(1) ? 0 : UInt32(truncatingIfNeeded: random.next()))
        case 6, 7:
            let odd = [":", ":1", ":.a", ":1..2", "1.a", "a", "", ":a b", "a.b."]
            return .string(pick([":1.1", ":1.42", "org.example.N", "a-b.c", "-a._b"], odd))
        case 9: return .uint32(UInt32(pick(["0"], ["1", "17"])) ?? 0)
        case 10: return RawMessage.path("/a")
        default: return values.value(depth: 3)
        }
    }

    private mutating func pick(_ good: [String], _ odd: [String]) -> String { random.pick(random.chance(3) ? odd : good) }

    private static let long = String(repeating: "a", count: 255)

    private mutating func spoil(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let at = random.below(bytes.count)
        let letters = Array("yvsaoghbdt(){}/.:\u{7f}".utf8) + [0, 1, 2, 4, 8, 0x10, 0x80, 0xc3, 0xff]
        switch random.below(10) {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[at] ^= 1 << UInt8(random.below(8))
        case 2, 3: bytes[at] = random.pick(letters)
        case 4: bytes[at] = bytes[at] &+ random.pick([1, 255, 4, 8])
        case 5: bytes.removeLast(min(bytes.count, 1 + random.below(9)))
        case 6: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(16)))
        case 7: bytes.insert(contentsOf: (0..<1 + random.below(16)).map { _ in random.pick(letters) }, at: at)
        case 8:
            let start = random.below(last.count)
            let piece = last[start..<min(last.count, start + 1 + random.below(32))]
            bytes.replaceSubrange(at..<min(bytes.count, at + piece.count), with: piece)
        default: bytes[random.below(min(16, bytes.count))] = random.pick(letters)
        }
        if random.chance(60) { mendLength(&bytes) }
    }

    /// Makes the length of the body what it is.
    private mutating func mendLength(_ bytes: inout [UInt8]) {
        guard bytes.count >= 16 else { return }
        var writer = RawWriter(isBig: bytes[0] == UInt8(ascii: "B"))
        let raw = bytes[12..<16].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let fields = Int(writer.isBig ? raw : raw.byteSwapped)
        let start = (16 + fields + 7) & ~7
        guard start <= bytes.count else { return }
        writer.bytes = bytes
        writer.set(number: UInt32(bytes.count - start), at: 4)
        bytes = writer.bytes
    }
}
