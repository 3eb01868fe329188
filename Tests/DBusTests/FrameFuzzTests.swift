import Glibc
import SeededRandom
import Testing

@testable import DBus

/// Streams of frames that are spoilt at random, the same ones in every run.
@Suite struct FrameFuzzTests {
    /// How many streams; `CIMBUS_FUZZ_FRAMES` in the environment says otherwise.
    static let count = getenv("CIMBUS_FUZZ_FRAMES").flatMap { Int(String(cString: $0)) } ?? 20_000

    @Test("no stream of frames crashes the parser, and where it is cut changes nothing")
    func streams() {
        var random = SeededGenerator(seed: 20_261_129)
        var (accepted, refused) = (0, 0)
        for _ in 0..<Self.count {
            var stream: [UInt8] = []
            for serial in 1...UInt32(1 + random.below(4)) { stream += Self.frame(serial, &random).bytes }
            for _ in 0..<random.below(4) { Self.spoil(&stream, &random) }
            let whole = Self.outcome(stream, piece: .max)
            let cut = Self.outcome(stream, piece: 1 + random.below(60))
            guard whole == cut else { Issue.record("cut or not, \(stream) is not the same"); return }
            if whole.hasSuffix("ok") { accepted += 1 } else { refused += 1 }
        }
        // Both ends of the parser have been reached, and often.
        #expect(accepted > Self.count / 10)
        #expect(refused > Self.count / 10)
    }

    /// What comes of a stream, in words.
    private static func outcome(_ stream: [UInt8], piece: Int) -> String {
        let (frames, fault) = assemble(stream, piece: piece)
        var words = ""
        for frame in frames {
            guard frame.header.kind.isMessage else {
                words += "\(frame.header.kind) "
                continue
            }
            do throws(FrameFault) {
                let message = try FrameMessage(checking: frame, frameMembers)
                words += "\(message.fields) "
            } catch {
                return words + error.description
            }
        }
        return words + (fault ?? "ok")
    }

    private static func frame(_ serial: UInt32, _ random: inout SeededGenerator) -> RawFrame {
        switch random.below(6) {
        case 0: return .bare(.ping, serial: serial)
        case 1: return .bare(.pong, serial: serial, answering: 1 + UInt32(random.below(9)))
        case 2: return RawFrame(kind: FrameKind.reply.rawValue, member: 0, serial: serial, answers: 1, fields: [])
        case 3:
            return RawFrame(
                kind: FrameKind.error.rawValue, member: 0, serial: serial, answers: 2, fields: RawFrame.field(4, "org.example.Error"))
        default:
            var frame = RawFrame(serial: serial)
            if random.chance(50) {
                frame.member = 0
                frame.fields += RawFrame.field(2, "org.example.Other") + RawFrame.field(3, "Member")
            }
            if random.chance(50) {
                frame.fields += RawFrame.field(5, "su")
                frame.body = RawFrame.number(UInt32(3)) + Array("abc".utf8) + [0] + RawFrame.number(UInt32(7))
            }
            return frame
        }
    }

    private static func spoil(_ stream: inout [UInt8], _ random: inout SeededGenerator) {
        guard !stream.isEmpty else { return }
        let at = random.below(stream.count)
        switch random.below(6) {
        case 0: stream[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: stream[at] ^= 1 << UInt8(random.below(8))
        case 2: stream.removeLast(stream.count - at)
        case 3: stream.removeSubrange(at..<min(stream.count, at + 1 + random.below(16)))
        case 4: stream.insert(contentsOf: (0..<random.below(16)).map { UInt8($0) }, at: at)
        default: stream += stream[at...]
        }
    }
}
