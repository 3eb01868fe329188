import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// What a peer may send that it should not: the error that the design names, and nobody else notices (Design 3; L13).
    @Suite struct BadInputTests {
        @Test("Design 3: a property of 30 MiB is QuotaViolation, and nothing changes", arguments: CallForm.allCases)
        func hugeProperty(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let text = String(repeating: "x", count: 30 << 20)
            let put = RawOperation.put([("__CLASS", .string("Test_Thing")), ("Name", .string("a")), ("Text", .string(text))])
            for operation in [put] + (form == .sync ? [.invoke(thing("a"), "Echo", [("sInArg", .string(text))])] : []) {
                let status = try await scene.client.refusal {
                    let result = try await scene.client.run(operation, form)
                    throw DBusError(CIMError(result.status, result.message))
                }
                #expect(status == .quotaViolation)
            }
            #expect(provider.calls.all.isEmpty)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("Design 3: 60 nested containers are QuotaViolation wherever they stand")
        func nesting() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            // An array, its entry, the entry's variant, and these.
            var variants = DBusValue.int32(1)
            for _ in 0..<57 { variants = .variant(variants) }
            var objects = RawProvider.thing("Test_Thing", "leaf")
            for _ in 0..<18 { objects = [("__CLASS", .string("Test_Thing")), ("Inner", .dictionary(objects))] }
            let put: [(String, DBusValue)] = [("__CLASS", .string("Test_Thing")), ("Name", .string("a"))]
            let client = scene.client
            for form in CallForm.allCases {
                for (operation, context) in [
                    (RawOperation.get(thing("thing0")), [("Deep", variants)]), (.put(put + [("Text", variants)]), []), (.put(objects), []),
                    (.invoke(thing("thing0"), "Echo", [("sInArg", variants)]), []),
                ] as [(RawOperation, [(String, DBusValue)])] {
                    let result: WBEMStatus?
                    if form == .sync {
                        result = try await client.run(operation, form, context: context).status
                    } else {
                        result = try await client.refusal { _ = try await client.start(operation, form, context: context) }
                    }
                    #expect(result == .quotaViolation, "\(operation.member) \(form)")
                }
            }
            #expect(provider.calls.all.isEmpty)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("Design 3: what is as deep as allowed comes back as it was")
        func allowedNesting() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            var object = RawProvider.thing("Test_Thing", "leaf")
            for _ in 0..<15 {
                object = [("__CLASS", .string("Test_Thing")), ("Name", .string("level")), ("Inner", .dictionary(object))]
            }
            #expect(try await scene.client.run(.put(object)).status == .noError)
            let sent = object
            provider.on("GetObjectAsync") { $0.reply(.noError, references: 0, [sent]) }
            let result = try await scene.client.run(.get(thing("level")), .async)
            var inner: [String: DBusValue]? = result.objects.first
            var depth = 0
            while let next = inner?["Inner"]?.stringDictionary {
                inner = next
                depth += 1
            }
            #expect(depth == 15)
            #expect(inner?["Name"]?.text == "leaf")
            try await expectQuiet(scene)
        }

        @Test("Design 3: wrong signatures, unknown members, unknown objects: the standard errors, everywhere")
        func wrongSignatures() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.get(thing("a")), .async)
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
            let wrong: [DBusValue] = [.double(1), .boolean(true)]
            let objects: [(ObjectPath, InterfaceDescription)] = [
                (Contract.rootPath, Interfaces.broker), (Contract.rootPath, Interfaces.registrar),
                (Contract.rootPath, Interfaces.mofCompiler),
                (RawClient.cimv2, Interfaces.services), (provider.registrationPath, Interfaces.registration),
                (try #require(open.path), Interfaces.operation), (call.sink.path, Interfaces.objectSink),
                (call.sink.path, Interfaces.sinkReference),
            ]
            for (path, interface) in objects {
                for member in interface.methods.map(\.name.text) + ["NoSuchMember"] {
                    await #expect("\(path) \(member)") {
                        _ = try await scene.client.call(path, interface.name, member, wrong)
                    } throws: { error in
                        guard let error = error as? DBusError else { return false }
                        return [ErrorName.invalidArguments, .invalidSignature, .unknownMethod].contains(error.name)
                    }
                }
            }
            for path in ["/", "/org", "/org/cimbus1/operations/0", "/org/cimbus1/operations/x", "/org/cimbus1/sinks/99", "/nowhere"] {
                await #expect("\(path)") {
                    _ = try await scene.client.call(ObjectPath(verified: path), Contract.operation, "Cancel")
                } throws: { error in
                    [ErrorName.unknownObject, .unknownInterface, .unknownMethod].contains((error as? DBusError)?.name)
                }
            }
            try await call.sink.setStatus(.notFound)
            try await call.sink.release()
            #expect(try await open.result().status == .notFound)
            provider.on("GetObjectAsync", nil)
            try await expectQuiet(scene, [open.sink], next: .get(thing("thing0")))
        }

        @Test("L13: a peer that floods the broker with calls disturbs nobody")
        func floodOfCalls() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let flooder = try await scene.bus.connect(on: EventLoop(name: "flooder"))
            let message = try Message.methodCall(
                destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
                member: MemberName(verified: "GetObject"), flags: .noReplyExpected,
                values: RawOperation.get("Nothing.Key=\"x\"").arguments())
            for _ in 0..<5_000 { try await flooder.send(message) }
            var times: [Duration] = []
            for form in CallForm.allCases + CallForm.allCases {
                let started = ContinuousClock.now
                #expect(try await scene.client.run(.get(thing("thing0")), form, within: .seconds(20)).status == .noError)
                times.append(ContinuousClock.now - started)
            }
            print("beside a flood of 5,000 calls, a call takes at most \(times.max() ?? .zero)")
            _ = provider
            // The flood is over when the broker answers the flooder itself.
            _ = try await flooder.call(
                .methodCall(destination: BusName(Contract.busName), path: .root, interface: .peer, member: MemberName(verified: "Ping")))
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("a flood of calls that reach a provider and want replies: each has its one answer, and nobody else notices")
        func floodOfAnsweredCalls() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            _ = try await scene.provider("Other", className: "Test_Other")
            var flood: [RawOpenOperation] = []
            // As many from each as the bus lets one connection wait for.
            for _ in 0..<12 {
                let flooder = try await RawClient.connect(to: scene.bus)
                for _ in 0..<120 { flood.append(try await flooder.start(.get(thing("thing0")), .sync)) }
            }
            for form in CallForm.allCases + CallForm.allCases {
                #expect(try await scene.client.run(.enumerate("Test_Other"), form, within: .seconds(20)).status == .noError)
            }
            var answers: [WBEMStatus: Int] = [:]
            for operation in flood { answers[try await operation.result(within: .seconds(60)).status, default: 0] += 1 }
            // Past the bound of open operations they are refused at once.
            #expect(
                answers.values.reduce(0, +) == flood.count && Set(answers.keys).isSubset(of: [.noError, .quotaViolation]), "\(answers)")
            #expect((answers[.noError] ?? 0) > 0)
            _ = provider
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("a path of megabytes, deep or wide, is no object's; the answer is small, and nobody else notices")
        func endlessPaths() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            for path in [String(repeating: "/a", count: 1 << 20), "/" + String(repeating: "a", count: 30 << 20)] {
                for interface in [Contract.services, InterfaceName.introspectable, InterfaceName.properties] {
                    let stranger = try await scene.bus.connect(on: EventLoop(name: "stranger"))
                    let message = try Message.methodCall(
                        destination: BusName(Contract.busName), path: ObjectPath(verified: path), interface: interface,
                        member: MemberName(verified: "GetObject"))
                    let error = await #expect(throws: DBusError.self) { try await stranger.call(message, timeout: .seconds(20)) }
                    #expect(error?.name == .unknownObject, "\(String(describing: error).prefix(200))")
                    #expect((error?.reply?.size ?? .max) < 128 << 10)
                }
            }
            // The name of a property comes back in an error, too.
            let large = String(repeating: "p", count: 31 << 20)
            let message = try Message.methodCall(
                destination: BusName(Contract.busName), path: Contract.rootPath, interface: .properties,
                member: MemberName(verified: "Get"),
                values: [.string(Contract.broker.text), .string(large)])
            let stranger = try await scene.bus.connect(on: EventLoop(name: "stranger"))
            let error = await #expect(throws: DBusError.self) { try await stranger.call(message, timeout: .seconds(20)) }
            #expect((error?.reply?.size ?? .max) < 128 << 10)
            _ = provider
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test(
            "R15 Design 3: a result refused for its size, 9 MiB in a reply, which nobody could send again, ends the operation with OutOfMemory",
            arguments: CallForm.allCases)
        func largeObjectInReply(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { call in call.reply(.noError, references: 0, batch(1, bytes: 9 << 20)) }
            let result = try await scene.client.run(.enumerate("Test_Thing"), form, within: .seconds(30))
            #expect(result.status == .outOfMemory && result.message.contains("8 MiB"), "\(result.message.prefix(200))")
            #expect(result.message.contains("by Indicate, in smaller batches"), "\(result.message.prefix(300))")
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("Design 3: a class too large for a message is not stored; one that has grown to be is QuotaViolation, and no other")
        func largeClasses() async throws {
            let scene = try await Scene.start()
            // A default stands twice in its class.
            func text(_ bytes: Int) -> String { String(repeating: "x", count: bytes) }
            let refused = try await scene.client.compile("class Test_Huge { [key] string Name; string Large = \"\(text(5 << 20))\"; };")
            #expect(refused.status == .quotaViolation && refused.message.contains("Test_Huge"), "\(refused.message.prefix(200))")
            #expect(try await scene.client.run(.get("Test_Huge")).status == .notFound)
            try await scene.compile("class Test_Upper { [key] string Name; string Small = \"s\"; };")
            try await scene.compile("class Test_Lower : Test_Upper { string More = \"\(text((4 << 20) - (10 << 10)))\"; };")
            #expect(try await scene.client.run(.get("Test_Lower"), .async, within: .seconds(30)).status == .noError)
            let grown = try await scene.client.compile(
                "class Test_Upper { [key] string Name; string Small = \"\(text(30 << 10))\"; };", classFlags: 0x20)
            #expect(grown.status == .noError, "\(grown.message)")
            for operation in [
                RawOperation.get("Test_Lower"), .classes("Test_Upper"), .query("SELECT * FROM meta_class WHERE __CLASS = 'Test_Lower'"),
            ] {
                let result = try await scene.client.run(operation, .async, within: .seconds(30))
                #expect(result.status == .quotaViolation, "\(operation): \(result.message.prefix(200))")
                #expect(result.message.contains("Test_Lower"))
            }
            #expect(try await scene.client.run(.get("Test_Upper"), .async, within: .seconds(30)).status == .noError)
            try await expectQuiet(scene)
        }

        @Test("Design 3: more open operations than a user may have is QuotaViolation; they end, and there is room again")
        func tooManyOperations() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            let path = ObjectPath(verified: "/one/sink")
            var accepted = 0
            var refused: WBEMStatus?
            let client = try await RawClient.connect(to: scene.bus)
            while refused == nil, accepted < 3_000 {
                let sink = client.makeSink(at: path.appending(escaping: "\(accepted)"))
                refused = try await client.refusal { _ = try await client.start(.get(thing("a")), .async, sink: sink) }
                if refused == nil { accepted += 1 }
            }
            #expect(refused == .quotaViolation)
            #expect(accepted == 2_000)
            await client.close()
            try await scene.waitForOperations(0)
            for call in provider.calls.all { call.reply() }
            provider.on("GetObjectAsync", nil)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }
    }
}
