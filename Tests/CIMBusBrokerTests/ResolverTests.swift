import CIM
import CIMBusCore
import CIMBusWire
import DBus
import Testing

@testable import CIMBusBroker

/// Who answers, and what each is asked (Semantics A.5, C, D.3, I): without a bus.
struct ResolverTests {
    @Test("A.5: a class that is not there belongs in the sink; as the object of GetObject itself it is NotFound")
    func unknownClass() async throws {
        let ground = try await Ground()
        for kind in [Request.Kind.getObject, .deleteInstance] {
            let answered = try #require(try ground.resolve(kind, "Test_No.Name=\"x\"").answered)
            #expect(answered == (.invalidClass, "class Test_No does not exist in root/cimv2"))
        }
        #expect(try ground.resolve(.createInstanceEnum, "Test_No").answered?.status == .invalidClass)
        #expect(try ground.resolve(.execQuery, "WQL", "SELECT * FROM Test_No").answered?.status == .invalidClass)
        #expect(try ground.resolve(.putInstance, object: CIMInstance(className: "Test_No")).answered?.status == .invalidClass)
        #expect(try ground.resolve(.execMethod, "Test_No.Name=\"x\"", "Stop").answered?.status == .invalidClass)
        #expect(try ground.resolve(.getObject, "Test_No").answered?.status == .notFound)
    }

