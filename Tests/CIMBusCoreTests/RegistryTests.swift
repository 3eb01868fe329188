import CIM
import Testing

@testable import CIMBusCore

@Suite("Registrations (L6, L11; Semantics D.5)")
struct RegistryTests {
    @Test("L6, L11: a definition outlives its process; a restarted provider is another peer, and old operations are not its")
    func restarted() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.vanish(Scene.provider)
        #expect(scene.witness.ends[id]?.status == .providerFailure)
        let first = scene.registration
        scene.register(Scene.other, "PROVIDER")
        #expect(scene.registration == first)
        let next = try scene.open()
        scene.answer(scene.sink(of: next))
        #expect(scene.witness.ends[next]?.status == .noError)
        expectSafe(scene)
    }

    @Test("D.5: a second process under a live name is ProviderAlreadyRegistered; a name one does not serve is ProviderNotRegistered")
    func taken() throws {
        var scene = Scene()
        let again = #expect(throws: Refusal.self) {
            try scene.core.register(Scene.other, namespace: "root/cimv2", name: "Provider", silence: nil, ping: nil)
        }
        #expect(again?.status == .providerAlreadyRegistered)
        let foreign = #expect(throws: Refusal.self) {
            try scene.core.unregister(Scene.other, namespace: "root/cimv2", name: "Provider")
        }
        #expect(foreign?.status == .providerNotRegistered)
    }

    @Test("G.3: a suspended provider answers ProviderSuspended until it is resumed")
    func suspended() throws {
        var scene = Scene()
        scene.core.suspend(scene.registration)
        scene.saw()
        let id = try scene.open(.sync)
        #expect(scene.witness.ends[id]?.status == .providerSuspended)
        scene.core.resume(scene.registration)
        scene.saw()
        let next = try scene.open(.sync)
        #expect(scene.core.operations[next]?.state == .running)
        expectSafe(scene)
    }

    @Test("Section 2: the same events give the same effects")
    func deterministic() throws {
        func run() throws -> [Effect] {
            var scene = Scene()
            var all: [Effect] = []
            for number in 0..<20 {
                _ = try scene.open(number % 2 == 0 ? .async(sink: "/\(number)") : .semisync)
                all += scene.effects
            }
            scene.vanish(Scene.provider)
            return all + scene.effects
        }
        let first = try run()
        #expect(first.count > 20)
        #expect(try run() == first)
    }
}
