import CIM
import Testing

@testable import CIMBusCore

@Suite("What finished operations leave (L8)")
struct ResultTests {
    private static let neighbour = PeerID(4)

    /// A client, and a second connection of its user.
    private static func scene(_ change: (inout Limits) -> Void) -> Scene {
        var limits = Limits()
        change(&limits)
        var scene = Scene(limits)
        scene.core.peerAppeared(neighbour, uid: 1_000, pid: 104)
        return scene
    }

    /// An operation that has ended, with an object of so many bytes.
    private static func finished(_ scene: inout Scene, by client: PeerID = Scene.client, bytes: UInt32 = 1) throws -> OperationID {
        let id = try scene.open(.semisync, by: client)
        scene.answer(scene.sink(of: id), objects: [bytes])
        return id
    }

    @Test("W8 L8: a finished operation is no open one: as many as like begin while its results are kept")
    func noOpenOperation() throws {
        var scene = Self.scene { $0.operationsPerUser = 1 }
        for _ in 0..<3 { _ = try Self.finished(&scene) }
        #expect(scene.core.operations.count == 3)
        #expect(scene.core.openOperations == 0)
        expectSafe(scene)
    }

    @Test("W8 L8: past the number of results those go first whose end was read, of whichever connection")
    func readResultsGoFirst() throws {
        var scene = Self.scene { $0.resultsPerUser = 3 }
        let unread = try Self.finished(&scene)
        let half = try Self.finished(&scene)
        try scene.pull(half, .next(1))
        let read = try Self.finished(&scene)
        try scene.pull(read, .next(2))
        let next = try scene.open(.semisync, by: Self.neighbour)
        #expect(scene.effects.first == .expire(read))
        #expect(scene.core.operations.keys == [unread, half, next])
        expectSafe(scene)
    }

    @Test("W8 L8: results whose status was asked for count as read")
    func statusIsRead() throws {
        var scene = Self.scene { $0.resultsPerUser = 1 }
        let put = try scene.open(.semisync, .putInstance)
        scene.answer(scene.sink(of: put))
        try scene.pull(put, .result)
        _ = try scene.open(.semisync)
        #expect(scene.core.operations[put] == nil)
        expectSafe(scene)
    }

    @Test("W8 L8: past the number of results the connection that keeps most is refused more; for another its oldest go")
    func whoKeepsMostPays() throws {
        var scene = Self.scene { $0.resultsPerUser = 3 }
        let oldest = try Self.finished(&scene)
        scene.now += 1
        let neighbours = try Self.finished(&scene, by: Self.neighbour)
        let second = try Self.finished(&scene)
        let refusal = #expect(throws: Refusal.self) { try scene.open(.semisync) }
        #expect(refusal?.status == .quotaViolation)
        #expect(refusal?.message.contains("2 finished operations") == true)
        // What needs no place is not refused.
        let sync = try scene.open(.sync)
        scene.answer(scene.sink(of: sync))
        let next = try scene.open(.semisync, by: Self.neighbour)
        #expect(scene.core.operations.keys == [neighbours, second, next])
        #expect(scene.core.operations[oldest] == nil)
        // A close makes room.
        scene.close(second)
        _ = try scene.open(.semisync)
        expectSafe(scene)
    }

    @Test("W8 L8: the number of all results is bounded, too; who keeps most of all pays")
    func allUsers() throws {
        var scene = Self.scene { $0.results = 2 }
        let first = try Self.finished(&scene)
        let second = try Self.finished(&scene)
        let strangers = try scene.open(.semisync, by: Scene.other)
        #expect(scene.core.operations.keys == [second, strangers])
        #expect(scene.core.operations[first] == nil)
        expectSafe(scene)
    }

    @Test("W8 L13: past the bytes of results the connection that keeps most is refused; for another its oldest go")
    func bytes() throws {
        var scene = Self.scene { $0.bufferedPerUser = 1_000 }
        let first = try Self.finished(&scene, bytes: 600)
        let small = try Self.finished(&scene, by: Self.neighbour, bytes: 100)
        _ = try Self.finished(&scene, bytes: 600)
        #expect(throws: Refusal.self) { try scene.open(.semisync) }
        #expect(throws: Refusal.self) { try scene.open(.sync) }
        // Its objects go to a sink at once.
        _ = try scene.open(.async(sink: "/a"))
        _ = try scene.open(.semisync, by: Self.neighbour)
        #expect(scene.core.operations[first] == nil)
        #expect(scene.core.operations[small] != nil)
        expectSafe(scene)
    }

    @Test("W8 L8, L13: bytes that open operations hold cannot go; more is refused")
    func bytesOfOpenOperations() throws {
        var scene = Self.scene { $0.bufferedPerUser = 1_000 }
        let open = try scene.open(.semisync)
        scene.indicate(scene.sink(of: open), [1_000])
        #expect(throws: Refusal.self) { try scene.open(.semisync, by: Self.neighbour) }
        try scene.pull(open, .next(1))
        _ = try scene.open(.semisync, by: Self.neighbour)
        expectSafe(scene)
    }

    @Test("W8 L12: the results of nested operations go with their parent; one that its parent ended can be asked how")
    func nestedResults() throws {
        var scene = Scene()
        let outer = try scene.open()
        for _ in 0..<3 {
            let inner = try scene.open(.semisync, by: Scene.provider, in: outer)
            scene.answer(scene.sink(of: inner), objects: [1])
        }
        let running = try scene.open(.semisync, by: Scene.provider, in: outer)
        #expect(scene.core.operations.count == 5)
        scene.answer(scene.sink(of: outer))
        #expect(scene.core.operations.keys == [running])
        #expect(scene.witness.ends[running]?.explanation?.reason == .parentEnded)
        expectSafe(scene)
    }
}
