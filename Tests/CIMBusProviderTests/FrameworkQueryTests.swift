import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusWire
import DBus
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

extension ProviderTests {
    /// What a provider sends when it asks with a query, or while it answers one, message by message: Semantics E.1.
    @Suite struct FrameworkQueryTests {
        private static let partClass = CIMClass(
            name: "Test_Part",
            properties: [
                CIMProperty(
                    name: "Name", type: CIMTypeReference(.string),
                    qualifiers: [CIMQualifier(name: "key", value: true)], origin: "Test_Part"),
                CIMProperty(name: "Number", type: CIMTypeReference(.uint32), origin: "Test_Part"),
            ])

        /// Plays the broker's part in one query or enumeration of 3 instances, in three replies; what it was asked is recorded.
        private func playServices(on broker: BrokerStandIn) async -> Recorder<String> {
            let asked = Recorder<String>()
            let replies = Mutex([(WBEMStatus.noError, [part(0)]), (.sTimedOut, [part(1)]), (.sFalse, [part(2)])])
            let services = ExportedInterface(
                Interfaces.services,
                methods: [
                    "ExecQuerySemisync": .immediate { call in
                        var reader = call.reader
                        let language = (try? reader.readString()) ?? "?"
                        let query = (try? reader.readString()) ?? "?"
                        asked.record("\(language): \(query) \(Self.flagsAndContext(&reader))")
                        call.reply([.objectPath(Contract.path(ofOperation: 7))])
                    },
                    "CreateInstanceEnumSemisync": .immediate { call in
                        var reader = call.reader
                        let className = (try? reader.readString()) ?? "?"
                        asked.record("all of \(className) \(Self.flagsAndContext(&reader))")
                        call.reply([.objectPath(Contract.path(ofOperation: 7))])
                    },
                    "GetObject": .immediate { call in
                        var reader = call.reader
                        asked.record("class \((try? reader.readString()) ?? "?")")
                        _ = call.reply(signature: Signature(verified: "a{sv}")) { (body) throws(DBusError) in
                            body.append(class: Self.partClass, namespace: .cimv2, server: "here")
                        }
                    },
                ])
            let enumerator = ExportedInterface(
                Interfaces.enumerator,
                methods: [
                    "Next": .immediate { call in
                        var reader = call.reader
                        let wait = (try? reader.readInt32()) ?? -1
                        let count = (try? reader.readUInt32()) ?? 0
                        asked.record(wait == 0 ? "what is there" : "wait for \(count)")
                        let (status, instances) = replies.withLock { $0.isEmpty ? (.sFalse, []) : $0.removeFirst() }
                        call.reply([
                            .uint32(status.rawValue),
                            .array(element: Signature(verified: "a{sv}"), instances.map { DBusValue(instance: $0) }),
                        ])
                    },
                    "Close": .immediate { call in
                        asked.record("close")
                        call.reply()
                    },
                ])
            _ = await broker.connection.export(ExportedObject([services]), at: Contract.path(of: .cimv2))
            _ = await broker.connection.export(ExportedObject([enumerator]), at: Contract.path(ofOperation: 7))
            return asked
        }

        /// The flags, and what the context says of the operation and of the client's own.
        private static func flagsAndContext(_ reader: inout BodyReader) -> String {
            let flags = (try? reader.readInt32()) ?? -1
            let context = (try? reader.readValue(Signature(verified: "a{sv}")).stringDictionary) ?? [:]
            return "\(flags) \(context["__OPERATION"]?.integer() ?? 0) \(context["Shade"]?.text ?? "?")"
        }

        private static let context: DBusValue = .dictionary([("__OPERATION", .uint64(5)), ("Shade", .string("green"))])

        private func enumerate(_ broker: BrokerStandIn) async throws -> Message {
            try await broker.send("CreateInstanceEnumAsync", [.string("Test_Thing"), .int32(0), Self.context])
        }

        @Test("E.1, L12: a query goes out as it is, with the context, in the semisynchronous form; its instances come one by one")
        func query() async throws {
            let query = "SELECT Name FROM Test_Part WHERE Number < 3"
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let asked = await playServices(on: broker)
            let seen = Recorder<Int>()
            let service = RunningService(
                ThingProvider(enumerate: { _, context, _ in
                    try await context.glue.getInstancesByQueryAsynch(query, requester: 1, userData: seen) { _, instance, _, seen in
                        #expect(instance["Number"] == .uint32(UInt32(seen.all.count)))
                        seen.record(number(of: instance.value))
                    }
                }), on: bus, options: .patient)
            _ = try await soon { try await enumerate(broker) }
            #expect(seen.all == [0, 1, 2])
            // L8: closed once its end is there, so that the broker keeps nothing of it.
            #expect(
                asked.all == ["WQL: \(query) 0 5 green", "wait for 1", "class Test_Part", "what is there", "wait for 1", "close"])
            withExtendedLifetime(service) {}
        }

