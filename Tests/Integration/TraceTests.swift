import CIM
import CIMBusCore
import CIMBusWire
import DBus
import FoundationEssentials
import Glibc
import Synchronization
import Testing
import WireTestKit

extension Integration {
    /// What `cimbusd --record` writes is enough to see a failure again (Design 2).
    @Suite struct TraceTests {
        @Test("Design 2: the trace of a failed operation replays against the core, to the same failure")
        func replays() async throws {
            let trace = Trace()
            let scene = try await Scene.start(options: trace.options)
            let faulty = try await FaultyProcess.start(on: scene.bus)
            let open = try await scene.client.start(
                .enumerate("Faulty_Thing"), .async, context: [("FaultyScript", .string("reply 0 1; indicate auto; crash"))])
            #expect(try await open.result().status == .providerFailure)
            try await expectQuiet(scene)
            withExtendedLifetime(faulty) {}

            let replay = try trace.replay()
            #expect(replay.ends.map(\.status) == [.providerFailure])
            #expect(replay.ends.first?.explanation?.reason == .providerVanished)
        }

        @Test(
            "Design 2, C.4, L6: a merge that a provider's death ended replays: its part first, then the whole",
            arguments: CallForm.allCases)
        func hierarchyMerge(form: CallForm) async throws {
            let trace = Trace()
            let family = try await HierarchyTests.Family.start(options: trace.options)
            family.have(["A": ["a", "b"], "B": ["b"]])
            family.c.on("CreateInstanceEnumAsync") { call in
                call.abandon()
                await call.provider.close()
            }
            let result = try await family.scene.client.run(.enumerate("Test_A"), form)
            #expect(result.status == .providerFailure)
            try await expectQuiet(family.scene)

            let replay = try trace.replay()
            #expect(replay.failures.map(\.status) == [.providerFailure, .providerFailure])
            #expect(replay.failures.first?.explanation?.reason == .providerVanished)
            #expect(replay.ends.last == replay.failures.last)
            // Every provider of the hierarchy was asked.
            #expect(replay.calls == 4)
        }

        @Test("Design 2, C.1: a put that an ancestor's provider refused replays, and calls nobody below it", arguments: CallForm.allCases)
        func putChain(form: CallForm) async throws {
            let trace = Trace()
            let family = try await HierarchyTests.Family.start(options: trace.options)
            for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
            family.b.on("PutInstanceAsync") { $0.fail(.accessDenied, "not today") }
            let result = try await family.scene.client.run(.put([("__CLASS", .string("Test_C")), ("Name", .string("n"))]), form)
            #expect(result.status == .accessDenied)
            try await expectQuiet(family.scene)

            let replay = try trace.replay()
            #expect(replay.failures.map(\.status) == [.accessDenied, .accessDenied])
            #expect(replay.ends.count == 3)
            #expect(replay.calls == 2)
        }

        @Test("Design 2, L12: a nested call that failed replays, and with it the call that it was made for", arguments: CallForm.allCases)
        func nestedCall(form: CallForm) async throws {
            let trace = Trace()
            let scene = try await Scene.start(options: trace.options)
            let provider = try await scene.provider()
            let other = try await scene.provider("Other", className: "Test_Other")
            other.on("CreateInstanceEnumAsync") { call in
                call.abandon()
                await call.provider.close()
            }
            provider.on("GetObjectAsync") { call in
                // What it is told, it tells.
                call.reply(try await NestedTests.nested(call, .enumerate("Test_Other")))
            }
            #expect(try await scene.client.run(.get(thing("a")), form).status == .providerFailure)
            try await expectQuiet(scene)

            let replay = try trace.replay()
            #expect(replay.ends.map(\.status) == [.providerFailure, .providerFailure])
            #expect(replay.ends.map { $0.explanation?.reason } == [.providerVanished, nil])
            #expect(replay.calls == 2)
        }

        @Test("Design 2, G.3: a provider that could not be started replays: started once, and never called", arguments: CallForm.allCases)
        func activation(form: CallForm) async throws {
            let trace = Trace()
            let activation = ActivationTests()
            let (bus, folder) = try await activation.startBus("--no-register")
            let scene = try await Scene.start(options: trace.options, bus: bus)
            #expect(try await activation.compile(ActivationTests.mof, scene).status == .noError)
            #expect(try await scene.client.run(.get("Faulty_Thing=\"healthy\""), form).status == .providerLoadFailure)
            try await expectQuiet(scene)
            withExtendedLifetime(folder) {}

            let replay = try trace.replay()
            #expect(replay.ends.map(\.status) == [.providerLoadFailure])
            #expect(replay.ends.first?.explanation?.reason == .startFailed)
            #expect(replay.starts == 1)
            #expect(replay.calls == 0)
        }

        @Test("a trace that cannot be written is said before the broker serves anybody")
        func unwritable() async throws {
            let bus = try await PrivateBus.start()
            await #expect(throws: (any Error).self) { try await BrokerProcess.start(on: bus, ["--record", "/nowhere/trace"]) }
        }
    }
}

/// A file that a broker records to, removed with the last reference to it.
private final class Trace {
    private static let numbers = Atomic<Int>(0)
    private let path = "/tmp/cimbus-trace-\(getpid())-\(numbers.wrappingAdd(1, ordering: .relaxed).newValue).jsonl"

    deinit { unlink(path) }

    /// The broker's.
    var options: [String] { ["--record", path] }

    /// What the core did when it was told everything once more.
    struct Replay {
        /// How each operation ended, in order: nested ones and parts before those they belong to.
        var ends: [Outcome] = []
        var calls = 0
        var starts = 0

        var failures: [Outcome] { ends.filter { !$0.status.isSuccess } }
    }

    /// Tells a new core what the broker's own was told; nothing may be open at the end.
    func replay() throws -> Replay {
        let lines = try Integration.ObjectTests.text(of: path).split(separator: "\n")
        let decoder = JSONDecoder()
        var core = BrokerCore(limits: try decoder.decode(Limits.self, from: Data(try #require(lines.first).utf8)))
        var replay = Replay()
        for line in lines.dropFirst() {
            let event = try decoder.decode(TracedEvent.self, from: Data(line.utf8))
            for effect in core.replay(event) {
                switch effect {
                case .finish(_, let outcome): replay.ends.append(outcome)
                case .call: replay.calls += 1
                case .start: replay.starts += 1
                default: break
                }
            }
        }
        #expect(core.openOperations == 0)
        return replay
    }
}
