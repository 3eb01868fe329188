import CIM
import Testing

@testable import CIMBusCore

@Suite("State charts")
struct StateChartTests {
    @Test("State charts: operations begin queued; every end passes status-seen and ended, also of one that nobody was asked about")
    func operations() throws {
        var scene = Scene()
        let request = Request(
            client: Scene.client, kind: .getObject, form: .sync, target: .broker(.stated(.notFound, "no class"), answer: nil))
        let id = try scene.core.begin(request)
        #expect(scene.core.operations[id] == nil)
        #expect(
            scene.core.stepsTaken.operations == [nil: [.queued], .queued: [.statusSeen], .statusSeen: [.ended], .ended: [nil]])
    }

    @Test(
        "State charts: an activation fails from idle, where a process leaves too early, and from expected, where it cannot initialize itself"
    )
    func activations() throws {
        var scene = Scene()
        scene.define(busName: "org.example.Provider")
        scene.unregister()
        _ = try scene.open(.sync)
        scene.register(Scene.provider, "Provider")
        #expect(scene.activation == .idle)
        scene.vanish(Scene.provider)
        #expect(scene.activation == .failed)
        scene.register(Scene.other, "Provider")
        scene.unregister()
        scene.expect()
        #expect(scene.activation == .expected)
        scene.startFailed("no licence", reason: .initializationFailed)
        #expect(scene.activation == .failed)
        expectSafe(scene)
    }

    @Test("A step that is on no chart, and what only a bug of the core itself leads to, changes nothing and is told with a note")
    func bugs() throws {
        var scene = Scene()
        let id = try scene.open(.sync)
        let before = scene.core.openOperations
        scene.core.become(id, .ended)
        scene.core.forget(OperationID(99))
        scene.core.complete(id)
        let bugs = scene.core.takeEffects().compactMap { effect -> String? in
            guard case .note(let note) = effect, note.event == .bug else { return nil }
            return note.text
        }
        #expect(
            bugs == [
                "State: from running to ended is no step of its chart", "operation 99 is forgotten twice",
                "operation \(id.number) ends undecided, or twice",
            ])
        #expect(scene.core.openOperations == before)
    }
}

extension Scene {
    fileprivate var activation: Activation.Kind? { core.registry.find(registration)?.activation.kind }
}
