import Glibc
import Testing

@testable import DBus

/// What is written to a private connection, in whatever pieces it is appended and taken.
@Suite struct FrameOutboxTests {
    private func bytes(_ count: Int, _ seed: UInt8) -> MarshalledBytes {
        let bytes = (0..<count).map { seed &+ UInt8(truncatingIfNeeded: $0 &* 7) }
        return bytes.withUnsafeBytes { MarshalledBytes(copying: $0) }
    }

    private func text(_ bytes: MarshalledBytes) -> [UInt8] { Array(UnsafeRawBufferPointer(start: bytes.base, count: bytes.count)) }

    private func read(_ socket: Int32, _ most: Int, into all: inout [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: most)
        let count = recv(socket, &buffer, most, Int32(MSG_DONTWAIT))
        if count > 0 { all += buffer[..<count] }
    }

    @Test(
        "frames leave in order and whole, small and large, copied, kept and written at once, however the socket takes them",
        arguments: 0..<20)
    func order(seed: UInt64) throws {
        var random = RandomValues(seed: seed)
        let (near, far) = try PrivateConnection.makeSockets()
        var outbox = FrameOutbox()
        var (expected, arrived): ([UInt8], [UInt8]) = ([], [])
        for round in 0..<60 {
            let frame = bytes([24, 100, 4_096, 4_097, 70_000].randomElement(using: &random) ?? 24, UInt8(round))
            expected += text(frame)
            switch round == 0 ? Int(seed % 3) : Int.random(in: 0..<3, using: &random) {
            case 0:
                let isAppended = outbox.append(frame)
                #expect(isAppended)
            case 1:
                let isAppended = outbox.append(startOf: 24, frame, body: 24..<frame.count) { place in
                    if let base = frame.base { memcpy(place, base, 24) }
                }
                #expect(isAppended)
            default:
                if outbox.isEmpty {
                    _ = outbox.write(frame, to: near.rawValue)
                } else {
                    let isAppended = outbox.append(frame)
                    #expect(isAppended)
                }
            }
            if Bool.random(using: &random) { _ = outbox.write(to: near.rawValue) }
            if Bool.random(using: &random) { read(far.rawValue, 50_000, into: &arrived) }
        }
        let all = expected.count
        while arrived.count < all {
            let before = arrived.count
            _ = outbox.write(to: near.rawValue)
            read(far.rawValue, 1 << 20, into: &arrived)
            try #require(arrived.count > before, "\(arrived.count) of \(all) bytes came")
        }
        #expect(arrived == expected)
        #expect(outbox.isEmpty && outbox.written == UInt64(all))
    }

    @Test("R15: a frame for which there is no memory is refused, and those before and behind it leave")
    func noMemory() throws {
        let (near, far) = try PrivateConnection.makeSockets()
        var outbox = FrameOutbox()
        let (first, last) = (bytes(100, 1), bytes(200, 2))
        let isFirstIn = outbox.append(first)
        // More than any machine has.
        let isHugeIn = outbox.append(startOf: 1 << 60) { _ in Issue.record("written without memory") }
        let isLastIn = outbox.append(last)
        #expect(isFirstIn && !isHugeIn && isLastIn)
        let progress = outbox.write(to: near.rawValue)
        #expect(progress == .all)
        var arrived: [UInt8] = []
        read(far.rawValue, 1_000, into: &arrived)
        #expect(arrived == text(first) + text(last))
    }
}
