import CIM
import CIMRepository
import Testing

/// Static instances: Semantics C.1, C.1.2, C.2, H.1.
@Suite struct InstanceRuleTests {
    private let classes = """
        [abstract] class Top {};
        class A : Top { [key] string Name; uint32 Size = 5; uint8 Bytes[]; datetime When; };
        class B : A { sint64 Big; };
        class C : A {};
        class Free { string S; };
        [singleton] class Only { string S = "x"; };
        [dynamic, provider("P")] class Dyn { [key] string Name; };
        class Holder { [key] uint32 K; object:Free Inner; Free More[]; object Any; };
        """

    private func repository() async throws -> Repository {
        let repository = try await Repository.inMemory()
        try await repository.compile(classes)
        return repository
    }

    private func put(
        _ repository: Repository, _ className: String, _ properties: KeyValuePairs<String, CIMValue>, _ flags: ChangeFlags = [],
        only: [String]? = nil
    ) async throws -> WBEMStatus? {
        try await status {
            try await repository.commit([.putInstance(CIMInstance(className: className, properties), in: .cimv2, flags: flags, only: only)])
        }
    }

    @Test("C.1: types of the class, defaults, all properties, own class; CREATE_ONLY and UPDATE_ONLY")
    func put() async throws {
        let repository = try await repository()
        #expect(try await put(repository, "a", ["name": "one"], .updateOnly) == .notFound)
        #expect(try await put(repository, "a", ["name": "one", "BYTES": .array(of: .sint32, [1, 2])], .createOnly) == nil)
        #expect(try await put(repository, "A", ["Name": "ONE"], .createOnly) == .alreadyExists)
        let stored = try await repository.instance(at: try path("A.Name=\"One\""), in: .cimv2)
        #expect(stored.className == "A" && stored.properties.map(\.name) == ["Name", "Size", "Bytes", "When"])
        #expect(stored["Size"] == .uint32(5) && stored["Bytes"] == .array(of: .uint8, [.uint8(1), .uint8(2)]) && stored["When"] == .null)
        #expect(stored.path?.path == "root\\cimv2:A.Name=\"one\"")
        #expect(try await put(repository, "A", ["Name": "one", "Size": .null], .updateOnly) == nil)
        #expect(try await repository.instance(at: try path("A.Name=\"one\""), in: .cimv2)["Size"] == .null)
    }

    @Test("C.1: what is refused")
    func refused() async throws {
        let repository = try await repository()
        #expect(try await put(repository, "Top", [:]) == .invalidOperation)
        #expect(try await put(repository, "Dyn", ["Name": "x"]) == .invalidOperation)
        #expect(try await put(repository, "None", [:]) == .invalidClass)
        #expect(try await put(repository, "A", ["Size": 1]) == .noKey)
        #expect(try await put(repository, "A", ["Name": .null]) == .noKey)
        #expect(try await put(repository, "Free", ["S": "x"]) == .noKey)
        #expect(try await put(repository, "A", ["Name": "x", "Size": -1]) == .typeMismatch)
        #expect(try await put(repository, "A", ["Name": "x", "When": "yesterday"]) == .typeMismatch)
        #expect(try await put(repository, "A", ["Name": "x", "Other": 1]) == .invalidProperty)
        #expect(try await put(repository, "A", ["Name": "x", "NAME": "y"]) == .invalidObject)
        #expect(try await put(repository, "A", ["Name": "x\u{1}"]) == .invalidObjectPath)
        #expect(try await repository.all("Top").isEmpty)
    }

    @Test("C.1.1: a path is unique over the hierarchy; there is no moving")
    func unique() async throws {
        let repository = try await repository()
        #expect(try await put(repository, "B", ["Name": "x", "Big": 1]) == nil)
        #expect(try await put(repository, "C", ["Name": "X"]) == .alreadyExists)
        #expect(try await put(repository, "A", ["Name": "x"]) == .alreadyExists)
        #expect(try await put(repository, "C", ["Name": "x"], .updateOnly) == .notFound)
        #expect(try await repository.instance(at: try path("A.Name=\"x\""), in: .cimv2).className == "B")
        #expect(try await status { _ = try await repository.instance(at: try path("C.Name=\"x\""), in: .cimv2) } == .notFound)
        #expect(try await status { try await repository.commit([.deleteInstance(try path("C=\"x\""), in: .cimv2)]) } == .notFound)
        try await repository.commit([.deleteInstance(try path("A=\"x\""), in: .cimv2)])
        #expect(try await put(repository, "C", ["Name": "x"]) == nil)
    }

