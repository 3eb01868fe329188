import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// What providers in libraries without types answer with: what is clear is read, what is not is refused in words.
extension Integration {
    @Suite struct LooseAnswerTests {
        private static func variants(_ values: [DBusValue]) -> DBusValue {
            .array(element: Signature(verified: "v"), values.map { .variant($0) })
        }

        private static func texts(_ entries: [(String, String)]) -> DBusValue {
            .dictionary(key: Signature(verified: "s"), value: Signature(verified: "s"), entries.map { (.string($0.0), .string($0.1)) })
        }

        private static let mof = """
            [dynamic, provider("Raw")] class Test_Thing {
                [key] string Name; [key] uint32 ID; datetime Made; boolean Flag; uint16 Counts[]; string Texts[];
                [EmbeddedInstance("Test_Leaf")] string Leaf;
                [Implemented] uint32 Do([in] uint32 Number, [in] boolean Flag, [in, Optional] uint8 List[], [out] uint32 Twice);
            };
            class Test_Leaf { sint8 Level; boolean Green; };
            """

        private static func thing(_ name: String, _ id: UInt32, _ more: [(String, DBusValue)] = []) -> [(String, DBusValue)] {
            [("__CLASS", .string("Test_Thing")), ("Name", .string(name)), ("ID", .uint32(id))] + more
        }

        private static func path(_ name: String, _ id: Int) -> String { "Test_Thing.Name=\"\(name)\",ID=\(id)" }

        private static func start(mof: String = mof) async throws -> (Scene, RawProvider) {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            scene.keep(provider)
            try await provider.register(mof: mof)
            return (scene, provider)
        }

        // MARK: - 3: the object that was asked for

        @Test("W3: GetObject asked for ID=1 and answered with ID=2 is the provider's failure", arguments: CallForm.allCases)
        func otherObject(form: CallForm) async throws {
            let (scene, provider) = try await Self.start()
            for indicates in [false, true] {
                provider.on("GetObjectAsync") { call in
                    guard indicates else { return call.reply(.noError, [Self.thing("a", 2)]) }
                    call.reply(references: 1)
                    try? await call.sink.indicate([Self.thing("a", 2)])
                    try? await call.sink.setStatus(.noError)
                    _ = try? await call.sink.release()
                }
                let result = try await scene.client.run(.get(Self.path("a", 1)), form)
                #expect(result.status == .providerFailure)
                #expect(
                    result.message.contains("asked for Test_Thing.Name=\"a\",ID=1 and answered with ID = 2"), "\(result.message)")
                #expect(result.objects.isEmpty)
            }
            provider.on("GetObjectAsync") { $0.reply(.noError, [[("__CLASS", .string("Test_Thing")), ("ID", .uint32(1))]]) }
            let nameless = try await scene.client.run(.get(Self.path("a", 1)), form)
            #expect(nameless.status == .providerFailure && nameless.message.contains("Name = NULL"), "\(nameless.message)")
            // Text in keys compares without case, as everywhere.
            provider.on("GetObjectAsync") { $0.reply(.noError, [Self.thing("A", 1)]) }
            #expect(try await scene.client.run(.get(Self.path("a", 1)), form).objects.first?["Name"]?.text == "A")
            try await expectQuiet(scene)
        }

        @Test("W3: what is got for a query, and what comes with a delete, is what was asked for, too")
        func otherObjects() async throws {
            let (scene, provider) = try await Self.start()
            provider.on("GetObjectAsync") { $0.reply(.noError, [Self.thing("b", 1)]) }
            let query = try await scene.client.run(.query("SELECT * FROM Test_Thing WHERE Name = '1' AND ID = 1"), .async)
            #expect(query.status == .providerFailure && query.message.contains("Name = \"b\""), "\(query.message)")
            provider.on("DeleteInstanceAsync") { $0.reply(.noError, [Self.thing("b", 1)]) }
            #expect(try await scene.client.run(.delete(Self.path("a", 1)), .async).status == .providerFailure)
            #expect(try await scene.client.run(.delete(Self.path("b", 1)), .async).status == .noError)
            try await expectQuiet(scene)
        }

