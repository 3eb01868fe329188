import CIM
import CIMBusCore
import CIMBusTestKit
import CIMBusWire
import DBus
import FoundationEssentials
import Glibc
import Testing

extension Integration {
    /// What `cimbusd --record` writes is enough to see a failure again (DESIGN section 2).
    @Suite struct TraceTests {
        @Test("section 2: the trace of a failed operation replays against the core, to the same failure")
        func replays() async throws {
            let path = "/tmp/cimbus-trace-\(getpid()).jsonl"
            defer { unlink(path) }
            let scene = try await Scene.start("--record", path)
            let faulty = try await FaultyProcess.start(on: scene.bus)
            let open = try await scene.client.start(
                .enumerate("Faulty_Thing"), .async, context: [("FaultyScript", .string("reply 0 1; indicate auto; crash"))])
            #expect(try await open.result().status == .providerFailure)
            try await expectQuiet(scene)
            withExtendedLifetime(faulty) {}

            let lines = try #require(text(of: path)).split(separator: "\n")
            let decoder = JSONDecoder()
            var core = BrokerCore(limits: try decoder.decode(Limits.self, from: Data(lines[0].utf8)))
            var ends: [Outcome] = []
            for line in lines.dropFirst() {
                let event = try decoder.decode(TracedEvent.self, from: Data(line.utf8))
                for case .finish(_, let outcome) in core.replay(event) { ends.append(outcome) }
            }
            #expect(ends.map(\.status) == [.providerFailure])
            #expect(ends.first?.explanation?.reason == .providerVanished)
            #expect(core.openOperations == 0)
        }

        @Test("a trace that cannot be written is said before the broker serves anybody")
        func unwritable() async throws {
            let bus = try await PrivateBus.start()
            await #expect(throws: (any Error).self) { try await BrokerProcess.start(on: bus, ["--record", "/nowhere/trace"]) }
        }

        private func text(of path: String) -> String? {
            let descriptor = open(path, O_RDONLY)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
                bytes += buffer.prefix(count)
            }
        }
    }
}
