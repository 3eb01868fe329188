import CIM
import CIMMOF
import CIMRepository
import Testing

/// What may become of a class: Semantics A.2.2, A.4 (PutClass, DeleteClass), C.1.2, H.4.
@Suite struct ClassRuleTests {
    private func repository(_ mof: String = "") async throws -> Repository {
        let repository = try await Repository.inMemory()
        if !mof.isEmpty { try await repository.compile(mof) }
        return repository
    }

    @Test("A.2.2: CREATE_ONLY, UPDATE_ONLY, CREATE_OR_UPDATE; both are InvalidParameter")
    func createAndUpdate() async throws {
        let repository = try await repository("class A { [key] uint32 K; };")
        #expect(try await status { try await repository.compile("class a {[key] uint32 K;};", flags: .createOnly) } == .alreadyExists)
        #expect(try await status { try await repository.compile("class B {};", flags: .updateOnly) } == .notFound)
        #expect(try await status { try await repository.compile("class B {};", flags: [.updateOnly, .createOnly]) } == .invalidParameter)
        #expect(try await status { try await repository.compile("class B {};", flags: [.safeUpdate, .forceUpdate]) } == .invalidParameter)
        #expect(try await status { try await repository.compile("class B {};", flags: .createOnly) } == nil)
        #expect(try await status { try await repository.compile("class B { uint8 P; };", flags: .updateOnly) } == nil)
        #expect(repository.schema.class("b", in: .cimv2)?.property(named: "p")?.type.base == .uint8)
    }

    @Test("A.4: a class with subclasses changes in safe mode only; descriptions always; the same again always")
    func children() async throws {
        let repository = try await repository("class A { [key] uint32 K; uint8 P; }; class B : A {}; class C : B {};")
        let change = "class A { [key] uint32 K; uint8 P; string Q; };"
        #expect(try await status { try await repository.compile(change) } == .classHasChildren)
        #expect(try await status { try await repository.compile("class A { [key] uint32 K; uint8 P; };") } == nil)
        #expect(try await status { try await repository.compile("[Description(\"x\")] class A { [key] uint32 K; uint8 P; };") } == nil)
        #expect(repository.schema.class("A", in: .cimv2)?.qualifier(named: "description")?.value == "x")
        #expect(try await status { try await repository.compile(change, flags: .safeUpdate) } == nil)
        #expect(repository.schema.class("C", in: .cimv2)?.property(named: "Q")?.origin == "A")
    }

