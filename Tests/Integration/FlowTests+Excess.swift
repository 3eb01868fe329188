import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

/// Clients that never read, and providers that never wait (L13; Design 3).
extension Integration.FlowTests {
    @Test("L13: clients that never read disturb nobody, and end as ClientTooSlow")
    func stoppedReader() async throws {
        let scene = try await Scene.start("--credit", "1")
        let provider = try await scene.provider()
        provider.on("CreateInstanceEnumAsync") { call in
            if call.context["Large"] == nil { return call.reply(.noError, references: 0, batch(3)) }
            call.reply(references: 1)
            for index in 0..<200 { try await call.sink.indicate(batch(1, from: index, bytes: 200_000)) }
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
        }
        let stopped = try await RawClient.connect(to: scene.bus)
        let open = try await stopped.start(.enumerate("Test_Thing"), .async, context: [("Large", .boolean(true))])
        stopped.stopReading()
        var times: [Duration] = []
        for _ in 0..<50 {
            for form in CallForm.allCases {
                let started = ContinuousClock.now
                #expect(try await scene.client.run(.enumerate("Test_Thing"), form).objects.count == 3)
                times.append(ContinuousClock.now - started)
            }
        }
        #expect(times.max().map { $0 < .seconds(1) } == true)
        try await provider.cancelled.wait("the slow client's end") { $0.count == 1 }
        stopped.resumeReading()
        #expect(try await open.result().status == .clientTooSlow)
        try await expectQuiet(scene, [open.sink], next: .enumerate("Test_Thing"))
    }

    @Test("L13 Design 3: at a user's cap its own calls still get small replies; only overdue credit ends operations")
    func capOfUser() async throws {
        let scene = try await Scene.start("--credit", "1")
        let provider = try await scene.provider()
        let go = Event<Void>("the client to stop")
        provider.on("CreateInstanceEnumAsync") { call in
            if call.context["Large"] == nil { return call.reply(.noError, references: 0, batch(3)) }
            call.reply(references: 1)
            try await go.value()
            for index in 0..<10 { try await call.sink.indicate(batch(1, from: index, bytes: 200_000)) }
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
        }
        let stopped = try await RawClient.connect(to: scene.bus)
        var open: [RawOpenOperation] = []
        for _ in 0..<12 {
            open.append(try await stopped.start(.enumerate("Test_Thing"), .async, context: [("Large", .boolean(true))]))
        }
        stopped.stopReading()
        go.send(())
        // Twelve windows of 1 MiB are more than the 8 MiB of one user.
        try await scene.eventually("the cap to be reached") {
            let entries = try await scene.client.call(Contract.rootPath, Contract.broker, "ListOperations").first?.elements ?? []
            let objects = entries.compactMap { $0.elements?.last?.stringDictionary?["ObjectsDelivered"]?.integer(Int.self) }
            return objects.reduce(0, +) >= 40
        }
        for form in [CallForm.sync, .semisync] {
            #expect(try await scene.client.run(.enumerate("Test_Thing"), form, within: .seconds(1)).objects.count == 3)
        }
        try await provider.cancelled.wait("the slow client's ends") { $0.count == 12 }
        stopped.resumeReading()
        for operation in open {
            let result = try await operation.result()
            #expect(result.status == .clientTooSlow)
            #expect(result.objects.count <= 5)
        }
        try await expectQuiet(scene, open.map(\.sink), next: .enumerate("Test_Thing"))
    }

