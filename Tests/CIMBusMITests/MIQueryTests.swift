import CIM
import CIMBusClient
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension MITests {
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

        @Test("F.2: QueryInstances, pulled, looped over and by callback")
        func miQuery() async throws {
            let (stage, _, service) = try await Shelves.stage()
            let session = try await MI.Application().newSession(on: stage.stage)
            let pulled = try await pullAll(session.queryInstances(Shelves.boxQuery))
            #expect(pulled.code == .ok && pulled.isWellFormed)
            #expect(names(pulled.instances) == ["b1", "b3"])
            #expect(pulled.instances.allSatisfy { $0["Number"] == nil })
            let looped = try await soon {
                var instances: [CIMInstance] = []
                for try await instance in session.queryInstances(Shelves.boxQuery) { instances.append(instance) }
                return instances
            }
            #expect(names(looped) == ["b1", "b3"])
            let record = MIRecord()
            session.queryInstances(Shelves.boxQuery, callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            let called = try await record.all()
            #expect(names(called.instances) == ["b1", "b3"] && called.isWellFormed)
            let nothing = try await pullAll(session.queryInstances("SELECT * FROM Test_Box WHERE Number > 9"))
            #expect(nothing.code == .ok && nothing.instances.isEmpty && nothing.isWellFormed)
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("F.2: what a query can fail with: its text, its class, and what it says of its properties")
        func miFailures() async throws {
            let (stage, provider, service) = try await Shelves.stage()
            let session = try await MI.Application().newSession(on: stage.stage)
            for (query, code) in [
                ("SELECT * FORM Test_Box", MI.ResultCode.invalidQuery), ("SELECT * FROM Test_Nothing", .invalidClass),
                ("SELECT * FROM Test_Box WHERE Nothing = 1", .invalidQuery),
            ] {
                let results = try await pullAll(session.queryInstances(query))
                #expect(results.code == code, "\(query): \(String(describing: results.last))")
                #expect(results.instances.isEmpty && results.isWellFormed)
            }
            #expect(provider.calls.all.isEmpty)
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("F.2, I.4: AssociatorInstances and ReferenceInstances, with every condition, and keys only")
        func miAssociations() async throws {
            let (stage, _, service) = try await Shelves.stage()
            let session = try await MI.Application().newSession(on: stage.stage)
            let shelf = furniture("Test_Shelf", "s0")
            for (operation, expected) in [
                (session.associatorInstances(of: shelf), ["b0", "b1"]),
                (session.associatorInstances(of: furniture("Test_Box", "b2")), ["s1"]),
                (
                    session.associatorInstances(
                        of: shelf, associationClass: "Test_Holds", resultClass: "Test_Box", role: "Holder", resultRole: "Held"),
                    ["b0", "b1"]
                ),
                (session.associatorInstances(of: shelf, role: "Held"), []),
                (session.associatorInstances(of: shelf, resultClass: "Test_Shelf"), []),
                (session.associatorInstances(of: furniture("Test_Box", "b3")), []),
            ] {
                let results = try await pullAll(operation)
                #expect(results.code == .ok && results.isWellFormed, "\(String(describing: results.last))")
                #expect(names(results.instances) == expected)
            }
            let keys = try await pullAll(session.associatorInstances(of: shelf, keysOnly: true))
            #expect(names(keys.instances) == ["b0", "b1"])
            #expect(keys.instances.allSatisfy { $0["Number"] == nil && $0["Made"] == nil })

            let references = try await pullAll(session.referenceInstances(of: shelf, resultClass: "Test_Holds", role: "Holder"))
            #expect(references.code == .ok && references.isWellFormed)
            #expect(Set(references.instances.map { $0["Place"] }) == [.uint8(0), .uint8(1)])
            #expect(try await pullAll(session.referenceInstances(of: shelf, role: "Held")).instances.isEmpty)
            let referenceKeys = try await pullAll(session.referenceInstances(of: shelf, keysOnly: true))
            #expect(referenceKeys.instances.count == 2)
            #expect(referenceKeys.instances.allSatisfy { $0["Place"] == nil && $0["Held"] != nil })
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }
    }
}