    @Test("C.1.3: with names given, the other properties keep their values")
    func partial() async throws {
        let repository = try await repository()
        #expect(try await put(repository, "A", ["Name": "x", "Size": 9, "Bytes": .array(of: .uint8, [.uint8(1)])]) == nil)
        #expect(try await put(repository, "A", ["Name": "x", "Size": 10], only: ["size"]) == nil)
        let stored = try await repository.instance(at: try path("A=\"x\""), in: .cimv2)
        #expect(stored["Size"] == .uint32(10) && stored["Bytes"] == .array(of: .uint8, [.uint8(1)]))
        #expect(try await put(repository, "A", ["Name": "x"], only: ["Nothing"]) == .invalidProperty)
    }

    @Test("R71: with names given, a new instance has these properties, its keys, and its class's defaults")
    func partialCreation() async throws {
        let repository = try await repository()
        #expect(try await put(repository, "A", ["Name": "x"], only: ["Name", "Nothing"]) == .invalidProperty)
        #expect(try await repository.all("A").isEmpty)
        let bytes = CIMValue.array(of: .uint8, [.uint8(1)])
        #expect(try await put(repository, "A", ["Name": "x", "Size": 9, "Bytes": bytes], only: ["bytes"]) == nil)
        let stored = try await repository.instance(at: try path("A=\"x\""), in: .cimv2)
        #expect(stored["Size"] == .uint32(5) && stored["Bytes"] == bytes && stored["When"] == .null)
    }

    @Test("qualifiers of an instance and its properties are kept, checked, and replaced by a put")
    func qualifiers() async throws {
        let repository = try await repository()
        var instance = CIMInstance(className: "A", ["Name": "x"])
        instance.qualifiers = [CIMQualifier(name: "Owner", value: "me", flavor: [.amended])]
        instance.propertyQualifiers = [
            .init(name: "bytes", qualifiers: [CIMQualifier(name: "Unit", value: "B")]), .init(name: "SIZE", qualifiers: []),
            .init(name: "Name", qualifiers: [CIMQualifier(name: "Note")]),
        ]
        try await repository.commit([.putInstance(instance, in: .cimv2)])
        let stored = try await repository.instance(at: try path("A=\"x\""), in: .cimv2)
        #expect(stored.qualifiers == instance.qualifiers && stored.propertyQualifiers.map(\.name) == ["Name", "Bytes"])
        #expect(try await repository.all("A").first == stored)
        var wrong = instance
        wrong.propertyQualifiers.append(.init(name: "Other", qualifiers: [CIMQualifier(name: "Note")]))
        #expect(try await status { try await repository.commit([.putInstance(wrong, in: .cimv2)]) } == .invalidProperty)
        wrong = instance
        wrong.qualifiers += wrong.qualifiers
        #expect(try await status { try await repository.commit([.putInstance(wrong, in: .cimv2)]) } == .invalidQualifier)
        #expect(try await repository.instance(at: try path("A=\"x\""), in: .cimv2) == stored)
        #expect(try await put(repository, "A", ["Name": "x"]) == nil)
        #expect(try await repository.instance(at: try path("A=\"x\""), in: .cimv2).hasQualifiers == false)
    }

    @Test("C.1.2: who wants a key of the service's making gets a GUID; given keys stay")
    func generatedKeys() async throws {
        let repository = try await repository()
        let filled = repository.schema.withGeneratedKeys(CIMInstance(className: "B", ["Big": 1]), in: .cimv2)
        let name = try #require(filled["Name"]?.stringValue)
        #expect(name.utf8.count == 38 && name.hasPrefix("{") && Array(name)[15] == "4" && Array(name)[9] == "-")
        #expect(try await status { try await repository.commit([.putInstance(filled, in: .cimv2, flags: .createOnly)]) } == nil)
        let given = CIMInstance(className: "A", ["Name": "x"])
        #expect(repository.schema.withGeneratedKeys(given, in: .cimv2) == given)
    }

