import CIM
import CIMBusClient
import CIMBusTestKit
import Testing

/// A delete by the library, of a broker that does what the test says (SEMANTICS K.5).
@Suite(.timeLimit(.minutes(1))) struct DeleteTests {
    @Test("R135: the library takes the objects that come with a delete, gives credit for them, and its result is the status")
    func objects() async throws {
        let bus = try await PrivateBus.start()
        let broker = try await ScriptedBroker(on: bus)
        let session = try await Session.connect(to: .address(bus.address))
        let path = try CIMObjectPath(parsing: "T_Thing.Number=1")
        for status in [WBEMStatus.noError, .accessDenied] {
            let pending = session.beginDeleteInstance(path)
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
