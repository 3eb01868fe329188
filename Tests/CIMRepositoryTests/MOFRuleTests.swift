import CIM
import CIMMOF
import CIMRepository
import Testing

/// What a MOF text makes of a repository: values that need the schema, and what only the schema can refuse.
@Suite struct MOFRuleTests {
    private func repository(_ mof: String = "") async throws -> Repository {
        let repository = try await Repository.inMemory()
        if !mof.isEmpty { try await repository.compile(mof) }
        return repository
    }

    private func failure(_ repository: Repository, _ mof: String) async throws -> CIMError? {
        do {
            try await repository.compile(mof)
            return nil
        } catch let error as CIMError { return error }
    }

    private func get(_ repository: Repository, _ text: String) async throws -> CIMInstance {
        try await repository.instance(at: try path(text), in: .cimv2)
    }

    @Test("W19: WMI: a property named without a value has the class's default")
    func noValue() async throws {
        let repository = try await repository(
            "class A { [key] string Id; uint8 V = 7; string W; }; instance of A { Id = \"a\"; V; [Q(\"x\")] W; };")
        let stored = try await get(repository, "A.Id=\"a\"")
        #expect(stored["V"] == .uint8(7) && stored["W"] == .null)
    }

    private static let holders = """
        class E { string Id; uint8 N = 3; [EmbeddedInstance("E")] string Inner; };
        class F : E { };
        class K { [key] string Id; };
        class Base { [key] string Id; [EmbeddedInstance("E"), ToSubclass] string One; };
        class H : Base {
            [EmbeddedInstance("E")] string Many[]; [EmbeddedObject] string Any; object:E Object; E Objects[]; K Keyed; K ref Refers[];
            string Text;
        };

        """

