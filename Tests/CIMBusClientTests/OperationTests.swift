import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// Every operation in every form, between the two SDKs.
    @Suite struct OperationTests {
        @Test("R41 to R44: create, read, enumerate, change, call, delete", arguments: Form.allCases)
        func life(form: Form) async throws {
            let store = ThingStore()
            let stage = try await Stage.start(store.provider)
            let session = stage.session
            var instance = thing(7, text: "first")
            instance["Words"] = .strings(["a", "", "c"])
            instance["Small"] = .sint8(-128)
            let created = try await session.put(instance, form, options: OperationOptions(flags: .createOnly))
            #expect(created.relativePath == "Test_Thing.Name=\"n7\"")
            let again = await #expect(throws: CIMError.self) {
                try await session.put(instance, form, options: OperationOptions(flags: .createOnly))
            }
            #expect(again?.status == .alreadyExists)

            let read = try await session.get(created, form)
            #expect(read.className == "Test_Thing")
            #expect(read["Number"] == .uint32(7))
            #expect(read["Small"] == .sint8(-128))
            #expect(read["Words"] == .strings(["a", "", "c"]))
            #expect(read.path?.relativePath == created.relativePath)

            #expect(try await session.enumerate("test_thing", form).numbers == [7])

            var changed = read
            changed["Text"] = "second"
            changed["Words"] = nil
            _ = try await session.put(changed, form, options: OperationOptions(flags: .updateOnly))
            #expect(store["n7"]?["Text"] == "second")
            #expect(store["n7"]?["Words"] == nil)
            let missing = await #expect(throws: CIMError.self) {
                try await session.put(thing(8), form, options: OperationOptions(flags: .updateOnly))
            }
            #expect(missing?.status == .notFound)

            let echoed = try await session.call(created, "Echo", ["sInArg": "Hello"], form)
            #expect(echoed.returnValue == .uint32(5))
            #expect(echoed["soutarg"] == "Hello")

            try await session.delete(created, form)
            #expect(store["n7"] == nil)
            #expect(await #expect(throws: CIMError.self) { try await session.get(created, form) }?.status == .notFound)
            #expect(await #expect(throws: CIMError.self) { try await session.delete(created, form) }?.status == .notFound)
            #expect(try await session.enumerate("Test_Thing", form).numbers == [])

            // Without a flag it is created, and then overwritten.
            for text in ["third", "fourth"] {
                #expect(try await session.put(thing(7, text: text), form) == created)
                #expect(store["n7"]?["Text"] == .string(text))
            }
            try await stage.expectQuiet()
        }

        @Test("A.3: what is wrong with a call is told without the provider", arguments: Form.allCases)
        func refused(form: Form) async throws {
            let stage = try await Stage.start(ThingStore().provider)
            let session = stage.session
            #expect(try await session.enumerate("Test_Nothing", form).error?.status == .invalidClass)
            #expect(try await session.enumerate("", form).error?.status == .invalidParameter)
            let classPath = CIMObjectPath(className: "Test_Thing")
            #expect(await #expect(throws: CIMError.self) { try await session.get(classPath, form) }?.status == .invalidObjectPath)
            var wrong = thing(1)
            wrong["Small"] = 128
            #expect(await #expect(throws: CIMError.self) { try await session.put(wrong, form) }?.status == .invalidObject)
            let elsewhere = session.session(for: try #require(CIMNamespaceName("root/elsewhere")))
            #expect(try await elsewhere.enumerate("Test_Thing", form).error?.status == .invalidNamespace)
            try await stage.expectQuiet()
        }

        @Test("Design 3: a class is read with its qualifiers, and anew on demand")
        func classes() async throws {
            let stage = try await Stage.start()
            let declaration = try await stage.session.getClass("test_specialthing")
            #expect(declaration.name == "Test_SpecialThing")
            #expect(declaration.superclass == "Test_Thing")
            #expect(declaration.keyNames == ["Name"])
            #expect(declaration.method(named: "Turn")?.parameter(named: "Times")?.isOptional == true)
            #expect(try await stage.session.getClass("Test_Thing", refreshing: true).name == "Test_Thing")
            #expect(await #expect(throws: CIMError.self) { try await stage.session.getClass("Test_Nothing") }?.status == .notFound)
        }

        @Test("many operations of one session side by side, each with its own result")
        func sideBySide() async throws {
            let stage = try await Stage.start(
                ThingProvider(
                    enumerate: { _, _, sink in for number in 0..<100 { try await sink.indicate(thing(number)) } },
                    get: { path, _ in CIMInstance(className: "Test_Thing", ["Name": path[key: "Name"]?.value ?? .null]) }))
            let session = stage.session
            try await soon("sixty operations") {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<60 {
                        group.addTask {
                            let form = Form.allCases[number % 3]
                            if number % 4 == 0 {
                                let numbers = try await session.enumerate("Test_Thing", form).numbers
                                #expect(numbers == Array(0..<100))
                            } else {
                                let name = try await session.get(path("x\(number)"), form)["Name"]
                                #expect(name == .string("x\(number)"))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await stage.expectQuiet()
        }
    }

    /// Puts (Semantics C.1).
    @Suite struct PutTests {
        @Test("R51, R71: a partial put writes the named properties and no others", arguments: Form.allCases)
        func partial(form: Form) async throws {
            let store = ThingStore()
            let stage = try await Stage.start(store.provider)
            _ = try await stage.session.put(thing(1, text: "old"), form)
            var update = thing(99, text: "new")
            update["Name"] = "n1"
            _ = try await stage.session.put(update, form, options: OperationOptions().updatingOnly(["TEXT"]))
            #expect(store["n1"]?["Text"] == "new")
            #expect(store["n1"]?["Number"] == .uint32(1))
            try await stage.expectQuiet()
        }

        @Test(
            "R50, R52, R76: a provider without partial updates refuses them, unasked; any other context goes with a put of the whole",
            arguments: Form.allCases)
        func noPartial(form: Form) async throws {
            let puts = Recorder<[String]?>()
            let shades = Recorder<String?>()
            let stage = try await Stage.start(
                ThingProvider(put: { _, context in
                    puts.record(context.putProperties)
                    shades.record(context.values["Shade"]?.text)
                    return nil
                }))
            let options = OperationOptions().updatingOnly(["Text"])
            let error = await #expect(throws: CIMError.self) { try await stage.session.put(thing(1), form, options: options) }
            #expect(error?.status == .providerNotCapable)
            #expect(puts.all.isEmpty)
            // R50: without, every property is written.
            _ = try await stage.session.put(thing(1), form)
            #expect(puts.all == [nil])
            _ = try await stage.session.put(thing(1), form, options: OperationOptions(context: ["Shade": "green"]))
            #expect(puts.all == [nil, nil])
            #expect(shades.all == [nil, "green"])
        }

        @Test("R66: where the key is NULL the provider chooses it, and the client learns the path", arguments: Form.allCases)
        func generatedKey(form: Form) async throws {
            let seen = Recorder<CIMValue?>()
            let stage = try await Stage.start(
                ThingProvider(put: { instance, _ in
                    seen.record(instance["Number"])
                    let key = CIMObjectPath.Key(name: "Number", value: .integer(4711))
                    return CIMObjectPath(className: instance.className, keys: .keys([key]))
                }))
            let path = try await stage.session.put(CIMInstance(className: "Test_Ticket", ["Holder": "Ada"]), form)
            #expect(path.relativePath == "Test_Ticket.Number=4711")
            #expect(seen.all == [nil])
            try await stage.expectQuiet()
        }

        @Test("the path of a put follows from the keys, with their class's types", arguments: Form.allCases)
        func pathFromKeys(form: Form) async throws {
            let stage = try await Stage.start(ThingProvider(put: { _, _ in nil }))
            let path = try await stage.session.put(CIMInstance(className: "Test_Ticket", ["Number": .uint8(3)]), form)
            #expect(path.relativePath == "Test_Ticket.Number=3")
            let odd = try await stage.session.put(CIMInstance(className: "Test_Thing", ["Name": "a\"b\\c"]), form)
            #expect(odd[key: "Name"] == .string("a\"b\\c"))
        }

        @Test("Design 3: the provider receives the class's types, whatever integer the client sent")
        func types() async throws {
            let seen = Recorder<CIMInstance>()
            let stage = try await Stage.start(
                ThingProvider(put: { instance, _ in
                    seen.record(instance)
                    return nil
                }))
            let sent = CIMInstance(className: "test_thing", ["name": "a", "Number": .uint8(3), "Small": .sint64(-4)])
            _ = try await stage.session.put(sent, .sync)
            let instance = try #require(seen.all.first)
            #expect(instance["Number"] == .uint32(3))
            #expect(instance["Small"] == .sint8(-4))
        }
    }

    /// Methods (Semantics C.5).
    @Suite struct MethodTests {
        static let when = CIMDateTime("20200229123456.000007+060")
        static let span = CIMDateTime("00000001020304.000005:000")

        @Test("R99, R112, R113: parameters both ways, arrays and datetimes, with their types", arguments: Form.allCases)
        func parameters(form: Form) async throws {
            let seen = Recorder<CIMInstance>()
            let stage = try await Stage.start(
                ThingProvider(invoke: { _, path, parameters, _ in
                    seen.record(parameters)
                    return MethodResult(
                        returnValue: .boolean(!path.isClassPath),
                        [
                            "SmallOut": parameters["Small"] ?? .null, "WhenOut": parameters["When"] ?? .null,
                            "NumbersOut": parameters["Numbers"] ?? .null, "TimesOut": parameters["Times"] ?? .null,
                        ])
                }))
            let when = try #require(Self.when)
            let span = try #require(Self.span)
            let given: [String: CIMValue] = [
                "Small": .sint8(-7), "When": .datetime(when), "Numbers": .array(of: .uint16, [.uint16(1), .uint16(65535)]),
                "Times": .array(of: .datetime, [.datetime(when), .datetime(span)]),
            ]
            let result = try await stage.session.call(path("a"), "turn", given, form)
            #expect(result.returnValue == .boolean(true))
            let input = try #require(seen.all.first)
            for (name, value) in given {
                #expect(input[name] == value)
                #expect(result[name + "Out"] == value)
            }
            #expect(result.parameters.properties.count == 4)
            try await stage.expectQuiet()
        }

        @Test("an optional parameter may be absent, an empty array is one, and out parameters may be NULL", arguments: Form.allCases)
        func absent(form: Form) async throws {
            let seen = Recorder<CIMInstance>()
            let stage = try await Stage.start(
                ThingProvider(invoke: { _, _, parameters, _ in
                    seen.record(parameters)
                    return MethodResult(returnValue: false, ["NumbersOut": parameters["Numbers"] ?? .null, "WhenOut": nil])
                }))
            let given: [String: CIMValue] = [
                "Small": 1, "When": .datetime(try #require(Self.span)), "Numbers": .array(of: .uint16, []),
            ]
            let result = try await stage.session.call(path("a"), "Turn", given, form)
            #expect(seen.all.first?["Times"] == nil)
            #expect(seen.all.first?["Small"] == .sint8(1))
            #expect(result["NumbersOut"] == .array(of: .uint16, []))
            #expect(result["WhenOut"] == nil)
            #expect(result.returnValue == .boolean(false))
        }

        @Test("R91, R92, R93: a static method by the class and by an instance, and the provider can tell", arguments: Form.allCases)
        func staticMethod(form: Form) async throws {
            let stage = try await Stage.start(
                ThingProvider(invoke: { method, path, parameters, _ in
                    try ThingProvider.echo(method, path, parameters)
                }))
            let onClass = CIMObjectPath(className: "Test_Thing")
            #expect(try await stage.session.call(onClass, "Count", [:], form).returnValue == .uint32(1))
            #expect(try await stage.session.call(path("a"), "Count", [:], form).returnValue == .uint32(2))
        }

        @Test("a method may give nothing at all", arguments: Form.allCases)
        func nothing(form: Form) async throws {
            let stage = try await Stage.start(ThingProvider(invoke: { _, _, _, _ in MethodResult() }))
            let result = try await stage.session.call(path("a"), "Echo", ["sInArg": "x"], form)
            #expect(result.returnValue == nil)
            #expect(result.parameters.properties.isEmpty)
        }

        @Test("R111: parameters that are wrong do not reach the provider", arguments: Form.allCases)
        func wrongParameters(form: Form) async throws {
            let calls = Recorder<Int>()
            let stage = try await Stage.start(
                ThingProvider(invoke: { _, _, _, _ in
                    calls.record(1)
                    return MethodResult()
                }))
            for given: [String: CIMValue] in [[:], ["sInArg": 1], ["sInArg": "x", "Other": 1]] {
                let error = await #expect(throws: CIMError.self) { try await stage.session.call(path("a"), "Echo", given, form) }
                #expect(error?.status == .invalidMethodParameters, "\(given)")
            }
            let unknown = await #expect(throws: CIMError.self) { try await stage.session.call(path("a"), "Sing", [:], form) }
            #expect(unknown?.status == .invalidMethod)
            #expect(calls.all.isEmpty)
        }

        @Test("an out parameter that does not fit is InvalidObject")
        func misfit() async throws {
            let stage = try await Stage.start(
                ThingProvider(invoke: { _, _, _, _ in MethodResult(returnValue: .uint32(0), ["sOutArg": .uint32(1)]) }))
            let error = await #expect(throws: CIMError.self) {
                try await stage.session.call(path("a"), "Echo", ["sInArg": "x"], .sync)
            }
            #expect(error?.status == .invalidObject)
        }
    }
}