        @Test("W3: a read of some properties may leave the keys out, and must not give other ones")
        func partialRead() async throws {
            let (scene, provider) = try await Self.start()
            let context: [(String, DBusValue)] = [("__GET_EXTENSIONS", .boolean(true)), ("__GET_EXT_PROPERTIES", .strings(["Flag"]))]
            provider.on("GetObjectAsync") { $0.reply(.noError, [[("__CLASS", .string("Test_Thing")), ("Flag", .boolean(true))]]) }
            let part = try await scene.client.run(.get(Self.path("a", 1)), context: context)
            #expect(part.status == .noError && part.objects.first?["Flag"] == .boolean(true), "\(part.message)")
            provider.on("GetObjectAsync") { $0.reply(.noError, [Self.thing("b", 1)]) }
            #expect(try await scene.client.run(.get(Self.path("a", 1)), context: context).status == .providerFailure)
            try await expectQuiet(scene)
        }

        // MARK: - 4: the form of the answer

        @Test("W4: (uuaa{sv}), iiaa{sv}, ttaa{sv}, uuav, iiav and aa{ss} are read as uuaa{sv}", arguments: CallForm.allCases)
        func forms(form: CallForm) async throws {
            let (scene, provider) = try await Self.start()
            let object = DBusValue.dictionary(Self.thing("a", 1))
            let strict = DBusValue.array(element: .dictionary, [object])
            let texts = Self.texts([("__CLASS", "Test_Thing"), ("Name", "a"), ("ID", "1")])
            let answers: [[DBusValue]] = [
                [.structure([.uint32(0), .uint32(0), strict])], [.int32(0), .int32(0), strict], [.uint64(0), .uint64(0), strict],
                [.uint32(0), .uint32(0), Self.variants([object])], [.int32(0), .int32(0), Self.variants([object])],
                [.int64(0), .byte(0), .array(element: Signature(verified: "a{ss}"), [texts])],
                [Self.variants([.int32(0), .int32(0), Self.variants([texts])])],
            ]
            for answer in answers {
                provider.on("GetObjectAsync") { $0.call.reply(answer) }
                let result = try await scene.client.run(.get(Self.path("a", 1)), form)
                #expect(result.status == .noError, "\(answer): \(result.message)")
                #expect(result.objects.first?["ID"] == .uint32(1))
            }
            for empty in ["s", "i", "v", "a{ss}"] {
                provider.on("CreateInstanceEnumAsync") {
                    $0.call.reply([.int32(0), .int32(0), .array(element: Signature(verified: empty), [])])
                }
                let result = try await scene.client.run(.enumerate("Test_Thing"), form)
                #expect(result.status == .noError && result.objects.isEmpty, "a\(empty): \(result.message)")
            }
            for status in [DBusValue.int32(Int32(bitPattern: 0x8004_1002)), .int64(0x8004_1002), .uint64(0x8004_1002)] {
                provider.on("GetObjectAsync") { $0.call.reply([status, .int32(0), Self.variants([])]) }
                #expect(try await scene.client.run(.get(Self.path("a", 1)), form).status == .notFound, "\(status)")
            }
            provider.on("GetObjectAsync") { $0.call.reply([.uint32(0), .int32(-1), strict]) }
            let negative = try await scene.client.run(.get(Self.path("a", 1)), form)
            #expect(negative.status == .providerFailure && negative.message.contains("references"), "\(negative.message)")
            try await expectQuiet(scene)
        }