    @Test("A.4: a class with instances, or with a subclass that has some, changes in no mode")
    func instances() async throws {
        let repository = try await repository("class A { [key] uint32 K; }; class B : A {}; instance of B { K = 1; };")
        for flags: ChangeFlags in [.safeUpdate, .forceUpdate] {
            #expect(
                try await status { try await repository.compile("class A { [key] uint32 K; uint8 P; };", flags: flags) }
                    == .classHasInstances)
        }
        #expect(try await status { try await repository.compile("class B : A { uint8 P; };") } == .classHasInstances)
        #expect(try await status { try await repository.compile("[Description(\"d\")] class B : A {};") } == nil)
        #expect(try await repository.all("A").count == 1)
    }

    @Test("A.4: safe mode refuses what a subclass does not resolve with, with its own code")
    func conflicts() async throws {
        let repository = try await repository(
            "class A { [key] uint32 K; }; class B : A { uint8 P; [Units(\"B\")] uint8 U; void M([in] uint8 x); };")
        let cases: [(String, WBEMStatus)] = [
            ("class A { [key] uint32 K; string P; };", .updateTypeMismatch),
            ("class A { [key] uint32 K; void M([in] string x); };", .updatePropagatedMethod),
            ("[terminal] class A { [key] uint32 K; };", .invalidSuperclass),
        ]
        for (mof, expected) in cases {
            for flags: ChangeFlags in [.safeUpdate, .forceUpdate] {
                #expect(try await status { try await repository.compile(mof, flags: flags) } == expected)
            }
        }
        #expect(repository.schema.class("A", in: .cimv2)?.properties.count == 1)
        #expect(repository.schema.class("B", in: .cimv2)?.properties.count == 3)
    }

    @Test("C.5 G.2: the ID qualifiers of a method's parameters number all of them, from 0 on, or none")
    func parameterIDs() async throws {
        let repository = try await repository("class A { [key] uint32 K; void M([in] uint8 x); };")
        let cases: [(String, WBEMStatus?)] = [
            ("[in] uint8 x, [out] uint8 y", nil),
            ("[in, ID(1)] uint8 x, [out, ID(0)] uint8 y", nil),
            ("[in, ID(0)] uint8 x, [out] uint8 ReturnValue", nil),
            ("[in, ID(0)] uint8 x, [out] uint8 y", .missingParameterId),
            ("[in, ID(\"a\")] uint8 x", .invalidParameterId),
            ("[in, ID(-1)] uint8 x", .invalidParameterId),
            ("[in, ID(1)] uint8 x", .nonconsecutiveParameterIds),
            ("[in, ID(0)] uint8 x, [out, ID(2)] uint8 y", .nonconsecutiveParameterIds),
            ("[in, ID(0)] uint8 x, [out, ID(0)] uint8 y", .nonconsecutiveParameterIds),
            ("[in, ID(0)] uint8 x, [out, ID(1)] uint8 ReturnValue", .parameterIdOnRetval),
        ]
        for (index, (parameters, expected)) in cases.enumerated() {
            let mof = "class C\(index) { void M(\(parameters)); };"
            #expect(try await status { try await repository.compile(mof) } == expected, "\(parameters)")
        }
        // A method of the parent's with another signature.
        #expect(try await status { try await repository.compile("class B : A { void M([in] string x); };") } == .propagatedMethod)
    }

    @Test("A.4: force mode deletes the conflicting qualifier of the subclass, durably")
    func force() async throws {
        let repository = try await repository(
            "class A { [key] uint32 K; uint8 P; }; class B : A { [Units(\"B\")] uint8 P; }; class C : B {};")
        let change = "class A { [key] uint32 K; [Units(\"A\") : DisableOverride ToSubclass] uint8 P; };"
        #expect(try await status { try await repository.compile(change, flags: .safeUpdate) } == .updateOverrideNotAllowed)
        #expect(try await status { try await repository.compile(change, flags: .forceUpdate) } == nil)
        for name in ["A", "B", "C"] {
            #expect(repository.schema.class(name, in: .cimv2)?.property(named: "P")?.qualifier(named: "Units")?.value == "A")
        }
    }

    @Test("C.1.2: a subclass neither adds a key nor drops one")
    func keys() async throws {
        let repository = try await repository("class A { [key] uint32 K; uint8 P; };")
        #expect(try await status { try await repository.compile("class B : A { [key] uint8 Q; };") } == .cannotChangeKeyInheritance)
        #expect(try await status { try await repository.compile("class B : A { [key(FALSE)] uint32 K; };") } != nil)
        #expect(try await status { try await repository.compile("class B : A { [key] uint8 P; };") } == .cannotChangeKeyInheritance)
    }

    @Test("H.4: system classes cannot be put or deleted, and no name may start with __")
    func system() async throws {
        let repository = try await repository()
        #expect(try await status { try await repository.compile("class __Mine {};") } == .accessDenied)
        let changed = CIMClass(name: "CIMBus_ExtendedStatus", superclass: "__ExtendedStatus")
        #expect(try await status { try await repository.commit([.putClass(changed, in: .cimv2)]) } == .accessDenied)
        let feature = CIMClass(name: "A", properties: [CIMProperty(name: "__P", type: CIMTypeReference(.uint8))])
        #expect(try await status { try await repository.commit([.putClass(feature, in: .cimv2)]) } == .invalidClass)
        #expect(try await status { try await repository.commit([.deleteClass("__Provider", in: .cimv2)]) } == .invalidOperation)
        #expect(try await status { try await repository.compile("class A : __NAMESPACE {};") } == .invalidSuperclass)
        #expect(try await status { try await repository.compile("class My_Event : __ExtrinsicEvent { string Text; };") } == nil)
    }

    @Test("Bad input: a missing superclass, a cycle of superclasses")
    func superclasses() async throws {
        let repository = try await repository("class A { [key] uint32 K; }; class B : A {};")
        #expect(try await status { try await repository.compile("class C : Nowhere {};") } == .invalidSuperclass)
        #expect(try await status { try await repository.compile("class A : B {};", flags: .safeUpdate) } == .circularReference)
        #expect(try await status { try await repository.compile("class A : A {};", flags: .safeUpdate) } == .circularReference)
        #expect(try await status { try await repository.compile("class C {}; class D : B {};") } == nil)
        #expect(repository.schema.ancestors(of: "D", in: .cimv2) == ["B", "A"])
    }

    @Test("Associations have two references, to classes that are there when the unit ends; below one, every class is one")
    func associations() async throws {
        let repository = try await repository("class A { [key] uint32 K; }; class B : A {};")
        #expect(try await status { try await repository.compile("[Association] class L { [key] A ref One; };") } == .invalidAssociation)
        #expect(
            try await status { try await repository.compile("[Association] class L { [key] A ref One; [key] Later ref Two; };") }
                == .invalidClass)
        try await repository.compile("[Association] class L { [key] A ref One; [key] Later ref Two; }; class Later { [key] uint32 K; };")
        #expect(try await status { try await repository.compile("[Association(FALSE)] class M : L {};") } == .invalidAssociation)
        try await repository.compile("class M : L {};")
        #expect(repository.schema.class("M", in: .cimv2)?.isAssociation == true)
        #expect(repository.schema.associations(to: "b", in: .cimv2) == ["L", "M"])
        #expect(repository.schema.associations(to: "Later", in: .cimv2) == ["L", "M"])
        #expect(repository.schema.associations(to: "L", in: .cimv2) == [])
    }

    @Test("A.4 DeleteClass: all subclasses and their instances go; others stay")
    func delete() async throws {
        let repository = try await repository(
            "class A { [key] uint32 K; }; class B : A {}; class C : B {}; class D : A {}; instance of C { K = 1; }; instance of D { K = 2; };"
        )
        let schema = try await repository.commit([.deleteClass("b", in: .cimv2)])
        #expect(schema.descendants(of: "A", in: .cimv2) == ["D"])
        #expect(schema.class("C", in: .cimv2) == nil)
        #expect(try await repository.all("A").map(\.className) == ["D"])
        #expect(try await status { try await repository.commit([.deleteClass("B", in: .cimv2)]) } == .invalidClass)
        try await repository.commit([.deleteClass("B", in: .cimv2, mustExist: false)])
    }

    @Test("A resolved class put again is the same class; an inherited property that was changed counts as declared")
    func resolvedPut() async throws {
        let repository = try await repository("class A { [key] uint32 K; uint8 P = 1; }; class B : A { string S; };")
        let before = try #require(repository.schema.class("B", in: .cimv2))
        try await repository.commit([.putClass(before, in: .cimv2)])
        #expect(repository.schema.class("B", in: .cimv2) == before)
        var changed = before
        changed.properties[1].defaultValue = .uint8(7)
        try await repository.commit([.putClass(changed, in: .cimv2)])
        let after = try #require(repository.schema.class("B", in: .cimv2)?.property(named: "P"))
        #expect(after.defaultValue == .uint8(7) && after.origin == "B")
    }

    @Test("Look-ups: any case, children, descendants behind their parents, classes of a provider")
    func lookups() async throws {
        let repository = try await repository(
            "[dynamic, provider(\"P1\")] class Z { [key] uint32 K; }; [dynamic, provider(\"p1\")] class Y : Z {}; class X {};")
        let schema = repository.schema
        #expect(schema.children(of: "z", in: .cimv2) == ["Y"])
        #expect(schema.classesByProvider(in: .cimv2)[CIMName("P1")] == ["Y", "Z"])
        let all = schema.descendants(of: "", in: .cimv2)
        #expect(Set(all) == Set(schema.classNames(in: .cimv2)))
        for (position, name) in all.enumerated() {
            if let parent = schema.class(name, in: .cimv2)?.superclass { #expect(all[..<position].contains(parent)) }
        }
        #expect(try schema.subclasses(of: "", deep: false, in: .cimv2).allSatisfy { $0.superclass == nil })
        #expect(try schema.subclasses(of: "Z", deep: true, in: .cimv2).map(\.name) == ["Y"])
        #expect(throws: CIMError.self) { try schema.subclasses(of: "None", deep: true, in: .cimv2) }
    }

    @Test("A unit is all or nothing, and the error names the change")
    func allOrNothing() async throws {
        let repository = try await repository()
        let before = repository.schema.classNames(in: .cimv2)
        do {
            try await repository.compile("class A { [key] uint32 K; }; instance of A { K = 1; }; class B : Nowhere {};")
            Issue.record("it compiled")
        } catch let error as CIMError {
            #expect(error.failedChange == 2)
        }
        #expect(repository.schema.classNames(in: .cimv2) == before)
        #expect(try await status { _ = try await repository.count(of: "A", deep: true, in: .cimv2) } == .invalidClass)
    }
}
