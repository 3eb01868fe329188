import DBus
import Testing
import WireTestKit

/// A connection that outlives the loss of its bus, and comes back (``Connection/outliveBus(_:)``).
@Suite(.timeLimit(.minutes(1)))
struct ReturnTests {
    private struct Act {
        let bus: PrivateBus
        let relay: BusRelay
        let server: Connection
        let client: Connection
        /// Why the server lost the bus, each time.
        let losses = Recorder<DBusError>()

        init() async throws {
            bus = try await PrivateBus.start()
            relay = try BusRelay.start(to: bus, keepsWhatIsSaid: true)
            server = try await Connection.connect(to: .address(relay.address), on: EventLoop(name: "server"))
            client = try await bus.connect()
            await server.outliveBus { [losses] in losses.record($0) }
            _ = await server.export(echoObject(), at: testPath)
        }

        func drop() async throws {
            let count = losses.all.count
            relay.cut()
            try await losses.wait("the loss") { $0.count > count }
        }

        func comeBack() async throws {
            try relay.lead(to: bus)
            try await server.reopen(to: .address(relay.address))
        }
    }

    @Test(
        "a connection that outlives its bus fails what waits and what is sent, and is not over; reopened it has another name and its objects"
    )
    func comesBack() async throws {
        let act = try await Act()
        let (former, id) = (act.server.uniqueName, try await act.server.busID())
        try await act.drop()
        #expect(await !act.server.isOver)
        #expect(await !act.server.isOnBus)
        #expect(await #expect(throws: DBusError.self) { try await act.server.busID() }?.code == .disconnected)
        await #expect(throws: DBusError.self) { try await act.server.reopen(to: .address(act.relay.address)) }
        await act.server.leaveBus(DBusError(code: .disconnected, "it did not work"))
        try await act.comeBack()
        #expect(try await act.server.busID() == id)
        #expect(act.server.uniqueName != former)
        #expect(try await act.client.call(echo("hello", to: act.server.uniqueName)).values() == [.string("hello")])
        await act.server.end(DBusError(code: .disconnected, "for good"))
        #expect(await act.server.closed.message == "for good")
    }

    @Test("a reply that is waited for when the bus is lost fails with .disconnected, after the owner has heard of the loss")
    func waiting() async throws {
        let act = try await Act()
        // The client answers nothing.
        await act.client.setInbound { _ in true }
        let name = act.client.uniqueName
        let call = Task { try await act.server.call(echo("", to: name, member: "Never"), timeout: nil) }
        // The bus has the call before it answers this.
        _ = try await act.server.busID()
        try await act.drop()
        let error = await #expect(throws: DBusError.self) { try await call.value }
        #expect(error?.code == .disconnected)
        #expect(act.losses.all.count == 1)
    }

    @Test("a call that is made while the connection comes back fails with .disconnected where it cannot, whatever the reason")
    func whileComingBack() async throws {
        let act = try await Act()
        try await act.drop()
        let bus = try FakeBus()
        let server = act.server
        let attempt = Task { try await server.reopen(to: .address(bus.address)) }
        try await bus.run { try $0.accept() }
        try await withDeadline(.seconds(10), "the connection to be on its way") { while await !server.isOnBus {} }
        let question = try Message.busCall("GetId")
        let answer = Event<Result<Message, DBusError>>("the end of the call")
        let asked = Event<Void>("the call to be made")
        server.loop.execute {
            server.assumeIsolated { $0.call(question, timeout: nil) { answer.send($0) } }
            asked.send(())
        }
        try await asked.value()
        bus.hangUp()
        let error = await #expect(throws: DBusError.self) { try await answer.value().get() }
        #expect(error?.code == .disconnected)
        await #expect(throws: DBusError.self) { try await attempt.value }
    }

    @Test("what was subscribed to comes again after the return")
    func subscriptions() async throws {
        let act = try await Act()
        let vanished = Recorder<String>()
        _ = try await act.server.onNameVanished { name, _ in vanished.record(name) }
        try await act.drop()
        try await act.comeBack()
        let name = act.client.uniqueName.text
        await act.client.close()
        try await vanished.wait("the end of a name") { $0.contains(name) }
    }

    @Test("a call that came before the bus was lost is not answered after the return")
    func owed() async throws {
        let act = try await Act()
        let calls = Recorder<MethodCall>()
        await act.server.setInbound { [server = act.server] message in
            calls.record(server.methodCall(message))
            return true
        }
        let former = act.server.uniqueName
        let first = Task { try await act.client.call(echo("first", to: former)) }
        try await calls.wait("the call") { $0.count == 1 }
        try await act.drop()
        #expect(await #expect(throws: DBusError.self) { try await first.value }?.code == .errorReply(.noReply))
        try await act.comeBack()
        let second = Task { [name = act.server.uniqueName] in try await act.client.call(echo("second", to: name)) }
        try await calls.wait("the second call") { $0.count == 2 }
        calls.all[0].reply([.string("late")])
        calls.all[1].reply([.string("in time")])
        #expect(try await second.value.values() == [.string("in time")])
        let said = String(decoding: act.relay.said.all.flatMap(\.self), as: UTF8.self)
        #expect(said.contains("in time"))
        #expect(!said.contains("late"))
    }
}