    @Test(
        "L13 Design 3: past a bound of replies that a user does not read its calls are refused and told whose they are; others' are not",
        .enabled(if: getuid() == 0))
    func unreadReplies() async throws {
        let bus = try await PrivateBus.start(allUsers: true)
        let scene = try await Scene.start(bus: bus)
        let provider = try await scene.provider()
        provider.on("CreateInstanceEnumAsync") { call in call.reply(.noError, references: 0, batch(1, bytes: 200_000)) }
        let hog = try await RawClient.connect(to: bus)
        let name = hog.connection.uniqueName.text
        let message = try Message.methodCall(
            destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
            member: MemberName(verified: "CreateInstanceEnum"), values: RawOperation.enumerate("Test_Thing").arguments())
        // 12 MiB of replies; all calls before the first is answered.
        hog.connection.loop.execute {
            hog.connection.assumeIsolated { connection in for _ in 0..<60 { try? connection.send(message) } }
        }
        hog.stopReading()
        try await scene.eventually("the bound") {
            let result = try await scene.client.run(.get(thing("thing0")))
            return result.status == .quotaViolation && result.message.contains("\(name) (process \(getpid()))")
        }
        let other = try await ChildProcess.output(
            "setpriv",
            [
                "--reuid", "65534", "--regid", "65534", "--clear-groups", "busctl", "--address=\(bus.address)", "call", "org.cimbus1",
                RawClient.cimv2.text, Contract.services.text, "GetObject", "sia{sv}", thing("thing0"), "0", "0",
            ])
        #expect(other.text.contains("thing0"), "\(other.text)")
        hog.resumeReading()
        try await scene.eventually("room") { try await scene.client.run(.get(thing("thing0"))).status == .noError }
        await hog.close()
        try await expectQuiet(scene, next: .get(thing("thing0")))
    }

    @Test("Design 3: 64 Indicate calls unanswered per connection, whatever the sink")
    func floodAcrossSinks() async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        provider.on("CreateInstanceEnumAsync") { call in
            call.reply(references: 1)
            for index in 0..<16 { try call.sink.sendIndicate(batch(1, from: index), wantsReply: true) }
        }
        var open: [RawOpenOperation] = []
        for index in 0..<9 {
            let sink = scene.client.makeSink(acknowledges: false)
            open.append(try await scene.client.start(.enumerate("Test_Thing"), .async, sink: sink))
            if index < 8 { try await sink.events.wait("the window") { $0.count == 8 } }
        }
        let last = try #require(open.last?.sink)
        // Eight wait on each of eight sinks: the 65th is one too many, on whichever sink.
        let result = try await last.result()
        #expect(result.status == .providerFailure)
        #expect(result.message.contains("flooded"))
        #expect(try await scene.waitForOperations(8).allSatisfy { $0 == "running" })
        for operation in open.dropLast() {
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(#require(operation.sink).path)])
            #expect(try await operation.result().status == .callCancelled)
        }
        provider.on("CreateInstanceEnumAsync", nil)
        try await expectQuiet(scene, open.map(\.sink), next: .enumerate("Test_Thing"))
    }

    @Test("Design 3: a provider that has too many Indicate calls unanswered is cut off")
    func flood() async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        let other = try await scene.provider("Other", className: "Test_Other")
        provider.on("CreateInstanceEnumAsync") { call in
            call.reply(references: 1)
            for index in 0..<40 { try call.sink.sendIndicate(batch(1, from: index), wantsReply: true) }
        }
        let sink = scene.client.makeSink(acknowledges: false)
        let open = try await scene.client.start(.enumerate("Test_Thing"), .async, sink: sink)
        // Eight went to the client, eight wait; one more is a flood.
        try await sink.events.wait("8 batches") { $0.count >= 8 }
        // Credit that came before the flood would make room for more.
        try await provider.cancelled.wait("the cut") { !$0.isEmpty }
        scene.client.acknowledge(sink, 8)
        try await sink.events.wait("the rest") { $0.count >= 16 }
        scene.client.acknowledge(sink, 8)
        let result = try await open.result()
        #expect(result.status == .providerFailure)
        #expect(result.message.contains("flooded"))
        #expect(sink.objects.count == 16)
        _ = other
        provider.on("CreateInstanceEnumAsync", nil)
        try await expectQuiet(scene, [sink], next: .enumerate("Test_Thing"))
    }
}