    @Test("W20: DSP0004, 5.6.3.15: an embedded instance as text, nested, in arrays, in inherited properties, and as EmbeddedObject")
    func embeddedText() async throws {
        let repository = try await repository(Self.holders)
        try await repository.compile(
            #"""
            instance of H {
                Id = "h";
                One = "instance of F { Id = \"1\"; Inner = \"instance of E { Id = \\\"2\\\"; };\"; };";
                Many = {"instance of E { Id = \"a\"; }", "instance of F {};"};
                Any = "instance of K { Id = \"any\"; };";
                Object = instance of E { Inner = "instance of F { N = 9; };"; };
                Text = "instance of E {};";
            };
            """#)
        let stored = try await get(repository, "H.Id=\"h\"")
        let one = try #require(stored["One"]?.objectValue)
        #expect(one.className == "F" && one["Id"] == "1" && one["N"] == .uint8(3))
        #expect(one["Inner"]?.objectValue?["Id"] == "2")
        #expect(stored["Many"]?.arrayValue?.map { $0.objectValue?.className } == ["E", "F"])
        #expect(stored["Any"]?.objectValue?["Id"] == "any")
        #expect(stored["Object"]?.objectValue?["Inner"]?.objectValue?["N"] == .uint8(9))
        #expect(stored["Text"] == "instance of E {};")
    }

    @Test("W20: An alias where an object is wanted stands for the instance itself, in arrays, before it is declared, and within another")
    func embeddedAlias() async throws {
        let repository = try await repository(Self.holders)
        try await repository.compile(
            #"""
            instance of H {
                Id = "h"; One = $e; Many = {$e, $f, "instance of E { Id = \"text\"; };"}; Objects = {$f}; Keyed = $k; Refers = {$k};
                Any = $f;
            };
            instance of E as $e { Id = "e"; Inner = $f; };
            instance of F as $f { Id = "f"; };
            instance of K as $k { Id = "k"; };
            """#)
        let stored = try await get(repository, "H.Id=\"h\"")
        #expect(stored["One"]?.objectValue?["Id"] == "e" && stored["One"]?.objectValue?["Inner"]?.objectValue?["Id"] == "f")
        #expect(stored["Many"]?.arrayValue?.map { $0.objectValue?["Id"] } == ["e", "f", "text"])
        #expect(stored["Objects"]?.arrayValue?.map { $0.objectValue?.className } == ["F"])
        #expect(stored["Any"]?.objectValue?["N"] == .uint8(3))
        #expect(stored["Keyed"]?.objectValue?["Id"] == "k")
        #expect(stored["Refers"]?.arrayValue?.first?.referenceValue?.relativePath == "K.Id=\"k\"")
        // What has a key is stored by itself, too; E has none, and is a value only.
        #expect(try await get(repository, "K.Id=\"k\"")["Id"] == "k")
        #expect(try await repository.count(of: "E", deep: true, in: .cimv2) == 0)
    }

    @Test(
        "W20: What embedded instances are refused for: no instance in the text, another class, a circle, too many, an instance that stands alone"
    )
    func embeddedRefused() async throws {
        let repository = try await repository(Self.holders)
        func refused(_ mof: String) async throws -> CIMError? { try await failure(repository, mof) }
        let noInstance = try await refused(#"class Before {}; instance of H { Id = "h"; One = "instance of E { Id = ; };"; };"#)
        #expect(noInstance?.failedChange == 1 && noInstance?.message.contains("H.One") ?? false, "\(noInstance?.message ?? "")")
        #expect(noInstance?.status == .mofIllegalConstantValue && noInstance?.message.contains("1:22") ?? false)
        #expect(try await refused(#"instance of H { Id = "h"; One = "hello"; };"#)?.status.isSuccess == false)
        #expect(try await refused(#"instance of H { Id = "h"; One = "instance of K { Id = \"k\"; };"; };"#)?.status == .typeMismatch)
        #expect(try await refused(#"instance of H { Id = "h"; One = "instance of Nope {};"; };"#)?.status == .invalidClass)
        #expect(try await refused(#"instance of H { Id = "h"; One = $x; };"#)?.failedPlace?.column == 33)
        let circle = "instance of H { Id = \"h\"; One = $a; }; instance of E as $a { Inner = $b; }; instance of E as $b { Inner = $a; };"
        #expect(try await refused(circle)?.status == .mofInvalidInstanceDeclaration)
        #expect(try await refused("instance of E { Id = \"x\"; };")?.status == .noKey)
        // Seven tenfold levels would be ten million objects.
        var laughs = "instance of H { Id = \"h\"; Many = {\(Array(repeating: "$l0", count: 10).joined(separator: ", "))}; };"
        let list = "class L : E { [EmbeddedInstance(\"E\")] string More[]; };"
        for level in 0..<6 {
            let next = Array(repeating: "$l\(level + 1)", count: 10).joined(separator: ", ")
            laughs += "instance of L as $l\(level) { More = {\(next)}; };"
        }
        let many = try await refused(list + laughs + "instance of L as $l6 {};")
        #expect(many?.status == .quotaViolation)
    }

    @Test("W20: DSP0004, 5.6.3.15: a string that overrides an embedded object takes objects; the default of a property may be an alias")
    func embeddedInClasses() async throws {
        let repository = try await repository(
            Self.holders + #"""
                Qualifier EmbeddedInstance : string = null, Scope(property, method, parameter);
                class B2 { [key] string Id; [EmbeddedInstance("E")] string One; };
                class B3 : B2 {
                    string One; [EmbeddedInstance("E")] string Two = $e; E Three = instance of E { Inner = "instance of F {};"; };
                };
                instance of B3 { Id = "x"; One = "instance of E { Id = \"y\"; };"; };
                instance of E as $e { Id = "default"; };
                """#)
        let stored = try await get(repository, "B3.Id=\"x\"")
        #expect(stored["One"]?.objectValue?["Id"] == "y" && stored["Two"]?.objectValue?["Id"] == "default")
        #expect(stored["Three"]?.objectValue?["Inner"]?.objectValue?.className == "F")
        #expect(repository.schema.class("B3", in: .cimv2)?.property(named: "One")?.type.className == "E")
    }

    @Test(
        "W21: A misspelt type is an error with its place and what was meant; a class of the text, whatever its order, or of the schema is none"
    )
    func types() async throws {
        let repository = try await repository("class Stored {};")
        for (text, place, meant, status) in [
            ("class T {\n [key] string Id; int32 N; };", "2:19", "sint32", WBEMStatus.mofUnrecognizedType),
            ("class T {\n unit32 M(); };", "2:2", "uint32", .mofUnrecognizedType),
            ("class T {\n void M([In] strng X); };", "2:14", "string", .mofUnrecognizedType),
            ("class T {\n [EmbeddedInstance(\"Stord\")] string S; };", "2:3", "Stored", .invalidClass),
            ("class T {\n object:Nope S; };", "2:9", nil, .invalidClass), ("class T {\n Nope ref S; };", "2:2", nil, .invalidClass),
            ("class T {\n Store S; };", "2:2", "Stored", .mofUnrecognizedType),
        ] {
            let error = try await failure(repository, "class Before {};" + text)
            #expect(error?.status == status && error?.failedChange == 1, "\(text): \(error?.message ?? "")")
            #expect(error?.failedPlace.map { "\($0.line):\($0.column)" } == place, "\(text)")
            #expect(error?.message.contains(meant.map { "did you mean \($0)?" } ?? "found 'Nope'") ?? false, "\(error?.message ?? "")")
            #expect(repository.schema.class("Before", in: .cimv2) == nil)
        }
        try await repository.compile(
            "class T { Late A; object:Stored B; [EmbeddedInstance(\"T\")] string C; object D; Late ref E; object ref F; }; class Late {};")
        // The same without MOF.
        let put = CIMClass(name: "U", properties: [CIMProperty(name: "P", type: .init(.object, className: "int32"))])
        let error = await #expect(throws: CIMError.self) { try await repository.commit([.putClass(put, in: .cimv2)]) }
        #expect(error?.status == .invalidClass && error?.message.contains("did you mean sint32?") ?? false, "\(error?.message ?? "")")
        let method = CIMClass(name: "U", methods: [CIMMethod(name: "M", returnType: .init(.object, className: "Nope"))])
        #expect(try await status { try await repository.commit([.putClass(method, in: .cimv2)]) } == .invalidClass)
    }

    @Test("W23 R67: a NULL key of type string becomes a GUID, also behind an alias; one that the class has a default for has that")
    func generatedKeys() async throws {
        let repository = try await repository(
            """
            class A { [key] string Id; A ref Next; };
            class D { [key] string Id = "d"; D ref Next; };
            class N { [key] uint32 Id; };
            instance of A { Id = NULL; };
            instance of A as $a {};
            instance of A { Id = "last"; Next = $a; };
            instance of D as $d {};
            instance of D { Id = "last"; Next = $d; };
            instance of D { Id = NULL; };
            """)
        let all = try await repository.all("A")
        let ids = all.compactMap { $0["Id"]?.stringValue }
        #expect(ids.count == 3 && ids.filter { $0.utf8.count == 38 && $0.hasPrefix("{") }.count == 2, "\(ids)")
        let last = try await get(repository, "A.Id=\"last\"")
        let next = try #require(last["Next"]?.referenceValue)
        #expect(try await repository.instance(at: next, in: .cimv2)["Next"] == .null)
        #expect(try await get(repository, "D.Id=\"last\"")["Next"]?.referenceValue?.relativePath == "D.Id=\"d\"")
        #expect(try await repository.all("D").count == 3)
        #expect(try await failure(repository, "instance of N {};")?.status == .noKey)
        #expect(try await failure(repository, "instance of __NAMESPACE {};")?.status == .noKey)
    }

    @Test("W22: DSP0004, 5.6.3.28: keys below a concrete class without any; a quoted TRUE is a boolean, for a value, too")
    func keysAndBooleans() async throws {
        let repository = try await repository(
            #"""
            class A { string P; };
            class B : A { [key("TRUE")] string Id; boolean On; boolean Off[]; };
            instance of B { Id = "b"; On = "true"; Off = {"FALSE"}; };
            """#)
        let stored = try await get(repository, "B.Id=\"b\"")
        #expect(stored["On"] == true && stored["Off"] == .array(of: .boolean, [false]))
        #expect(try await repository.all("A").map { $0.path?.relativePath } == ["B.Id=\"b\""])
        #expect(try await failure(repository, "class C : B { [key] string More; };")?.status == .cannotChangeKeyInheritance)
    }

    @Test(
        "W26: DSP0004, 5.6.3: what is refused: Override of nothing, unrelated references, associations below plain classes"
    )
    func refused() async throws {
        let repository = try await repository(
            """
            class X { [key] string Id; }; class Y : X {}; class Z { [key] string Id; };
            [Association] class L { [key] X ref A; [key] Z ref B; };
            class P { [key] string Id; uint8 S[2]; [EmbeddedInstance("X")] string O; };
            """)
        for (text, status) in [
            ("class Q : P { [Override(\"Nope\")] uint8 S[2]; };", WBEMStatus.invalidQualifier),
            ("class Q : P { [Override(\"Nope\")] void M(); };", .invalidQualifier),
            ("[Association] class M : L { [key, Override(\"A\")] Z ref A; };", .updateTypeMismatch),
            ("[Association] class M : L { [key] object ref A; };", .updateTypeMismatch),
            ("class Q : P { [EmbeddedInstance(\"Z\")] string O; };", .updateTypeMismatch),
            ("[Association] class M : P { X ref A; Z ref B; };", .invalidAssociation),
            ("instance of P { Id = \"x\"; S = {1, 2, 3}; };", .typeMismatch),
        ] { #expect(try await failure(repository, text)?.status == status, "\(text)") }
        try await repository.compile(
            """
            [Association] class M : L { [key, Override("A")] Y ref A; };
            class Q : P { [Override("S")] uint8 S[2]; [EmbeddedInstance("Y")] string O; };
            instance of P { Id = "x"; S = {1}; };
            """)
        let reserved = try await failure(repository, "class __X {};")
        #expect(reserved?.status == .accessDenied && reserved?.message.contains("reserved for system classes") ?? false)
    }

    @Test("A class that is deleted and declared anew in one text: its instances have the new one")
    func redeclared() async throws {
        let repository = try await repository("class A { [key] uint32 Old; }; instance of A { Old = 1; };")
        try await repository.compile(
            "#pragma deleteclass(\"A\", FAIL)\nclass A { [key] string Id; A ref N; }; instance of A as $a {}; instance of A { Id=\"x\"; N=$a; };"
        )
        #expect(try await repository.all("A").count == 2)
    }
}
