import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// What a provider may do with the sink of each operation, and what each form of client gets of it (Semantics K.3: R77 to R87).
    @Suite struct SinkRuleTests {
        /// Everything that a provider is asked.
        static let operations: [RawOperation] = [
            .put(RawProvider.thing("Test_Thing", "thing0", 5)), .delete(thing("thing0")),
            .invoke(thing("thing0"), "Echo", [("sInArg", .string("x"))]), .get(thing("thing0")), .enumerate("Test_Thing"),
        ]

        /// That it is what ``ProviderCall/goodObjects`` make it.
        static func expectGood(
            _ result: OperationResult, _ operation: RawOperation, things: Int = 3, location: SourceLocation = #_sourceLocation
        ) {
            #expect(result.status == .noError, "\(operation.member): \(result.message)", sourceLocation: location)
            let (path, numbers): (String, [UInt32]) =
                switch operation {
                case .put: (thing("thing0"), [])
                case .delete: ("", [])
                case .invoke: ("", [1])
                case .get: ("", [5])
                default: ("", (0..<things).map { UInt32($0) })
                }
            #expect(result.parameter == path, "\(operation.member)", sourceLocation: location)
            let found = result.objects.compactMap { ($0["Number"] ?? $0["ReturnValue"])?.integer(UInt32.self) }
            #expect(found == numbers, "\(operation.member)", sourceLocation: location)
        }

        // MARK: - The end of the results

        @Test("R77: the final status marks the end of the results: it waits for the last of them, and nothing follows it")
        func completeResults() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let told = Event<Void>("the provider's end")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for index in 0..<12 { try call.sink.sendIndicate(batch(1, from: index), wantsReply: true) }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
                told.send(())
            }
            // A client that gives no credit has 8 batches; the others wait, and so does the status, which has been said.
            let sink = scene.client.makeSink(acknowledges: false)
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async, sink: sink)
            try await told.value()
            #expect(try await scene.client.brokerProperty("OpenOperations") == 1)
            #expect(sink.finals == 0)
            #expect(sink.objects.count == 8)
            scene.client.acknowledge(sink, 8)
            let result = try await open.result()
            #expect(result.status == .noError, "\(result.message)")
            #expect(result.objects.compactMap { $0["Name"]?.text } == (0..<12).map { "n\($0)" })
            try await expectQuiet(scene, [sink])
        }

        @Test("R77: an enumerator that has given everything there is says that it is at the end only when the status has come")
        func endOfEnumerator() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let go = Event<Void>("the rest")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(.noError, references: 1, batch(2))
                try await go.value()
                try await call.sink.indicate(batch(2, from: 2))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            let early = try await open.next(timeout: 5_000, count: 2)
            #expect(early.0 == .noError && early.1.count == 2)
            #expect(try await open.next(timeout: 0, count: 1).0 == .sTimedOut)
            go.send(())
            let rest = try await open.next(timeout: 5_000, count: 3)
            #expect(rest.0 == .sFalse)
            #expect(rest.1.compactMap { $0["Name"]?.text } == ["n2", "n3"])
            try await expectQuiet(scene)
        }

        @Test(
            "R78: an error before any Indicate: SetStatus alone, in every operation; the client gets the status and no object",
            arguments: CallForm.allCases)
        func earlyErrors(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.onEverything { call in
                call.reply(references: 1)
                try await call.sink.setStatus(
                    .accessDenied,
                    object: [("__CLASS", .string("__ExtendedStatus")), ("Description", .string("the drawer is locked"))])
                try await call.sink.release()
            }
            for operation in Self.operations + [.query("SELECT * FROM Test_Thing WHERE Number = 1")] {
                let open = try await scene.client.start(operation, form)
                let result = try await open.result()
                #expect(result.status == .accessDenied, "\(operation.member): \(result.message)")
                #expect(result.message.contains("the drawer is locked"), "\(operation.member): \(result.message)")
                #expect(result.objects.isEmpty && result.parameter.isEmpty, "\(operation.member)")
                // One SetStatus, and no Indicate, not even an empty one.
                #expect(open.sink?.events.all.count ?? 1 == 1, "\(operation.member)")
                try await expectQuiet(scene, [open.sink])
            }
            #expect(provider.calls.all.count == Self.operations.count + 1, "none is asked twice")
        }

        @Test("R79: a client that does not want callbacks has the same semisynchronously: path, objects, and who asks and with what")
        func semisynchronous() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.onEverything { call in call.reply(.noError, call.goodObjects) }
            provider.on("PutInstanceAsync") { call in
                call.reply(references: 1)
                try await call.sink.setStatus(.noError, parameter: "test_thing='made'")
                try await call.sink.release()
            }
            let context: [(String, DBusValue)] = [("Shade", .string("green")), ("__PUT_EXT_ATOMIC", .boolean(true))]
            for operation in Self.operations {
                for form in CallForm.allCases {
                    let result = try await scene.client.run(operation, form, context: context)
                    #expect(result.status == .noError, "\(operation.member), \(form): \(result.message)")
                    if case .put = operation {
                        #expect(result.parameter == thing("made"), "\(form)")
                    } else {
                        Self.expectGood(result, operation)
                    }
                }
                let calls = provider.calls.all.suffix(3)
                #expect(Set(calls.map(\.target)).count == 1 && Set(calls.map(\.flags)).count == 1)
                #expect(calls.allSatisfy { $0.input == calls.first?.input }, "\(operation.member): what the provider is given")
                for call in calls {
                    #expect(call.context["Shade"]?.text == "green" && call.context["__PUT_EXT_ATOMIC"] == .boolean(true))
                    #expect(call.context["__CLIENT_NAME"]?.text == scene.client.connection.uniqueName.text, "\(operation.member)")
                    #expect(call.context["__CLIENT_UID"] == .uint32(getuid()), "\(operation.member)")
                    #expect(call.context["__CLIENT_PID"] == .uint32(UInt32(getpid())), "\(operation.member)")
                    #expect(call.context["__ORIGIN_UID"] == .uint32(getuid()), "\(operation.member)")
                }
            }
            try await expectQuiet(scene)
        }

        // MARK: - The service's own handler

        @Test(
            "R84: of a client without a sink the service owns the handler: it keeps what comes by it, and the client is called by nobody",
            arguments: [CallForm.sync, .semisync])
        func ownHandler(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let broker = try await scene.client.brokerConnections().first
            let called = Recorder<String>()
            await scene.client.connection.setInbound { message in
                called.record("\(message.path ?? "") \(message.member ?? "")")
                return false
            }
            provider.onEverything { call in
                call.reply(references: 1)
                // More of them than any client's window has place for; nobody acknowledges one.
                let objects = call.method == "CreateInstanceEnumAsync" ? batch(20) : call.goodObjects
                for object in objects { try await call.sink.indicate([object]) }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            for operation in Self.operations {
                Self.expectGood(try await scene.client.run(operation, form), operation, things: 20)
                let call = try #require(provider.calls.all.last)
                #expect(call.sink.path.text.hasPrefix(Contract.sinksPath.text + "/"))
                #expect(call.sink.broker.text == broker)
            }
            provider.onEverything { $0.fail(.notFound, "there is nothing") }
            for operation in Self.operations {
                let result = try await scene.client.run(operation, form)
                #expect(result.status == .notFound && result.objects.isEmpty, "\(operation.member): \(result.message)")
                #expect(result.message.contains("there is nothing"), "\(operation.member): \(result.message)")
            }
            #expect(called.all.isEmpty, "\(called.all)")
            try await expectQuiet(scene)
        }

        // MARK: - Without the sink

        @Test(
            "R86: an error that is returned, the sink unused, ends every operation with it, and lets go what the provider holds",
            arguments: CallForm.allCases)
        func returnedErrors(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let words = "no instance of this class is valid here"
            let scripts: [RawProvider.Script] = [
                { $0.reply(.providerNotCapable) },
                { call in
                    try await call.sink.addRef()
                    call.reply(.providerNotCapable, references: 2)
                },
                { $0.fail(.providerNotCapable, words) },
            ]
            for operation in Self.operations {
                for (index, script) in scripts.enumerated() {
                    provider.onEverything(script)
                    let open = try await scene.client.start(operation, form)
                    let result = try await open.result(within: .seconds(5))
                    #expect(result.status == .providerNotCapable, "\(operation.member) \(index): \(result.message)")
                    #expect(result.objects.isEmpty && result.parameter.isEmpty, "\(operation.member) \(index)")
                    #expect(result.message.contains(words) == (index == 2), "\(operation.member): \(result.message)")
                    #expect(open.sink?.events.all.count ?? 1 == 1, "\(operation.member) \(index)")
                    try await expectQuiet(scene, [open.sink])
                }
            }
        }

        @Test(
            "R87 P5: a success that is returned, with no reference kept and no SetStatus, is the success of a put, a delete and a method",
            arguments: CallForm.allCases)
        func returnedSuccess(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.onEverything { $0.reply() }
            for operation in Self.operations.prefix(3) {
                let open = try await scene.client.start(operation, form)
                let result = try await open.result(within: .seconds(5))
                #expect(result.status == .noError, "\(operation.member): \(result.message)")
                if case .put = operation { #expect(result.parameter == thing("thing0")) }
                #expect(open.sink?.events.all.count ?? 1 == 1, "\(operation.member)")
                try await expectQuiet(scene, [open.sink])
            }
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["Failures"] == .uint64(0) && counters?["Violations"] == .uint64(0))
        }
    }
}

extension ProviderCall {
    /// What a good answer to it has.
    var goodObjects: [[(String, DBusValue)]] {
        switch method {
        case "GetObjectAsync": [provider.thing("thing0", 5)]
        case "CreateInstanceEnumAsync": batch(3)
        case "ExecMethodAsync": [[("__CLASS", .string("__PARAMETERS")), ("sOutArg", .string("x")), ("ReturnValue", .uint32(1))]]
        default: []
        }
    }
}