        @Test("W4: Indicate, SetStatus and the registrar are read as loosely; their argument is named where they are not")
        func calls() async throws {
            let (scene, provider) = try await Self.start()
            let first = DBusValue.dictionary(Self.thing("a", 1))
            provider.on("CreateInstanceEnumAsync") { call in
                call.call.reply([.int64(0), .int64(1), Self.variants([])])
                for objects in [
                    Self.variants([first]), .array(element: Signature(verified: "s"), []), .structure([Self.variants([first])]),
                ] {
                    _ = try await call.sink.call(Contract.objectSink, "Indicate", [objects])
                }
                await #expect {
                    _ = try await call.sink.call(Contract.objectSink, "Indicate", [.strings(["a"])])
                } throws: { error in
                    guard let error = error as? DBusError else { return false }
                    return error.name == .invalidArguments && error.message.contains("takes (aa{sv}), not (as)")
                }
                _ = try await call.sink.call(
                    Contract.objectSink, "SetStatus", [.uint32(0), .int32(0x40010), .string(""), Self.texts([("Description", "some")])])
                _ = try await call.sink.call(Contract.sinkReference, "Release", [])
            }
            let result = try await scene.client.run(.enumerate("Test_Thing"), .async)
            #expect(result.status.rawValue == 0x40010, "\(result.message)")
            #expect(result.objects.count == 2)
            #expect(result.details["Description"]?.text == "some")
            let other = try await RawProvider.start(on: scene.bus, name: "Other", registers: false)
            _ = try await other.registrar(
                "Register",
                [
                    .int64(0), Self.texts([("MOF", "[dynamic, provider(\"Other\")] class Test_Other { [key] string Name; };")]),
                    .string(""),
                    .string(""), .string(""), .string("Other"), .string(RawProvider.path.text),
                ])
            other.on("CreateInstanceEnumAsync") { $0.reply() }
            #expect(try await scene.client.run(.enumerate("Test_Other")).status == .noError)
            try await expectQuiet(scene)
        }

        // MARK: - 5: values

        @Test("W5: numbers and booleans as text, lists of several widths, objects of texts", arguments: CallForm.allCases)
        func values(form: CallForm) async throws {
            let (scene, provider) = try await Self.start()
            let object: [(String, DBusValue)] = [
                ("__CLASS", .string("Test_Thing")), ("Name", .string("a")), ("ID", .string("1")), ("Flag", .string("1")),
                ("Counts", Self.variants([.byte(1), .int64(2), .string("3")])), ("Texts", Self.variants([])),
                ("Leaf", Self.texts([("Level", "-3"), ("Green", "true")])),
            ]
            provider.on("GetObjectAsync") { $0.reply(.noError, [object]) }
            provider.on("CreateInstanceEnumAsync") { $0.reply(.noError, [object]) }
            provider.on("ExecMethodAsync") { call in
                #expect(call.input["Number"] == .uint32(21) && call.input["Flag"] == .boolean(false))
                #expect(call.input["List"] == .bytes([1, 2]))
                call.reply(.noError, [[("Twice", .string("42")), ("ReturnValue", .double(0))]])
            }
            for operation in [
                RawOperation.get(Self.path("a", 1)), .enumerate("Test_Thing"), .query("SELECT * FROM Test_Thing WHERE Flag = TRUE"),
            ] {
                let result = try await scene.client.run(operation, form)
                #expect(result.status == .noError, "\(operation): \(result.message)")
                let got = result.objects.first ?? [:]
                #expect(got["ID"] == .uint32(1) && got["Flag"] == .boolean(true))
                #expect(got["Counts"] == .array(element: Signature(verified: "q"), [.uint16(1), .uint16(2), .uint16(3)]))
                #expect(got["Texts"] == .strings([]))
                #expect(got["Leaf"]?.stringDictionary?["Level"] == .int16(-3) && got["Leaf"]?.stringDictionary?["Green"] == .boolean(true))
                #expect(got["__RELPATH"]?.text == Self.path("a", 1))
            }
            let method = RawOperation.invoke(
                Self.path("a", 1), "Do",
                [("Number", .string("21")), ("Flag", .int32(0)), ("List", Self.variants([.int32(1), .uint64(2)]))])
            let result = try await scene.client.run(method, form)
            #expect(result.objects.first?["Twice"] == .uint32(42), "\(result.message)")
            let refused = try await scene.client.run(
                .invoke(Self.path("a", 1), "Do", [("Number", .string("x")), ("Flag", .boolean(true))]))
            #expect(refused.status == .invalidMethodParameters && refused.message.contains("property Number"), "\(refused.message)")
            try await expectQuiet(scene)
        }

        @Test(
            "W5: a client's instance is read as loosely, by a provider and by what is stored, and refused with the property's name")
        func puts() async throws {
            let (scene, provider) = try await Self.start(
                mof: Self.mof + "class Test_Kept { [key] uint32 ID; boolean Flag; uint8 List[]; };")
            provider.on("PutInstanceAsync") { call in
                #expect(call.input["ID"] == .uint32(7) && call.input["Flag"] == .boolean(true))
                call.reply()
            }
            let put: [(String, DBusValue)] = [("Name", .string("a")), ("ID", .string("7")), ("Flag", .byte(1))]
            #expect(try await scene.client.run(.put([("__CLASS", .string("Test_Thing"))] + put)).parameter == Self.path("a", 7))
            let kept = RawOperation.put([
                ("__CLASS", .string("Test_Kept")), ("ID", .double(9)), ("Flag", .string("TRUE")),
                ("List", Self.variants([.int32(1), .byte(2)])),
            ])
            #expect(try await scene.client.run(kept).parameter == "Test_Kept.ID=9")
            let stored = try await scene.client.run(.get("Test_Kept.ID=9")).objects.first ?? [:]
            #expect(stored["Flag"] == .boolean(true) && stored["List"] == .bytes([1, 2]))
            for className in ["Test_Thing", "Test_Kept"] {
                let wrong = try await scene.client.run(
                    .put(
                        [("__CLASS", .string(className)), ("Name", .string("a")), ("ID", .string("1")), ("Flag", .string("maybe"))].filter {
                            $0.0 != "Name" || className == "Test_Thing"
                        }))
                #expect(wrong.status == .invalidObject)
                #expect(
                    wrong.message.contains("property Flag of \(className) is boolean; string \"maybe\" does not fit"), "\(wrong.message)")
            }
            try await expectQuiet(scene)
        }

        @Test(
            "W5: the broker's own context values are read as loosely: __OPERATION in a nested call, deadlines, flags, lists",
            arguments: [DBusValue.string(""), .double(0), .int32(0)])
        func context(like type: DBusValue) async throws {
            let (scene, provider) = try await Self.start()
            let inner = try await RawProvider.start(on: scene.bus, name: "Inner", className: "Test_Inner")
            scene.keep(inner)
            @Sendable func written(_ number: UInt64) -> DBusValue {
                switch type {
                case .string: .string("\(number)")
                case .double: .double(Double(number))
                default: .int32(Int32(clamping: number))
                }
            }
            provider.on("GetObjectAsync") { call in
                let context: [(String, DBusValue)] = [
                    ("__OPERATION", written(call.context["__OPERATION"]?.integer() ?? 0)), ("__TIMEOUT_USEC", written(20_000_000)),
                    ("__DERIVED_SYSTEM_PROPERTIES", written(0)), ("__GET_EXT_CLIENT_REQUEST", written(1)), ("__GET_EXTENSIONS", written(1)),
                    ("__GET_EXT_PROPERTIES", Self.variants([.string("Number")])),
                ]
                let message = try Message.methodCall(
                    destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
                    member: MemberName(verified: "GetObject"),
                    values: [.string("Test_Inner.Name=\"thing0\""), .uint32(0), .dictionary(context)])
                let reply = try await call.provider.connection.call(message).values()
                #expect(reply.first?.stringDictionary?["Number"] == .uint32(0) && reply.first?.stringDictionary?["__GENUS"] == nil)
                call.reply(.noError, [Self.thing("a", 1)])
            }
            let result = try await scene.client.run(.get(Self.path("a", 1)))
            #expect(result.status == .noError, "\(result.message)")
            let seen = try #require(inner.calls.all.first?.context)
            #expect(seen["__GET_EXTENSIONS"] == .boolean(true) && seen["__DEADLINE_USEC"] != nil)
            #expect(seen["__GET_EXT_PROPERTIES"]?.elements?.compactMap(\.text) == ["Number"])
            for (name, value) in [
                ("__TIMEOUT_USEC", DBusValue.string("soon")), ("__GET_EXTENSIONS", .string("maybe")), ("__EXPLAIN", .int32(2)),
            ] {
                let refusal = try await scene.client.run(.get(Self.path("a", 1)), context: [(name, value)])
                #expect(refusal.status == .invalidContext && refusal.message.contains(name), "\(refusal.message)")
            }
            try await expectQuiet(scene)
        }

        // MARK: - 6: errors

        @Test(
            "W6: a number in any error's text counts, and a name that is known",
            arguments: [
                ("org.freedesktop.DBus.Error.Failed", "0x80041002 no thing", .notFound, "no thing"),
                ("org.freedesktop.DBus.Python.ValueError", "0x8004100F: bad", .invalidObject, "bad"),
                ("org.freedesktop.DBus.Error.NotSupported", "not here", .notSupported, "not here"),
                ("org.freedesktop.DBus.Error.AccessDenied", "not you", .accessDenied, "not you"),
                ("org.cimbus1.Error.NOT_FOUND", "gone", .notFound, "gone"),
                ("org.cimbus1.Error.WBEM_E_NOT_FOUND", "gone", .notFound, "gone"),
                ("org.freedesktop.DBus.Error.UnknownMethod", "no such", .providerNotCapable, "the provider does not do this"),
                (
                    "org.freedesktop.DBus.Error.Failed", "it broke", .providerFailure,
                    "it answered with org.freedesktop.DBus.Error.Failed: it broke"
                ),
                ("org.freedesktop.DBus.Error.UnknownObject", "no object", .providerFailure, "UnknownObject"),
            ] as [(String, String, WBEMStatus, String)])
        func errors(name: String, text: String, status: WBEMStatus, words: String) async throws {
            let (scene, provider) = try await Self.start()
            provider.on("GetObjectAsync") { $0.call.fail(ErrorName(verified: name), text) }
            for form in CallForm.allCases {
                let result = try await scene.client.run(.get(Self.path("a", 1)), form)
                #expect(result.status == status, "\(result.message)")
                #expect(result.message.contains(words) || result.details["Description"]?.text?.contains(words) == true, "\(result.message)")
            }
            try await expectQuiet(scene)
        }

        @Test("W6: a traceback of many lines keeps its lines, the reason first, and makes no lines of the log")
        func traceback() async throws {
            let (scene, provider) = try await Self.start()
            let frames =
                "Traceback (most recent call last):\n  File \"clocks.py\", line 3, in GetObjectAsync\n    return self.\u{1B}[31mclocks[path]\n"
            provider.on("GetObjectAsync") { call in
                call.call.fail(
                    ErrorName(verified: "org.freedesktop.DBus.Python.KeyError"),
                    frames + "KeyError: 'x'\n2026-11-21T00:00:00 error cimbusd: forged\n")
            }
            let result = try await scene.client.run(.get(Self.path("a", 1)))
            #expect(result.status == .providerFailure)
            #expect(
                result.message.contains("it answered with org.freedesktop.DBus.Python.KeyError: KeyError: 'x'\n2026-"), "\(result.message)")
            #expect(result.message.contains("\nTraceback (most recent call last):\n  File \"clocks.py\", line 3"))
            #expect(!result.message.contains("\u{1B}"))
            let failure = try await scene.client.property(provider.registrationPath, Contract.registration, "LastFailure").text ?? ""
            #expect(failure.contains("KeyError") && !failure.contains("\n"), "\(failure)")
            #expect(!scene.broker.log.all.contains { $0.hasPrefix("2026-11-21T00:00:00 error") })
            try await expectQuiet(scene)
        }

        // MARK: - 28: values that cannot be read

        @Test("W28: a value that cannot be read costs its property, in every read and every form", arguments: CallForm.allCases)
        func lostValue(form: CallForm) async throws {
            let (scene, provider) = try await Self.start()
            let objects = [
                Self.thing("a", 1, [("Made", .string("yesterday")), ("Flag", .boolean(true))]),
                Self.thing("b", 2, [("Made", .string("00000000000000.000000+000")), ("Leaf", Self.texts([("Level", "1000")]))]),
                Self.thing("c", 3, [("Made", .string("20261131000000.000000+000")), ("Counts", .structure([.int32(1)]))]),
            ]
            provider.on("CreateInstanceEnumAsync") { $0.reply(.noError, objects) }
            provider.on("GetObjectAsync") { $0.reply(.noError, [objects[0]]) }
            for operation in [RawOperation.enumerate("Test_Thing"), .query("SELECT * FROM Test_Thing WHERE ID > 0")] {
                let result = try await scene.client.run(operation, form)
                #expect(result.status == .noError, "\(operation): \(result.message)")
                #expect(result.objects.count == 3)
                #expect(result.objects.map { $0["Made"]?.text } == [nil, "00000000000000.000000+000", nil])
                #expect(result.objects.first?["Flag"] == .boolean(true) && result.objects.last?["Counts"] == nil)
                #expect(result.objects.dropFirst().first?["Leaf"]?.stringDictionary?["Level"] == nil)
            }
            let got = try await scene.client.run(.get(Self.path("a", 1)), form)
            #expect(got.status == .noError && got.objects.first?["Made"] == nil && got.objects.first?["Name"]?.text == "a")
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["LostValues"] == .uint64(9) && counters?["Violations"] == .uint64(0))
            let lines = try await scene.broker.log.wait("three lines") { $0.count { $0.contains("NULL is passed on") } >= 3 }
                .filter { $0.contains("NULL is passed on") }
            #expect(lines.count == 3, "\(lines)")
            #expect(
                lines.contains {
                    $0.contains("provider Raw") && $0.contains("property Made of Test_Thing is datetime; string \"yesterday\"")
                })
            try await expectQuiet(scene)
        }

        @Test("W28: a date that is not set equals itself in a query, and nothing else")
        func unsetDate() async throws {
            let (scene, provider) = try await Self.start()
            provider.on("CreateInstanceEnumAsync") {
                $0.reply(
                    .noError,
                    [
                        Self.thing("unset", 1, [("Made", .string("00000000000000.000000+000"))]),
                        Self.thing("set", 2, [("Made", .string("20260101000000.000000+000"))]), Self.thing("null", 3),
                    ])
            }
            for (condition, names) in [
                ("Made = '00000000000000.000000+000'", ["unset"]), ("Made <> '00000000000000.000000+000'", ["set"]),
                ("Made < '20270101000000.000000+000'", ["set"]), ("Made > '00000000000000.000000+000'", []),
                ("Made IS NULL", ["null"]), ("Made IS NOT NULL", ["unset", "set"]),
            ] {
                let result = try await scene.client.run(.query("SELECT * FROM Test_Thing WHERE \(condition)"))
                #expect(result.status == .noError, "\(condition): \(result.message)")
                #expect(result.objects.compactMap { $0["Name"]?.text } == names, "\(condition)")
            }
            try await expectQuiet(scene)
        }

        @Test("W28: what is no instance of the class, and a key that cannot be read, end the operation as before")
        func noInstance() async throws {
            let (scene, provider) = try await Self.start()
            for (object, word) in [
                (Self.thing("a", 1, [("Nothing", .int32(1))]), "has no property Nothing"),
                (
                    [("__CLASS", .string("Test_Thing")), ("Name", .string("a")), ("ID", .string("one"))],
                    "property ID of Test_Thing is uint32"
                ),
                ([("Name", .string("a"))], "no __CLASS"),
                (Self.thing("a", 1, [("FLAG", .boolean(true)), ("Flag", .boolean(true))]), "twice"),
            ] as [([(String, DBusValue)], String)] {
                provider.on("CreateInstanceEnumAsync") { $0.reply(.noError, [object]) }
                let result = try await scene.client.run(.enumerate("Test_Thing"))
                #expect(result.status == .invalidObject && result.message.contains(word), "\(result.message)")
            }
            provider.on("ExecMethodAsync") { $0.reply(.noError, [[("Twice", .string("many"))]]) }
            let result = try await scene.client.run(.invoke(Self.path("a", 1), "Do", [("Number", .int32(1)), ("Flag", .boolean(true))]))
            #expect(result.status == .invalidObject && result.message.contains("property Twice"), "\(result.message)")
            try await expectQuiet(scene)
        }
    }
}