    @Test(
        "D.3, G.3: who is not there to be asked: a provider that never registered, a class that names none, what a definition does not offer"
    )
    func notServed() async throws {
        let ground = try await Ground()
        let lost = try #require(try ground.resolve(.getObject, "Test_Lost.Name=\"x\"").answered)
        #expect(lost == (.providerNotFound, "class Test_Lost names provider Nowhere, which never registered in root/cimv2"))
        for resolution in [
            try ground.resolve(.createInstanceEnum, "Test_Forgotten"), try ground.resolve(.getObject, "Test_Forgotten.Name=\"x\""),
            try ground.resolve(.deleteInstance, "Test_Forgotten.Name=\"x\""),
            try ground.resolve(.putInstance, object: CIMInstance(className: "Test_Forgotten", ["Name": "x"])),
            try ground.resolve(.execQuery, "WQL", "SELECT * FROM Test_Forgotten"),
        ] {
            let answered = try #require(resolution.answered)
            #expect(answered.status == .providerNotFound)
            #expect(answered.text.hasPrefix("class Test_Forgotten is dynamic and names no provider"))
        }
        let incapable = try #require(try ground.resolve(.deleteInstance, "Test_Read.Name=\"x\"").answered)
        #expect(incapable.status == .providerNotCapable)
        #expect(incapable.text == "provider Reader of class Test_Read does not support DeleteInstance, say its registrations")
        #expect(try ground.resolve(.getObject, "Test_Read.Name=\"x\"").asked?.registration == ground.id("Reader"))
        #expect(
            try ground.resolve(.putInstance, object: CIMInstance(className: "Test_Abstract", ["Name": "x"])).answered?.status
                == .invalidOperation)
    }

    @Test("C: one provider is asked in canonical form, and its objects must be of the class")
    func oneProvider() async throws {
        let ground = try await Ground()
        let get = try #require(try ground.resolve(.getObject, #"\\HERE\root\CIMV2:test_alone.NAME="x""#).asked)
        #expect(get.registration == (try ground.id("A")))
        #expect(get.question.path == #"Test_Alone.Name="x""#)
        #expect(get.question.subject == get.question.path)
        #expect(get.question.filter == nil)
        guard case .instances(let layout)? = get.question.expectation else { throw CIMError(.failed, "no expectation") }
        #expect(layout.className == "Test_Alone")
        let enumeration = try #require(try ground.resolve(.createInstanceEnum, "test_ALONE").asked)
        #expect(enumeration.question.path == "Test_Alone")
        let put = try #require(try ground.resolve(.putInstance, object: CIMInstance(className: "test_alone", ["name": "x"])).asked)
        #expect(put.question.putPath == #"Test_Alone.Name="x""#)
        #expect(put.question.subject == put.question.putPath)
        #expect(put.question.input.firstMissing(of: ["Name"]) == nil)
        #expect(try ground.resolve(.deleteInstance, "Test_Alone.Name=\"x\"").asked?.registration == ground.id("A"))
        let wrong = try #require(try ground.resolve(.getObject, "Test_Alone.Other=\"x\"").answered)
        #expect(wrong.status == .invalidObjectPath)
    }

    @Test("C.1 to C.4: what several providers have is conducted, with a unit for each of them; DIRECT_READ asks the class's own alone")
    func hierarchy() async throws {
        let ground = try await Ground()
        guard case .enumerateMerging(let both, onlyClass: nil)? = try ground.resolve(.createInstanceEnum, "Test_A").work else {
            throw CIMError(.failed, "the enumeration of two providers is not merged")
        }
        #expect(both.served.map(\.layout.className) == ["Test_A", "Test_B"])
        #expect(both.served.map(\.above) == [nil, 0])
        #expect(both.served.map(\.isTopmost) == [true, false])
        guard
            case .enumerateMerging(let shallow, onlyClass: "Test_A")? = try ground.resolve(
                .createInstanceEnum, "Test_A", flags: .shallow
            ).work
        else { throw CIMError(.failed, "a shallow enumeration gives what is of a class below") }
        #expect(shallow.served.count == 2)
        guard case .get(_, let line)? = try ground.resolve(.getObject, "Test_B.Name=\"x\"").work else {
            throw CIMError(.failed, "the provider of the class above is not asked")
        }
        #expect(line.served.map(\.isAncestor) == [true, false])
        guard
            case .put(let instance, let above)? = try ground.resolve(
                .putInstance, object: CIMInstance(className: "Test_B", ["Name": "x"])
            ).work
        else { throw CIMError(.failed, "a put of a derived class asks one provider") }
        #expect(instance["Name"] == "x")
        #expect(above.served.count == 2)
        guard case .delete(_, let all)? = try ground.resolve(.deleteInstance, "Test_A.Name=\"x\"").work else {
            throw CIMError(.failed, "a delete asks one provider")
        }
        #expect(all.served.count == 2)
        for (kind, provider, text) in [
            (Request.Kind.createInstanceEnum, "A", "Test_A"), (.createInstanceEnum, "B", "Test_B"),
            (.getObject, "B", "Test_B.Name=\"x\""),
        ] {
            #expect(try ground.resolve(kind, text, flags: .directRead).asked?.registration == ground.id(provider))
        }
        #expect(try ground.resolve(.execQuery, "WQL", "SELECT * FROM Test_B", flags: .directRead).asked?.registration == ground.id("B"))
    }

    @Test("D.9.1: what is stored is read by anybody and changed by root and the broker's user")
    func stored() async throws {
        let ground = try await Ground()
        let path = "Test_Stored.Name=\"x\""
        let object = CIMInstance(className: "Test_Stored", ["Name": "x"])
        guard case .pages(.instance)? = try ground.resolve(.getObject, path).work else {
            throw CIMError(.failed, "nobody reads what is stored")
        }
        guard case .enumerate(let sources)? = try ground.resolve(.createInstanceEnum, "Test_Stored").work,
            case .stored(["Test_Stored", "Test_StoredBelow"])? = sources.first
        else { throw CIMError(.failed, "nobody reads what is stored") }
        for (kind, text) in [(Request.Kind.deleteInstance, path), (.deleteClass, "Test_Stored")] {
            let refused = try #require(try ground.resolve(kind, text).refused)
            #expect(refused.status == .accessDenied)
            #expect(refused.message.hasPrefix("\(kind.rawValue): uid 1000 has not the right FullWrite"))
            #expect(refused.message.hasSuffix("for class Test_Stored in root/cimv2: no rule grants it"))
            for user in [0, Ground.broker] {
                guard case .commit(let changes)? = try ground.resolve(kind, text, by: user).work else {
                    throw CIMError(.failed, "uid \(user) may not write")
                }
                #expect(changes.count == 1)
            }
        }
        #expect(try ground.resolve(.putInstance, object: object).refused?.status == .accessDenied)
        guard case .commit(let changes)? = try ground.resolve(.putInstance, object: object, flags: .createOnly, by: 0).work,
            case .putInstance(let put, in: .cimv2, flags: .createOnly, only: nil)? = changes.first
        else { throw CIMError(.failed, "root may not write") }
        // On the bus what is absent is NULL.
        #expect(put["Note"] == .null)
        // Of a provider's instances the provider is the judge.
        #expect(try ground.resolve(.deleteInstance, "Test_Alone.Name=\"x\"").asked != nil)
    }

    @Test("A.4: classes are the schema's: a class itself, the classes below one, and a superclass that is not there")
    func classes() async throws {
        let ground = try await Ground()
        guard case .answered(let outcome, _, .declaration(let declaration)) = try ground.resolve(.getObject, "test_b") else {
            throw CIMError(.failed, "a class is not the schema's")
        }
        #expect(outcome.status == .noError)
        #expect(declaration.name == "Test_B")
        guard case .pages(.classes(let below))? = try ground.resolve(.createClassEnum, "Test_A").work else {
            throw CIMError(.failed, "no classes")
        }
        #expect(below.map(\.name) == ["Test_B"])
        #expect(try ground.resolve(.createClassEnum, "Test_No").answered?.status == .invalidClass)
        #expect(try ground.resolve(.putClass, object: CIMInstance(className: "Test_New")).refused?.status == .accessDenied)
        guard case .commit(let changes)? = try ground.resolve(.putClass, object: CIMInstance(className: "Test_New"), by: 0).work,
            case .putClass(let new, in: .cimv2, flags: [])? = changes.first
        else { throw CIMError(.failed, "root may not put a class") }
        #expect(new.name == "Test_New")
    }

    @Test("I.7: a query is an enumeration, a query or a get to who is asked; the broker filters what is not exact")
    func queries() async throws {
        let ground = try await Ground()
        let one = try #require(try ground.resolve(.execQuery, "WQL", "SELECT * FROM Test_Alone WHERE Name LIKE 'x%'").asked)
        #expect(one.question.providerKind == .createInstanceEnum)
        #expect(one.question.path == "Test_Alone")
        #expect(one.question.filter?.condition != nil)
        #expect(one.question.filter?.isActive == true)
        guard case .query(let shares)? = try ground.resolve(.execQuery, "WQL", "SELECT * FROM Test_Alone WHERE Name = 'x'").work else {
            throw CIMError(.failed, "the get of a key has nothing to fall back on")
        }
        #expect(shares.count == 1)
        guard case .queryMerging? = try ground.resolve(.execQuery, "WQL", "SELECT * FROM Test_A").work else {
            throw CIMError(.failed, "a query over two providers is not merged")
        }
        guard
            case .pages(.classes(let found))? = try ground.resolve(
                .execQuery, "WQL", "SELECT * FROM meta_class WHERE __THIS ISA \"Test_A\""
            ).work
        else { throw CIMError(.failed, "a schema query asks a provider") }
        #expect(found.map(\.name).sorted() == ["Test_A", "Test_B"])
        let plan = try #require(
            try ground.resolve(.execQuery, "WQL", "SELECT * FROM Test_A", context: [(ContextKey.explain, .boolean(true))]).instances)
        #expect(plan.map(\.className) == ["CIMBus_QueryPlan"])
        let prototype = try ground.resolve(.execQuery, "WQL", "SELECT * FROM Test_Lost", flags: .prototype)
        #expect(prototype.instances?.map(\.className) == ["Test_Lost"])
        let wrong = try #require(try ground.resolve(.execQuery, "WQL", "SELECT * FORM Test_A").refused)
        #expect(wrong.status == .invalidQuery)
        #expect(wrong.message.hasPrefix("ExecQuery: "))
        #expect(try ground.resolve(.execQuery, "WQL", "ASSOCIATORS OF {Test_No.Name='x'}").answered?.status == .invalidClass)
    }

    @Test("C.5, R54, R111: a method runs where its class's provider is; wrong parameters are refused, a wrong method is told the sink")
    func methods() async throws {
        let ground = try await Ground()
        let stop = CIMInstance(className: "__PARAMETERS", ["Seconds": .uint32(3)])
        let asked = try #require(try ground.resolve(.execMethod, "Test_A.Name=\"x\"", "stop", object: stop).asked)
        #expect(asked.registration == (try ground.id("A")))
        #expect(asked.question.method == "Stop")
        #expect(asked.question.path == "Test_A.Name=\"x\"")
        #expect(asked.question.input.firstMissing(of: ["Seconds"]) == nil)
        guard case .parameters? = asked.question.expectation else { throw CIMError(.failed, "its objects are not parameters") }
        // A subclass inherits the method with its implementation.
        let inherited = try #require(try ground.resolve(.execMethod, "Test_B.Name=\"x\"", "Stop", object: stop).asked)
        #expect(inherited.registration == (try ground.id("A")))
        #expect(inherited.question.path == "Test_A.Name=\"x\"")
        #expect(try ground.resolve(.execMethod, "Test_A", "All").asked?.question.path == "Test_A")
        for (path, method, status) in [
            ("Test_A.Name=\"x\"", "No", WBEMStatus.invalidMethod), ("Test_A.Name=\"x\"", "Unwritten", .methodNotImplemented),
            ("Test_A", "Stop", .invalidMethodParameters), ("Test_A.No=\"x\"", "Stop", .invalidObjectPath),
        ] {
            #expect(try ground.resolve(.execMethod, path, method, object: stop).answered?.status == status)
        }
        for object in [nil, CIMInstance(className: "Test_A", ["Seconds": .uint32(3)]), CIMInstance(className: "", ["Seconds": "soon"])] {
            #expect(
                try ground.resolve(.execMethod, "Test_A.Name=\"x\"", "Stop", object: object).refused?.status == .invalidMethodParameters)
        }
    }

    @Test("A.5, R54: arguments that are wrong are refused, and no operation begins")
    func wrongArguments() async throws {
        let ground = try await Ground()
        for object in [
            CIMInstance(className: "", ["Name": "x"]), CIMInstance(className: "Test_Alone", ["Name": "x", "Size": .uint32(1)]),
            CIMInstance(className: "Test_Stored", ["Name": "x", "Note": .array(of: .uint8, [.uint8(1)])]),
        ] {
            #expect(try ground.resolve(.putInstance, object: object, by: 0).refused?.status == .invalidObject)
        }
    }

    @Test("C.1.3: a partial read keeps the keys, or what it names, whoever is asked")
    func partialRead() async throws {
        let ground = try await Ground()
        let context: [(String, DBusValue)] = [(ContextKey.getExtensions, .boolean(true)), (ContextKey.getKeysOnly, .boolean(true))]
        guard case .keys? = try ground.resolve(.getObject, "Test_Alone.Name=\"x\"", context: context).asked?.question.filter?.kept else {
            throw CIMError(.failed, "a get of keys alone gives everything")
        }
        #expect(try ground.resolve(.deleteInstance, "Test_Alone.Name=\"x\"", context: context).asked?.question.filter == nil)
    }

    // MARK: Rights

    @Test("D.9.1: each kind of operation takes its right, and without it is AccessDenied whoever would answer")
    func rights() async throws {
        let ground = try await Ground()
        func refused(_ rule: String, _ kind: Request.Kind, _ texts: [String], _ object: CIMInstance? = nil) throws -> Bool {
            let resolution =
                switch texts.count {
                case 0: try ground.resolve(kind, object: object, rules: rule)
                case 1: try ground.resolve(kind, texts[0], object: object, rules: rule)
                default: try ground.resolve(kind, texts[0], texts[1], object: object, rules: rule)
                }
            return resolution.refused?.status == .accessDenied
        }
        let path = "Test_A.Name=\"x\""
        let instance = CIMInstance(className: "Test_A", ["Name": "x"])
        let cases: [(String, Request.Kind, [String], CIMInstance?)] = [
            ("Enable", .getObject, [path], nil), ("Enable", .getObject, ["Test_A"], nil), ("Enable", .createInstanceEnum, ["Test_A"], nil),
            ("Enable", .execQuery, ["WQL", "SELECT * FROM Test_A"], nil), ("Enable", .createClassEnum, ["Test_A"], nil),
            ("Enable", .execQuery, ["WQL", "ASSOCIATORS OF {Test_A.Name='x'}"], nil), ("WriteProvider", .putInstance, [], instance),
            ("WriteProvider", .deleteInstance, [path], nil), ("MethodExecute", .execMethod, [path, "Stop"], nil),
        ]
        for (right, kind, texts, object) in cases {
            #expect(try refused("deny everyone \(right) root/cimv2 class Test_A", kind, texts, object), "\(kind) \(texts)")
            #expect(try !refused("deny everyone All root/cimv2 class Test_Z", kind, texts, object), "\(kind) \(texts)")
            #expect(try !refused("deny user:7 All **", kind, texts, object), "\(kind) \(texts)")
        }
        let word = try ground.resolve(.getObject, path, rules: "deny everyone Enable ** class Test_A").refused?.message
        #expect(
            word
                == "GetObject: uid 1000 has not the right Enable for class Test_A in root/cimv2: rules says \"deny everyone Enable ** class Test_A\""
        )
    }

    @Test("D.9.1: what the repository keeps takes PartialWrite or FullWrite, a system class and classes themselves FullWrite")
    func storedRights() async throws {
        let ground = try await Ground()
        let stored = CIMInstance(className: "Test_Stored", ["Name": "x"])
        let definition = CIMInstance(className: "__Win32Provider", ["Name": "X"])
        for (right, mayStored, mayDefine) in [("PartialWrite", true, false), ("FullWrite", true, true), ("WriteProvider", false, false)] {
            let rule = "allow user:1000 \(right) root/cimv2"
            for (object, may) in [(stored, mayStored), (definition, mayDefine)] {
                let put = try ground.resolve(.putInstance, object: object, rules: rule)
                #expect((put.refused?.status != .accessDenied) == may, "\(right) \(object.className)")
            }
            let deleted = try ground.resolve(.deleteInstance, "Test_Stored.Name=\"x\"", rules: rule)
            #expect((deleted.refused?.status != .accessDenied) == mayStored, "\(right)")
            let deletedClass = try ground.resolve(.deleteClass, "Test_Stored", rules: rule)
            #expect((deletedClass.refused?.status != .accessDenied) == mayDefine, "\(right)")
        }
    }

    @Test("D.9.1: whoever deletes a class deletes those below it, and needs the right for each")
    func deletesBelow() async throws {
        let ground = try await Ground()
        let rule = "allow user:1000 FullWrite root/cimv2 class Test_Stored"
        #expect(try ground.resolve(.deleteClass, "Test_Stored", rules: rule).refused?.message.contains("class Test_StoredBelow") == true)
    }

    @Test("D.9.1: a class below that the caller may not look at has no part in what he is given, and is in no list of classes")
    func hidden() async throws {
        let ground = try await Ground()
        guard case .conducted = try ground.resolve(.createInstanceEnum, "Test_A") else {
            throw CIMError(.failed, "two providers have instances of Test_A")
        }
        let asked = try ground.resolve(.createInstanceEnum, "Test_A", rules: "deny everyone Enable ** class Test_B").asked
        #expect(asked?.registration == (try ground.id("A")))
        let classes = try ground.resolve(.createClassEnum, "Test_A", rules: "deny everyone Enable ** class Test_B")
        guard case .conducted(.pages(.classes(let listed)), _) = classes else { throw CIMError(.failed, "no list of classes") }
        #expect(listed.isEmpty)
    }
}
