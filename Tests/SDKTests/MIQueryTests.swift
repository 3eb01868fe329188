import CIM
import CIMBusClient
import CIMBusTestKit
import DBus
import Testing

extension SDKTests {
    /// What queries MI's functions become.
    @Suite struct MIQueryTests {
        @Test("F.2, I.4: queries, associators and references, as the broker is asked")
        func text() async throws {
            let bus = try await PrivateBus.start()
            let standIn = try await MIQueryStandIn(on: bus)
            let application = MI.Application()
            let session = try await application.newSession(to: .address(bus.address), logger: quiet)
            #expect(try await pullAll(session.queryInstances("SELECT * FROM Test_Thing")).code == .ok)
            #expect(try await pullAll(session.queryInstances("x", dialect: "CQL")).code == .ok)
            #expect(try await pullAll(session.associatorInstances(of: path("a"))).code == .ok)
            let all = session.associatorInstances(
                of: path("a"), associationClass: "Test_Holds", resultClass: "Test_Ticket", role: "Holder", resultRole: "Held")
            #expect(try await pullAll(all).code == .ok)
            #expect(try await pullAll(session.referenceInstances(of: path("a"), role: "Holder")).code == .ok)
            #expect(
                standIn.queries.all.map(\.text) == [
                    "SELECT * FROM Test_Thing", "x", "ASSOCIATORS OF {Test_Thing.Name=\"a\"}",
                    "ASSOCIATORS OF {Test_Thing.Name=\"a\"} WHERE AssocClass = Test_Holds ResultClass = Test_Ticket Role = Holder ResultRole = Held",
                    "REFERENCES OF {Test_Thing.Name=\"a\"} WHERE Role = Holder",
                ])
            #expect(standIn.queries.all.map(\.language) == ["WQL", "CQL", "WQL", "WQL", "WQL"])
        }

        @Test("F.2: a name that says more than a name does not get into a query")
        func injection() async throws {
            let bus = try await PrivateBus.start()
            let standIn = try await MIQueryStandIn(on: bus)
            let session = try await MI.Application().newSession(to: .address(bus.address), logger: quiet)
            #expect(try await pullAll(session.associatorInstances(of: path("a"), role: "x ResultClass = y")).code == .invalidParameter)
            #expect(try await pullAll(session.referenceInstances(of: path("a"), resultClass: "")).code == .invalidParameter)
            let ofClass = session.associatorInstances(of: CIMObjectPath(className: "Test_Thing"))
            #expect(try await pullAll(ofClass).code == .invalidParameter)
            #expect(standIn.queries.all.isEmpty)
        }

        @Test("F.8: a success with a reservation is OK, and a warning")
        func reservation() async throws {
            let bus = try await PrivateBus.start()
            let standIn = try await MIQueryStandIn(on: bus, ending: .sPartialResults)
            let session = try await MI.Application().newSession(to: .address(bus.address), logger: quiet)
            let messages = Recorder<String>()
            let callbacks = MI.OperationCallbacks(writeMessage: { _, channel, text in messages.record("\(channel) \(text)") })
            #expect(try await pullAll(session.queryInstances("x", callbacks: callbacks)).code == .ok)
            #expect(messages.all.count == 1)
            #expect(messages.all.first?.hasPrefix("warning WBEM_S_PARTIAL_RESULTS") == true)
            let silent = MI.OperationOptions(channels: [.verbose])
            #expect(try await pullAll(session.queryInstances("x", options: silent, callbacks: callbacks)).code == .ok)
            #expect(messages.all.count == 1)
            withExtendedLifetime(standIn) {}
        }

        @Test("F.8: what a provider says of PARTIAL_RESULTS is the text of the warning")
        func reservationInWords() async throws {
            let bus = try await PrivateBus.start()
            let standIn = try await MIQueryStandIn(on: bus, ending: .sPartialResults, saying: "one drawer is locked")
            let session = try await MI.Application().newSession(to: .address(bus.address), logger: quiet)
            let messages = Recorder<String>()
            let callbacks = MI.OperationCallbacks(writeMessage: { _, channel, text in messages.record("\(channel) \(text)") })
            #expect(try await pullAll(session.queryInstances("x", callbacks: callbacks)).code == .ok)
            #expect(messages.all == ["warning WBEM_S_PARTIAL_RESULTS: one drawer is locked"])
            withExtendedLifetime(standIn) {}
        }
    }
}