        /// Asks for all instances of another class while it answers a query.
        private struct Asking: FrameworkProvider {
            let seen: Recorder<Int>

            func execQuery(_ query: FrameworkQuery, flags: OperationFlags, context: MethodContext) async throws {
                try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 1, userData: seen) { _, instance, _, seen in
                    seen.record(number(of: instance.value))
                }
            }
        }

        @Test("R11, L12: the context that ExecQuery was given is passed on, as that of an enumeration is, in the semisynchronous form")
        func contextOfQuery() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let asked = await playServices(on: broker)
            let seen = Recorder<Int>()
            let service = RunningService(Asking(seen: seen), on: bus, options: .patient)
            _ = try await soon {
                try await broker.send(
                    "ExecQueryAsync", [.string("WQL"), .string("SELECT * FROM Test_Thing"), .int32(0), Self.context])
            }
            #expect(seen.all == [0, 1, 2])
            #expect(asked.all.filter { $0.hasPrefix("all of") } == ["all of Test_Part 1 5 green"])
            withExtendedLifetime(service) {}
        }

        /// Answers queries with nothing.
        private struct Filtering: QueryProvider {
            let asked: @Sendable (RequestContext) async throws -> Void

            func execQuery(_ query: String, language: String, context: RequestContext, into sink: ObjectSink) async throws {
                try await asked(context)
            }
        }

        @Test("I.7: each of several queries that are asked in turns means what it says")
        func turns() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let seen = Recorder<String>()
            let provider = Filtering { context in
                seen.record("\(context.query?.values(of: "Name").map { "\($0)" } ?? "any") \(context.query?.neededProperties ?? ["all"])")
            }
            let service = RunningService(provider, on: bus, options: .patient)
            for _ in 0..<2 {
                for query in ["SELECT * FROM Test_Thing WHERE Name = 'x'", "SELECT Size FROM Test_Thing"] {
                    let reply = try await soon { try await broker.execQuery(query) }
                    #expect(reply.status == .noError)
                }
            }
            #expect(seen.all == [#"["x"] ["all"]"#, #"any ["Size"]"#, #"["x"] ["all"]"#, #"any ["Size"]"#])
            withExtendedLifetime(service) {}
        }

        @Test("I.7: that the broker is to filter is said in front of the first thing that a provider says, and not by itself")
        func postFilter() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let before = Recorder<[BrokerStandIn.Sent]>()
            let provider = Filtering { _ in
                // What was sent before the answer to this has arrived before it.
                try await broker.ping()
                before.record(broker.sent.all)
            }
            let service = RunningService(provider, on: bus, options: .patient)
            let reply = try await soon { try await broker.execQuery("SELECT * FROM Test_Thing WHERE Name = 'x'") }
            #expect(reply.status == .noError && reply.objects.isEmpty)
            #expect(before.all == [[]])
            #expect(broker.sent.all == [.status(flags: StatusType.requirements, .noError, parameter: "")])
            withExtendedLifetime(service) {}
        }

        @Test("L9: who leaves the loop closes the query; what is not yet begun asks for nothing")
        func leave() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let asked = await playServices(on: broker)
            let service = RunningService(
                ThingProvider(enumerate: { _, context, _ in
                    _ = context.execQuery("SELECT * FROM Test_Nothing")
                    for try await _ in context.execQuery("SELECT * FROM Test_Part") { break }
                }), on: bus, options: .patient)
            _ = try await soon { try await enumerate(broker) }
            try await asked.wait("the close") { $0.last == "close" }
            #expect(asked.all == ["WQL: SELECT * FROM Test_Part 0 5 green", "wait for 1", "class Test_Part", "close"])
            withExtendedLifetime(service) {}
        }
    }

    /// Providers that ask with queries, and providers that answer them, with a real broker between them: Semantics E.1, I.7.
    @Suite struct FrameworkQueryRoundTripTests {
        @Test("E.1: getInstancesByQuery and its asynchronous form: the broker chooses among what another provider enumerates")
        func framework() async throws {
            let (stage, provider, service) = try await Shelves.stage()
            let (array, called) = try await stage.serving { context in
                let called = Recorder<CIMInstance>()
                try await context.glue.getInstancesByQueryAsynch(Shelves.boxQuery, requester: 0, userData: called) {
                    _, instance, nested, called in
                    #expect(nested.operationID == context.operationID)
                    called.record(instance.value)
                }
                return (try await context.glue.getInstancesByQuery(Shelves.boxQuery), called.all)
            }
            #expect(names(array) == ["b1", "b3"])
            #expect(array == called)
            #expect(array.allSatisfy { $0["Number"] == nil && $0.path?.className == "Test_Box" })
            #expect(array.first { $0["Name"] == "b3" }?["Small"] == .sint8(-4))
            #expect(provider.calls.all == ["enumerate Test_Box", "enumerate Test_Box"])
            let associated = try await stage.serving { context in
                try await context.glue.getInstancesByQuery("ASSOCIATORS OF {Test_Shelf.Name='s0'}")
            }
            #expect(names(associated) == ["b0", "b1"])
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("E.1, I.7: a provider that takes queries gets the one that another provider asks, with its context")
        func pushed() async throws {
            let shades = Recorder<String>()
            let (stage, provider, service) = try await Shelves.stage(.queriedShelves) { _, context in
                shades.record(context.values["Shade"]?.text ?? "?")
                for number in 0..<4 { try await FrameworkInstance(Shelves.box(number), context).commit() }
            }
            let options = OperationOptions(context: ["Shade": "green"])
            let (array, called) = try await stage.serving(options: options) { context in
                let called = Recorder<CIMInstance>()
                try await context.glue.getInstancesByQueryAsynch(Shelves.boxQuery, requester: 0, userData: called) { $3.record($1.value) }
                return (try await context.glue.getInstancesByQuery(Shelves.boxQuery), called.all)
            }
            #expect(names(array) == ["b1", "b3"])
            #expect(array == called)
            #expect(array.allSatisfy { $0["Number"] == nil })
            #expect(provider.calls.all.count == 2)
            #expect(
                provider.calls.all.allSatisfy { $0.hasPrefix("SELECT ") && $0.contains("FROM Test_Box WHERE") }, "\(provider.calls.all)")
            #expect(shades.all == ["green", "green"])
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test(
            "I.7, B.3: what a provider hands over is filtered by the broker, unless it says that it answers exactly",
            arguments: [false, true])
        func exactly(answersExactly: Bool) async throws {
            let stage = try await FrameworkStage.start()
            var provider = Shelves()
            provider.answersExactly = answersExactly
            provider.query = { _, context in
                for number in 0..<4 { try await FrameworkInstance(Shelves.box(number), context).commit() }
            }
            let service = try await stage.start(provider, .queriedShelves)
            let seen = try await stage.serving { try await $0.glue.getInstancesByQuery(Shelves.boxQuery) }
            #expect(names(seen) == (answersExactly ? ["b0", "b1", "b2", "b3"] : ["b1", "b3"]))
            #expect(seen.allSatisfy { $0["Number"] == nil })
            #expect(provider.calls.all.count == 1)
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("I.7: a query that the provider leaves to the broker becomes an enumeration")
        func leftToTheBroker() async throws {
            let (stage, provider, service) = try await Shelves.stage(.queriedShelves)
            #expect(names(try await stage.serving { try await $0.glue.getInstancesByQuery(Shelves.boxQuery) }) == ["b1", "b3"])
            #expect(provider.calls.all.count == 2)
            #expect(provider.calls.all.last == "enumerate Test_Box")
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }

        @Test("E.1, R16: what a query fails with is thrown, after every instance before it")
        func frameworkFailures() async throws {
            let (stage, _, service) = try await Shelves.stage(.queriedShelves) { _, context in
                for number in 0..<4 { try await FrameworkInstance(Shelves.box(number), context).commit() }
                throw CIMError(.accessDenied, "not this shelf")
            }
            let (seen, error, text) = try await stage.serving { context in
                let seen = Recorder<String>()
                let error = await #expect(throws: CIMError.self) {
                    try await context.glue.getInstancesByQueryAsynch(Shelves.boxQuery, requester: 0, userData: seen) {
                        _, instance, _, seen in seen.record(instance["Name"]?.stringValue ?? "?")
                    }
                }
                let text = await #expect(throws: CIMError.self) { try await context.glue.getInstancesByQuery("SELECT * FORM Test_Box") }
                return (seen.all, error, text)
            }
            #expect(seen == ["b1", "b3"])
            #expect(error?.status == .accessDenied && error?.message.contains("not this shelf") == true)
            #expect(error?.providerName == "Shelves")
            #expect(text?.status == .invalidQuery)
            try await stage.stage.expectQuiet()
            withExtendedLifetime(service) {}
        }
    }
}
