import CIM
import Testing

@testable import CIMBusCore

@Suite("Admission (L1, L12; Semantics A.5)")
struct CoreAdmissionTests {
    @Test("L1, R54, R57, R126, R129: a refused call changes nothing, and its sink is never used")
    func refused() throws {
        var scene = Scene()
        _ = try scene.open()
        let before = Fingerprint(of: scene)
        let refusal = #expect(throws: Refusal.self) { try scene.open() }
        #expect(refusal?.status == .invalidParameter)
        #expect(scene.core.operations.count == 1)
        #expect(Fingerprint(of: scene) == before)
        expectSafe(scene)
    }

    @Test("L1: one open operation per peer and sink path; after its end the path is free")
    func onePerPath() throws {
        var scene = Scene()
        let first = try scene.open()
        _ = try scene.open(.async(sink: "/elsewhere"))
        scene.answer(scene.sink(of: first))
        let second = try scene.open()
        #expect(second != first)
        expectSafe(scene)
    }

    @Test("R102: a NULL sink is refused", arguments: ["/", ""])
    func nullSink(_ path: String) {
        var scene = Scene()
        let refusal = #expect(throws: Refusal.self) { try scene.open(.async(sink: path)) }
        #expect(refusal?.status == .invalidParameter)
        #expect(scene.core.operations.isEmpty)
    }

    @Test("R55, R56, R127, R128: an accepted call has a sink, which hears the outcome")
    func accepted() throws {
        var scene = Scene()
        let id = try scene.open()
        #expect(scene.effects == [.call(scene.sink(of: id))])
        scene.answer(scene.sink(of: id), .notFound)
        #expect(scene.effects == [.finish(id, Outcome(.notFound))])
        expectSafe(scene)
    }

    @Test("A.5: a provider that is not running is an answer, not a refusal")
    func absentProvider() throws {
        var scene = Scene()
        scene.vanish(Scene.provider)
        let id = try scene.open()
        #expect(scene.witness.ends[id]?.status == .providerLoadFailure)
        expectSafe(scene)
    }

    @Test("A.5: an operation for a registration that never was ends too")
    func unknownProvider() throws {
        var scene = Scene()
        let id = try scene.open(at: RegistrationID(99))
        #expect(scene.witness.ends[id]?.status == .providerLoadFailure)
        expectSafe(scene)
    }

    @Test("L8, L13: past the number of open operations a call is QuotaViolation; an end makes room")
    func quota() throws {
        var limits = Limits()
        limits.operationsPerUser = 2
        var scene = Scene(limits)
        let first = try scene.open(.sync)
        _ = try scene.open(.sync)
        let refusal = #expect(throws: Refusal.self) { try scene.open(.sync) }
        #expect(refusal?.status == .quotaViolation)
        scene.answer(scene.sink(of: first))
        _ = try scene.open(.sync)
        expectSafe(scene)
    }

    @Test("L13: synchronous results give their bytes back; 200 MiB of them, read, leave room for more")
    func bufferedBytesComeBack() throws {
        var scene = Scene()
        for _ in 0..<200 {
            let id = try scene.open(.sync)
            scene.answer(scene.sink(of: id), objects: [1 << 20])
            scene.core.sent(1 << 20, to: Scene.client)
            scene.saw()
            scene.pong(Scene.client)
        }
        #expect(scene.core.quota == QuotaLedger())
        expectSafe(scene)
    }

    @Test("A.5: a stopping broker refuses, and ends what is open with ShuttingDown")
    func shutDown() throws {
        var scene = Scene()
        let outer = try scene.open()
        let inner = try scene.open(.sync, by: Scene.provider, in: outer)
        scene.core.shutDown()
        scene.saw()
        #expect(scene.witness.ends[outer]?.status == .shuttingDown)
        #expect(scene.witness.ends[inner]?.status == .shuttingDown)
        let refusal = #expect(throws: Refusal.self) { try scene.open() }
        #expect(refusal?.status == .shuttingDown)
        expectSafe(scene)
    }

    @Test("No trap: a deadline and limits beyond the end of time")
    func hugeTimes() throws {
        var scene = Scene(silence: .max, ping: .max)
        scene.now = 1_000
        let id = try scene.open(timeout: .max)
        _ = try scene.open(.sync, timeout: .min)
        #expect(scene.core.operations[id]?.deadline == .max)
        scene.answer(scene.sink(of: id), keeping: .max)
        #expect(scene.addRef(scene.sink(of: id)) == .failure(.quotaViolation))
        scene.wait(10)
        expectSafe(scene)
    }

    @Test("What a refused call caused can be taken at once")
    func effectsOfARefusedCall() throws {
        var scene = Scene()
        let id = try scene.open(.async(sink: "/a"))
        scene.cancel(id)
        #expect(scene.core.peers[Scene.provider]?.liveness == .asked)
        let waiting = try scene.open(.async(sink: "/a"))
        #expect(scene.core.operations[waiting]?.state == .queued)
        _ = try? scene.core.begin(
            Request(client: Scene.provider, kind: .getObject, form: .async(sink: "/"), target: .provider(scene.registration)))
        scene.saw()
        #expect(scene.effects.contains(.call(scene.sink(of: waiting))))
        expectSafe(scene)
    }
}

/// No event of the scene broke a rule that the witness knows.
func expectSafe(_ scene: Scene, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(scene.witness.faults == [], sourceLocation: sourceLocation)
}
