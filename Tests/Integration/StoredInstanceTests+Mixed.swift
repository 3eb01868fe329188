import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration.StoredInstanceTests {
    /// Static instances of `Test_Base`, and two providers' classes below it.
    private struct Mixed {
        let scene: Scene
        let first: RawProvider
        let second: RawProvider

        init(stored: Int = 3) async throws {
            scene = try await Scene.start()
            try await scene.client.mustCompile(mof + instances(stored))
            first = try await Self.provider("First", "Test_First", on: scene)
            second = try await Self.provider("Second", "Test_Second", on: scene)
        }

        private static func provider(_ name: String, _ className: String, on scene: Scene) async throws -> RawProvider {
            let provider = try await RawProvider.start(on: scene.bus, name: name, className: className, registers: false)
            try await provider.register(mof: "[dynamic, provider(\"\(name)\")] class \(className) : Test_Base { };")
            return provider
        }

        var all: [String] { ["0", "1", "2"] + ["thing0", "thing0", "thing1", "thing1", "thing2", "thing2"] }

        /// The second provider delivers two of its things and then goes on when told to.
        func pauseSecond(until go: Event<Void>) {
            second.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await call.sink.indicate([call.provider.thing("a"), call.provider.thing("b")])
                try await go.value(within: .seconds(60))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
        }
    }

    @Test("C.4 A.4: a deep enumeration gives static and dynamic instances; a shallow one, exactly its class", arguments: CallForm.allCases)
    func mixed(form: CallForm) async throws {
        let mixed = try await Mixed()
        let (scene, client) = (mixed.scene, mixed.scene.client)
        #expect(try await client.run(.enumerate("Test_Base"), form).names() == mixed.all)
        #expect(try await client.run(.enumerate("Test_Base"), form, flags: 1).names() == ["0", "1", "2"])
        #expect(try await client.run(.enumerate("Test_First"), form).names() == ["thing0", "thing1", "thing2"])
        #expect(mixed.first.calls.all.map(\.target) == ["Test_First", "Test_First"])
        // Without the system properties that follow from the class, too.
        let bare = try await client.run(.enumerate("Test_Base"), form, context: [("__DERIVED_SYSTEM_PROPERTIES", .boolean(false))])
        #expect(bare.names() == mixed.all)
        #expect(bare.objects.allSatisfy { $0["__PATH"] == nil && $0["__CLASS"] != nil })
        // An instance of a dynamic class is its provider's.
        #expect(try await client.run(.get("Test_First=\"thing1\""), form).objects.first?["__CLASS"]?.text == "Test_First")
        try await expectQuiet(scene, next: .enumerate("Test_Base"))
    }

    @Test(
        "C.4 L6: a provider that dies in it is ProviderFailure and is named; what was delivered stays",
        arguments: [CallForm.semisync, .async])
    func death(form: CallForm) async throws {
        let mixed = try await Mixed()
        let (scene, client) = (mixed.scene, mixed.scene.client)
        let go = Event<Void>("never")
        mixed.pauseSecond(until: go)
        let open = try await client.start(.enumerate("Test_Base"), form)
        let path = try #require(open.path)
        try await scene.eventually("all that comes") {
            try await client.property(path, Contract.operation, "ObjectsDelivered") == .uint64(8)
        }
        await mixed.second.close()
        let result = try await open.result()
        #expect(result.status == .providerFailure)
        #expect(result.details["ProviderName"]?.text == "Second")
        #expect(result.details["Description"]?.text?.contains("provider Second") == true, "\(result.details)")
        #expect(result.names() == ["0", "1", "2", "a", "b", "thing0", "thing1", "thing2"])
        // It is still defined: that it is not running is now the answer.
        #expect(try await client.run(.enumerate("Test_Base"), form).status == .providerLoadFailure)
        #expect(try await client.run(.enumerate("Test_Base"), form, flags: 1).names() == ["0", "1", "2"])
        try await expectQuiet(scene, [open.sink])
    }

    @Test("C.4: after the failure of one source the others are not waited for to their end")
    func failureIsPrompt() async throws {
        let mixed = try await Mixed(stored: 5_000)
        let (scene, client) = (mixed.scene, mixed.scene.client)
        mixed.second.on("CreateInstanceEnumAsync") { $0.fail(.outOfMemory, "no more") }
        let sink = client.makeSink(acknowledges: false)
        let open = try await client.start(.enumerate("Test_Base"), .async, sink: sink)
        try await mixed.second.calls.wait("the call") { !$0.isEmpty }
        var acknowledged = 0
        while sink.finals == 0 {
            let seen = acknowledged
            try await sink.events.wait("the next batch") { $0.count > seen }
            acknowledged += 1
            _ = try await scene.operationStates()
            client.acknowledge(sink, 1)
        }
        let result = try await open.result()
        #expect(result.status == .outOfMemory)
        #expect(result.message.contains("Second") || result.details["ProviderName"]?.text == "Second")
        #expect(sink.objects.count < 5_000, "\(sink.objects.count)")
        try await expectQuiet(scene, [sink])
    }

    @Test(
        "L9: a cancel in the middle ends it at once, tells the provider, and the rest is discarded", arguments: [CallForm.semisync, .async])
    func cancel(form: CallForm) async throws {
        let mixed = try await Mixed(stored: 5_000)
        let (scene, client) = (mixed.scene, mixed.scene.client)
        let go = Event<Void>("never")
        mixed.pauseSecond(until: go)
        let sink = client.makeSink(acknowledges: false)
        let open = try await client.start(.enumerate("Test_Base"), form, sink: sink)
        let call = try await mixed.second.calls.wait("the call") { !$0.isEmpty }[0]
        _ = try await client.call(#require(open.path), Contract.operation, "Cancel")
        if form == .async { #expect(try await open.result().status == .callCancelled) }
        try await mixed.second.cancelled.wait("the cancel") { $0 == [call.sink.path.text] }
        try await scene.waitForOperations(0)
        try await expectQuiet(scene, form == .async ? [sink] : [])
        go.send(())
    }

    @Test("L9: a client that vanishes in the middle leaves nothing open")
    func vanishing() async throws {
        let mixed = try await Mixed(stored: 5_000)
        let scene = mixed.scene
        let go = Event<Void>("never")
        mixed.pauseSecond(until: go)
        let other = try await RawClient.connect(to: scene.bus)
        _ = try await other.start(.enumerate("Test_Base"), .async, sink: other.makeSink(acknowledges: false))
        let pulled = try await other.start(.enumerate("Test_Base"), .semisync)
        #expect(try await pulled.next(timeout: 5_000, count: 10).1.count == 10)
        let sync = Task { try await other.services("CreateInstanceEnum", [.string("Test_Base"), .int32(0), .dictionary([])]) }
        // A put on its way is carried out or not, and leaves nothing either.
        for index in 0..<20 { _ = try await other.start(Self.base("late\(index)"), .async) }
        try await mixed.second.calls.wait("the calls") { $0.count >= 3 }
        await other.close()
        _ = await sync.result
        try await mixed.second.cancelled.wait("the cancels") { Set($0).count == 3 }
        try await scene.waitForOperations(0)
        go.send(())
        mixed.second.on("CreateInstanceEnumAsync", nil)
        try await expectQuiet(scene)
        #expect(try await scene.client.run(.enumerate("Test_Base"), .async).objects.count >= 5_006)
    }
}
