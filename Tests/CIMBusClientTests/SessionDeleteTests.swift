import CIM
import CIMBusClient
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// A delete by the client's library (Semantics K.5).
    @Suite struct SessionDeleteTests {
        /// A stage whose provider starts to delete, and does not come to an end.
        private static func start(_ called: Recorder<String>) async throws -> Stage {
            try await Stage.start(
                ThingProvider(delete: { path, _ in
                    called.record(path.relativePath)
                    try await Event<Void>("the end of the test").value(within: .seconds(50))
                }))
        }

        private static func status(_ session: Session, _ form: Form) async -> WBEMStatus? {
            await #expect(throws: CIMError.self) { try await session.delete(path("a"), form) }?.status
        }

        @Test(
            "R134: a delete whose connection to the broker is lost ends with a transport error, and so does one that finds no broker",
            arguments: Form.allCases)
        func brokerLost(form: Form) async throws {
            let called = Recorder<String>()
            let stage = try await Self.start(called)
            let session = stage.session
            let failure = Task { await Self.status(session, form) }
            try await called.wait("the call") { !$0.isEmpty }
            try await stage.broker.process.killAndWait()
            #expect(try await soon("the delete to end") { await failure.value } == .transportFailure)
            #expect(await Self.status(session, form) == .transportFailure)
        }

        @Test(
            "R134: a delete whose connection to the bus is lost ends with a fatal transport error, as those after it",
            arguments: Form.allCases)
        func busLost(form: Form) async throws {
            let called = Recorder<String>()
            let stage = try await Self.start(called)
            let session = stage.session
            let failure = Task { await Self.status(session, form) }
            try await called.wait("the call") { !$0.isEmpty }
            stage.bus.daemon.signal(9)
            #expect(try await soon("the delete to end") { await failure.value } == .fatalTransportError)
            #expect(await Self.status(session, form) == .fatalTransportError)
        }

        @Test(
            "R140: the library's semisynchronous delete ends as its other forms do: done, or with the same error", arguments: Form.allCases)
        func sameResult(form: Form) async throws {
            let store = ThingStore()
            let stage = try await Stage.start(store.provider)
            let session = stage.session
            _ = try await session.put(thing(1), .sync)
            try await session.delete(path("n1"), form)
            #expect(store["n1"] == nil)
            let error = await #expect(throws: CIMError.self) { try await session.delete(path("n1"), form) }
            #expect(error?.status == .notFound)
            #expect(error?.message.contains("there is no Test_Thing.Name=\"n1\"") == true)
            #expect(error?.providerName == Things.registration)
            try await stage.expectQuiet()
        }

        @Test("R135: the library takes the objects that come with a delete, gives credit for them, and its result is the status")
        func objects() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await ScriptedBroker(on: bus)
            let session = try await Session.connect(to: .address(bus.address))
            let path = try CIMObjectPath(parsing: "T_Thing.Number=1")
            for status in [WBEMStatus.noError, .accessDenied] {
                let pending = session.beginDeleteInstance(at: path)
                let call = try await next(broker.calls, "the delete")
                #expect(call.member == "DeleteInstanceAsync")
                for number in 1...2 {
                    try await broker.indicate(call, [ScriptedBroker.thing(UInt32(number))])
                    #expect(try await next(broker.acknowledged, "the credit") == 1)
                }
                try await broker.setStatus(call, status)
                let result = try await withDeadline(.seconds(10), "the result") { () -> WBEMStatus in
                    do throws(CIMError) {
                        try await pending.value
                        return .noError
                    } catch {
                        return error.status
                    }
                }
                #expect(result == status)
            }
        }
    }
}