    @Test("H.1: a singleton is one, at =@")
    func singleton() async throws {
        let repository = try await repository()
        #expect(try await put(repository, "Only", [:]) == nil)
        #expect(try await put(repository, "only", ["S": "y"]) == nil)
        #expect(try await repository.instance(at: try path("Only=@"), in: .cimv2)["S"] == "y")
        #expect(try await repository.count(of: "Only", deep: false, in: .cimv2) == 1)
        #expect(
            try await repository.instance(at: try path("__ProviderHostQuotaConfiguration=@"), in: .root)["HandlesPerHost"] == .uint32(4096))
    }

    @Test("Paths that fit no instance: class path, wrong keys, another namespace")
    func paths() async throws {
        let repository = try await repository()
        for (text, expected): (String, WBEMStatus) in [
            ("A", .invalidObjectPath), ("A.Wrong=1", .invalidObjectPath), ("A=@", .invalidObjectPath), ("Free=1", .invalidObjectPath),
            ("None.K=1", .invalidClass), ("root\\other:A=\"x\"", .invalidNamespace),
            ("//elsewhere/root/cimv2:A=\"x\"", .invalidNamespace), ("root/CIMV2:A=\"x\"", .notFound),
        ] {
            #expect(try await status { _ = try await repository.instance(at: try path(text), in: .cimv2) } == expected, "\(text)")
        }
    }

    @Test("Embedded objects have a class that is there, of the kind declared, and its types; 16 deep")
    func embedded() async throws {
        let repository = try await repository()
        let free = CIMInstance(className: "free", ["S": "x"])
        #expect(try await put(repository, "Holder", ["K": 1, "Inner": .object(free), "More": .array(of: .object, [.object(free)])]) == nil)
        let stored = try await repository.instance(at: try path("Holder=1"), in: .cimv2)
        #expect(stored["Inner"]?.objectValue?.className == "Free")
        let other = CIMInstance(className: "Only")
        #expect(try await put(repository, "Holder", ["K": 2, "Inner": .object(other)]) == .typeMismatch)
        #expect(try await put(repository, "Holder", ["K": 2, "Any": .object(other)]) == nil)
        #expect(try await put(repository, "Holder", ["K": 2, "Any": .object(CIMInstance(className: "None"))]) == .invalidClass)
        var deep = CIMInstance(className: "Holder")
        for _ in 0..<40 { deep = CIMInstance(className: "Holder", ["Any": .object(deep)]) }
        #expect(try await put(repository, "Holder", ["K": 3, "Any": .object(deep)]) == .quotaViolation)
    }

    @Test("A reference is the same key however its path is written; aliases become paths")
    func references() async throws {
        let repository = try await repository()
        try await repository.compile(
            """
            [Association] class Link { [key] A ref One; [key] A ref Two; };
            instance of Link { One = $X; Two = "A=\\"y\\""; };
            instance of B as $X { Name = "x"; };
            """)
        for text in [
            #"Link.One="B.Name=\"x\"",Two="A.Name=\"y\"""#, #"link.two="a.name=\"Y\"",one="root\\cimv2:B=\"x\"""#,
            #"Link.One="\\\\.\\root\\cimv2:b=\"x\"",Two="A='y'""#,
        ] {
            #expect(try await repository.instance(at: try path(text), in: .cimv2).className == "Link", "\(text)")
        }
    }

    private static let lines = """
        class Pt { [key] uint8 Id; };
        [Association] class Ln { [key] Pt ref A; [key] Pt ref B; string S; Pt ref C; Pt ref Many[]; };
        """

    private static func line(_ a: String, _ text: String, c: String? = nil) throws -> CIMInstance {
        CIMInstance(
            className: "Ln",
            [
                "A": .reference(try CIMObjectPath(parsing: a)), "B": "Pt=2", "S": .string(text), "C": c.map { .string($0) } ?? .null,
                "Many": .strings([a, "Pt='3'"]),
            ])
    }

    @Test("W17: Two spellings of one association are one instance, and its references are stored in one form")
    func spellings() async throws {
        let repository = try await Repository.inMemory(server: "vm")
        try await repository.compile(Self.lines)
        for text in ["Pt.Id=1", "pt='1'", #"\\VM\root\cimv2:Pt.Id=1"#, "//localhost/ROOT/cimv2:PT=0x1", "/root/cimv2:Pt.Id=01"] {
            try await repository.commit([.putInstance(try Self.line(text, text, c: text), in: .cimv2)])
            let all = try await repository.all("Ln")
            #expect(all.count == 1 && all[0]["S"] == .string(text))
            #expect(all[0].path?.relativePath == #"Ln.A="Pt.Id=1",B="Pt.Id=2""# && all[0]["C"]?.referenceValue?.path == "Pt.Id=1")
            #expect(all[0]["Many"]?.arrayValue?.compactMap { $0.referenceValue?.path } == ["Pt.Id=1", "Pt.Id=3"])
        }
        let quoted = #"Ln.B="pt='2'",A="\\\\vm\\root\\cimv2:pt=\"1\"""#
        #expect(try await repository.instance(at: try path(quoted), in: .cimv2).className == "Ln")
        try await repository.commit([.deleteInstance(try path(quoted), in: .cimv2)])
        #expect(try await repository.all("Ln").isEmpty)
    }

    @Test("W18: A reference to an instance of an unrelated class, to a class, or to nothing known is TypeMismatch; elsewhere nobody looks")
    func unrelatedReferences() async throws {
        let repository = try await repository()
        try await repository.compile(Self.lines)
        for (a, c) in [("A='x'", nil), ("Pt=1", "A='x'"), ("Pt", nil), ("None=1", nil), ("root/cimv2:A='x'", nil)] as [(String, String?)] {
            let refused = try await status { try await repository.commit([.putInstance(try Self.line(a, "", c: c), in: .cimv2)]) }
            #expect(refused == .typeMismatch, "\(a) \(c ?? "")")
        }
        for a in ["root/other:A='x'", "//elsewhere/root/cimv2:A='x'"] {
            #expect(try await status { try await repository.commit([.putInstance(try Self.line(a, ""), in: .cimv2)]) } == nil)
        }
    }

    @Test("W17: References that named this machine are found without it after the next start; of two spellings the later stays")
    func renewedKeys() async throws {
        let folder = try ScratchFolder()
        let file = folder.file()
        do {
            // To another machine the two are different.
            let repository = try await Repository.open(file, server: "other")
            try await repository.compile(Self.lines)
            for (a, text) in [("Pt=1", "first"), (#"\\vm\root\cimv2:Pt=1"#, "second"), (#"\\vm\root\cimv2:Pt=5"#, "third")] {
                try await repository.commit([.putInstance(try Self.line(a, text), in: .cimv2)])
            }
            #expect(try await repository.all("Ln").count == 3)
            await repository.close()
        }
        for _ in 0..<2 {
            let repository = try await Repository.open(file, server: "vm")
            #expect(try await repository.all("Ln").compactMap { $0["S"]?.stringValue } == ["second", "third"])
            #expect(try await repository.instance(at: try path(#"Ln.A="Pt=5",B="Pt=2""#), in: .cimv2)["S"] == "third")
            await repository.close()
        }
    }

    @Test("Enumeration: shallow, deep, in pages of any size, each instance once")
    func enumeration() async throws {
        let repository = try await repository()
        var changes: [RepositoryChange] = []
        for number in 0..<700 {
            let name = ["A", "B", "C"][number % 3]
            changes.append(.putInstance(CIMInstance(className: name, ["Name": .string("n\(number)")]), in: .cimv2))
        }
        try await repository.commit(changes)
        for limit in [1, 7, 256, 10_000] {
            let all = try await repository.all("Top", limit: limit)
            #expect(all.count == 700 && Set(all.compactMap { $0["Name"]?.stringValue }).count == 700)
        }
        #expect(try await repository.all("A", deep: false).count == 234)
        #expect(try await repository.count(of: "Top", deep: true, in: .cimv2) == 700)
        #expect(try await repository.count(of: "B", deep: false, in: .cimv2) == 233)
        #expect(try await status { _ = try await repository.all("None") } == .invalidClass)
    }
}
