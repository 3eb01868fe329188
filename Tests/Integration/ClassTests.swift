import CIM
import CIMBusWire
import CIMMOF
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Operations on classes, in their three forms (Semantics A.2.2, A.3, A.4, A.5).
    @Suite struct ClassTests {
        static let family = """
            [Description("all of them") : ToSubclass, Version("1.0") : ToInstance ToSubclass DisableOverride]
            class Test_Top
            {
                [key, MaxLen(64)] string Name;
                [read, Units("bytes") : ToSubclass] uint64 Size = 5;
                sint8 Small[3] = {-1, 0, 1};
                datetime Since = "20200101120000.000000+060";
                Test_Top ref Other;
                [Implemented, Static] uint32 Look([in, Optional] string Where[], [out] Test_Top ref Found);
            };
            class Test_Middle : Test_Top
            {
                [Units("blocks")] uint64 Size = 6;
                real32 Ratio = 0.5;
                char16 Letter = 'x';
                [EmbeddedObject] string Inner;
                void Rest();
            };
            [terminal] class Test_Low : Test_Middle { boolean Flags[] = {true, false}; };
            """

        @Test("A.4, Design 3: GetObject of a class gives its exact MOF back, in every form", arguments: CallForm.allCases)
        func readBack(form: CallForm) async throws {
            let scene = try await Scene.start()
            try await scene.client.mustCompile(Self.family)
            for declared in try MOFParser.parse(Self.family).classes {
                let result = try await scene.client.run(.get(declared.name.uppercased()), form)
                let read = try CIMClass(wire: try #require(result.objects.first))
                #expect(read.name == declared.name)
                #expect(try MOFParser.parse(MOFWriter.write(read)).classes == [declared])
                // What was read can be put: it is the same class.
                #expect(try await scene.client.run(.putClass(try read.wire), form).status == .noError)
                #expect(try await scene.client.declaration(declared.name) == read)
            }
            let low = try await scene.client.declaration("Test_Low")
            #expect(low.derivation == ["Test_Middle", "Test_Top"])
            #expect(low.property(named: "Size")?.origin == "Test_Middle")
            #expect(try await scene.client.run(.get("Test_None"), form).status == .notFound)
            try await expectQuiet(scene)
        }

        @Test(
            "Design 3: with __CLASS_SHAPE GetObject of a class gives what it takes to read its instances, and no more",
            arguments: CallForm.allCases)
        func shape(form: CallForm) async throws {
            let scene = try await Scene.start()
            try await scene.client.mustCompile(Self.family)
            let context: [(String, DBusValue)] = [("__CLASS_SHAPE", .boolean(true))]
            let result = try await scene.client.run(.get("test_low"), form, context: context)
            let shape = try CIMClass(wire: try #require(result.objects.first))
            let whole = try await scene.client.declaration("Test_Low")
            #expect(shape.name == "Test_Low" && shape.derivation == whole.derivation)
            #expect(shape.properties.map(\.name) == whole.properties.map(\.name))
            #expect(shape.properties.map(\.type.cimType) == whole.properties.map(\.type.cimType))
            #expect(shape.keyNames == ["Name"] && shape.methods.isEmpty && shape.qualifiers.isEmpty)
            #expect(shape.properties.allSatisfy { $0.qualifiers.isEmpty || $0.isKey })
            // Of what is no class it says nothing.
            let none = try await scene.client.run(.get("Test_None"), form, context: context)
            #expect(none.status == .notFound)
            try await expectQuiet(scene)
        }

        @Test("A.2.2 A.4: PutClass creates and changes, and keeps to CREATE_ONLY and UPDATE_ONLY", arguments: CallForm.allCases)
        func put(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let first = try RawOperation.putClass(mof: "class Test_A { [key] string Name; };")
            let second = try RawOperation.putClass(mof: "class Test_A { [key] string Name; uint32 Size = 3; };")
            #expect(try await client.run(first, form, flags: 1).status == .notFound)
            #expect(try await client.run(.get("Test_A"), form).status == .notFound)
            #expect(try await client.run(first, form, flags: 2).status == .noError)
            #expect(try await client.run(first, form, flags: 2).status == .alreadyExists)
            #expect(try await client.declaration("Test_A").properties.map(\.name) == ["Name"])
            #expect(try await client.run(second, form, flags: 1).status == .noError)
            #expect(try await client.run(second, form).status == .noError)
            #expect(try await client.declaration("Test_A").property(named: "Size")?.defaultValue == .uint32(3))
            // It is served at once.
            let put = try await client.run(.put([("__CLASS", .string("Test_A")), ("Name", .string("x"))]), form)
            #expect(put.parameter == "Test_A.Name=\"x\"")
            try await expectQuiet(scene, next: .get("Test_A"))
        }

        @Test("A.2.2 A.4: compatible, safe and force mode: subclasses, their conflicts, and instances")
        func modes() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(
                """
                class Test_Top { [key] string Name; uint32 Size; };
                class Test_Low : Test_Top { [Units("a")] uint32 Size; string Extra; };
                """)
            func put(_ mof: String, flags: Int32) async throws -> WBEMStatus {
                try await client.run(try .putClass(mof: mof), flags: flags).status
            }
            let more = "class Test_Top { [key] string Name; uint32 Size; string More; };"
            #expect(try await put(more, flags: 0) == .classHasChildren)
            #expect(try await put(more, flags: 0x20) == .noError)
            #expect(try await client.declaration("Test_Low").property(named: "More") != nil)
            // A property of another type is nobody's to give way.
            let mistyped = "class Test_Top { [key] string Name; uint32 Size; string More; uint8 Extra; };"
            #expect(try await put(mistyped, flags: 0x20) == .updateTypeMismatch)
            #expect(try await put(mistyped, flags: 0x40) == .updateTypeMismatch)
            // A qualifier is.
            let locked =
                "class Test_Top { [key] string Name; [Units(\"b\") : ToSubclass DisableOverride, Min(0)] uint32 Size; string More; };"
            #expect(try await put(locked, flags: 0x20) == .updateOverrideNotAllowed)
            #expect(try await client.declaration("Test_Low").property(named: "Size")?.qualifier(named: "Units")?.value == .string("a"))
            #expect(try await put(locked, flags: 0x40) == .noError)
            #expect(try await client.declaration("Test_Low").property(named: "Size")?.qualifier(named: "Units")?.value == .string("b"))

            _ = try await client.run(.put([("__CLASS", .string("Test_Low")), ("Name", .string("x"))]))
            for flags: Int32 in [0, 0x20, 0x40] {
                let expected: WBEMStatus = flags == 0 ? .classHasChildren : .classHasInstances
                #expect(try await put("class Test_Top { [key] string Name; uint32 Size; };", flags: flags) == expected)
                #expect(try await put("class Test_Low : Test_Top { uint32 Size; };", flags: flags) == .classHasInstances)
            }
            // What only describes may always change.
            let described = try await client.declaration("Test_Low").described("new")
            #expect(try await client.run(.putClass(try described.wire)).status == .noError)
            #expect(try await client.declaration("Test_Low").qualifier(named: "Description")?.value == .string("new"))
            try await expectQuiet(scene, next: .get("Test_Low=\"x\""))
        }

        @Test("A.3 A.5: what the call itself says wrong is refused at once, in every form", arguments: CallForm.allCases)
        func refused(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let sink = client.makeSink()
            func refusal(_ operation: RawOperation, flags: Int32 = 0) async throws -> WBEMStatus? {
                if form == .sync { return try await client.run(operation, flags: flags).status }
                return try await client.refusal { _ = try await client.start(operation, form, flags: flags, sink: sink) }
            }
            let good = try RawOperation.putClass(mof: "class Test_A { [key] string Name; };")
            for flags: Int32 in [0x3, 0x60, 0x100, 0x200, 0x40000] { #expect(try await refusal(good, flags: flags) == .invalidParameter) }
            #expect(try await refusal(.deleteClass("Test_A"), flags: 1) == .invalidParameter)
            #expect(try await refusal(.deleteClass("")) == .invalidParameter)
            #expect(try await refusal(.putClass(.dictionary([]))) == .invalidParameter)
            #expect(try await refusal(.deleteClass("a b")) == .invalidClass)
            #expect(try await refusal(.classes("a b")) == .invalidClass)
            #expect(try await refusal(.classes(""), flags: 2) == .invalidParameter)
            func entry(_ key: String, _ value: DBusValue) -> RawOperation {
                .putClass(.dictionary([("__CLASS", .string("Test_A")), (key, value)]))
            }
            let bad: [RawOperation] = [
                .putClass(.dictionary([("__CLASS", .int32(1))])), entry("__PROPERTIES", .string("x")),
                entry("__PROPERTIES", .objects([[("Type", .string("uint8"))]])),
                entry("__PROPERTIES", .objects([[("Name", .string("P")), ("Type", .string("int"))]])),
                entry("__METHODS", .strings(["x"])), entry("__QUALIFIERS", .objects([[("Value", .int32(1))]])),
            ]
            for operation in bad { #expect(try await refusal(operation) == .invalidObject) }
            #expect(try await client.run(.get("Test_A")).status == .notFound)
            #expect(sink.events.all.isEmpty)
            try await expectQuiet(scene)
        }

        @Test("A.4 A.5: what only the schema can say ends the operation", arguments: CallForm.allCases)
        func failed(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile("class Test_Top { [key] string Name; }; [terminal] class Test_End { [key] string Name; };")
            func put(_ mof: String) async throws -> WBEMStatus { try await client.run(try .putClass(mof: mof), form).status }
            #expect(try await put("class __Mine { [key] string Name; };") == .accessDenied)
            #expect(try await put("class __Win32Provider : __Provider { string More; };") == .accessDenied)
            #expect(try await put("class Test_Space : __NAMESPACE { string More; };") == .invalidSuperclass)
            #expect(try await put("class Test_A : Test_None { };") == .invalidSuperclass)
            #expect(try await put("class Test_A : Test_End { };") == .invalidSuperclass)
            #expect(try await put("class Test_Top : Test_Top { };") == .circularReference)
            #expect(try await put("class Test_A : Test_Top { [key(false)] string Name; };") == .cannotChangeKeyInheritance)
            #expect(try await put("class Test_A { Test_None ref Other; };") == .invalidClass)
            #expect(try await put("class Test_A { void M([in, ID(0)] uint8 X, [in] uint8 Y); };") == .missingParameterId)
            #expect(try await put("class Test_A { void M([in, ID(1)] uint8 X); };") == .nonconsecutiveParameterIds)
            let twice = CIMClass(
                name: "Test_A",
                properties: ["Name", "NAME"].map { CIMProperty(name: $0, type: CIMTypeReference(.string), qualifiers: [], origin: "") })
            #expect(try await client.run(.putClass(try twice.wire), form).status == .invalidClass)
            #expect(try await client.run(.deleteClass("__Win32Provider"), form).status == .invalidOperation)
            #expect(try await client.run(.deleteClass("Test_None"), form).status == .invalidClass)
            #expect(try await client.run(.classes("Test_None"), form).status == .invalidClass)
            #expect(try await client.run(.get("Test_A"), form).status == .notFound)
            try await expectQuiet(scene, next: .get("Test_Top"))
        }

        @Test("A.4: DeleteClass takes subclasses and their static instances with it", arguments: CallForm.allCases)
        func delete(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let mof = """
                class Test_Top { [key] string Name; };
                class Test_Middle : Test_Top { };
                class Test_Low : Test_Middle { };
                class Test_Other { [key] string Name; };
                """
            let instances = "instance of Test_Top { Name = \"t\"; }; instance of Test_Low { Name = \"l\"; };"
            try await client.mustCompile(mof + instances)
            #expect(try await client.run(.deleteClass("test_middle"), form).status == .noError)
            #expect(try await client.run(.get("Test_Low"), form).status == .notFound)
            #expect(try await client.run(.get("Test_Low=\"l\""), form).status == .invalidClass)
            #expect(try await client.run(.enumerate("Test_Top"), form).names() == ["t"])
            // With the class again, the instance is not.
            try await client.mustCompile(mof)
            #expect(try await client.run(.enumerate("Test_Top"), form).names() == ["t"])
            #expect(try await client.run(.deleteClass("Test_Top"), form).status == .noError)
            #expect(try await client.run(.classes("Test_Top"), form).status == .invalidClass)
            try await expectQuiet(scene, next: .get("Test_Other"))
        }
    }
}

extension CIMClass {
    fileprivate func described(_ text: String) -> CIMClass {
        var described = self
        described.qualifiers = qualifiers + [CIMQualifier(name: "Description", value: .string(text), flavor: [])]
        return described
    }
}
