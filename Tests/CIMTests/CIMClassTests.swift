import CIM
import Testing

@Suite("CIMClass and inheritance (Semantics C.5, H.5, G.2)")
struct CIMClassTests {
    private static let key = CIMQualifier(name: "key")
    private static func flag(_ name: String, _ flavor: CIMFlavor = []) -> CIMQualifier { CIMQualifier(name: name, flavor: flavor) }

    private let method = CIMMethod(
        name: "Format", returnType: .init(.uint32),
        parameters: [CIMParameter(name: "Kind", type: .init(.string), qualifiers: [flag("in")])],
        qualifiers: [flag("Implemented"), flag("Static")])

    private var parent: CIMClass {
        get throws {
            try CIMClass(
                name: "Base",
                qualifiers: [Self.flag("abstract"), CIMQualifier(name: "Note", value: "n", flavor: [.toSubclass, .disableOverride])],
                properties: [
                    CIMProperty(name: "Id", type: .init(.uint32), qualifiers: [Self.key, Self.flag("read")]),
                    CIMProperty(name: "Text", type: .init(.string), defaultValue: "a", qualifiers: [Self.flag("write", .toSubclass)]),
                ],
                methods: [method]
            ).resolved(with: nil)
        }
    }

    @Test("The index of a class finds properties in any case, keys, and of names those that are properties, in the class's order")
    func index() {
        let index = IndexedClass(
            CIMClass(
                name: "C",
                properties: [
                    CIMProperty(name: "A", type: .init(.string)), CIMProperty(name: "Key", type: .init(.string), qualifiers: [Self.key]),
                    CIMProperty(name: "B", type: .init(.uint8)), CIMProperty(name: "a", type: .init(.uint16)),
                ]))
        #expect(index.property(named: "a")?.type == CIMTypeReference(.string))
        #expect(index.property(named: "c") == nil)
        #expect(index.keys == [1])
        #expect(index.keyProperties.map(\.name) == ["Key"])
        #expect(index.properties(among: ["b", "KEY", "nothing", "B"]) == ["Key", "B"])
    }

    private func status(_ declared: CIMClass, below parent: CIMClass?) -> WBEMStatus? {
        do {
            _ = try declared.resolved(with: parent)
            return nil
        } catch { return error.status }
    }

    @Test("Inherited features come first, with origin and derivation; declared ones override in place")
    func inherits() throws {
        let base = try parent
        let child = try CIMClass(
            name: "Child", superclass: "BASE",
            properties: [
                CIMProperty(name: "Extra", type: .init(.boolean)), CIMProperty(name: "TEXT", type: .init(.string), defaultValue: "b"),
            ]
        ).resolved(with: base)
        #expect(child.derivation == ["Base"] && child.superclass == "Base")
        #expect(child.properties.map(\.name) == ["Id", "TEXT", "Extra"])
        #expect(child.properties.map(\.origin) == ["Base", "Child", "Child"])
        #expect(child.property(named: "text")?.defaultValue == "b")
        #expect(child.method(named: "format")?.isImplemented == true && child.method(named: "format")?.origin == "Base")
        let grandchild = try CIMClass(name: "Grand", superclass: "Child").resolved(with: child)
        #expect(grandchild.derivation == ["Child", "Base"] && grandchild.dynasty == "Base")
        #expect(grandchild.isDerived(from: "base") && !grandchild.isDerived(from: "Grand") && grandchild.isSameOrDerived(from: "grand"))
        #expect(grandchild.keyNames == ["Id"])
        #expect(try grandchild.resolved(with: child) == grandchild)
    }

    @Test("H.5: ToSubclass qualifiers propagate, others do not; key always does")
    func qualifiers() throws {
        let child = try CIMClass(name: "Child", superclass: "Base").resolved(with: parent)
        #expect(!child.isAbstract)
        #expect(child.qualifier(named: "note")?.flavor == [.toSubclass, .disableOverride, .originPropagated])
        #expect(child.property(named: "Id")?.qualifiers.map(\.name) == ["key"])
        #expect(child.property(named: "Text")?.qualifiers.map(\.name) == ["write"])
    }

    @Test("G.2: what a subclass may not do")
    func violations() throws {
        let base = try parent
        func child(
            _ name: String = "Child", _ properties: [CIMProperty] = [], _ methods: [CIMMethod] = [], _ qualifiers: [CIMQualifier] = []
        )
            -> CIMClass
        { CIMClass(name: name, superclass: "Base", qualifiers: qualifiers, properties: properties, methods: methods) }
        #expect(status(child("Child", [.init(name: "Id", type: .init(.uint64))]), below: base) == .updateTypeMismatch)
        #expect(status(child("Child", [.init(name: "Id", type: .array(of: .uint32))]), below: base) == .updateTypeMismatch)
        let notKey = CIMProperty(name: "Id", type: .init(.uint32), qualifiers: [CIMQualifier(name: "key", value: false)])
        #expect(status(child("Child", [notKey]), below: base) == .cannotChangeKeyInheritance)
        let newKey = CIMProperty(name: "Id2", type: .init(.uint32), qualifiers: [Self.key])
        #expect(status(child("Child", [newKey]), below: base) == .cannotChangeKeyInheritance)
        #expect(status(child("Child", [], [CIMMethod(name: "format", returnType: nil)]), below: base) == .propagatedMethod)
        #expect(status(child("Child", [], [method]), below: base) == nil)
        #expect(status(child("Child", [], [], [CIMQualifier(name: "note", value: "m")]), below: base) == .updateOverrideNotAllowed)
        #expect(status(child("Child", [], [], [CIMQualifier(name: "note", value: "n")]), below: base) == nil)
        #expect(status(child("Child", [], [], [Self.flag("singleton")]), below: base) == .cannotBeSingleton)
        #expect(status(child("Base"), below: base) == .circularReference)
        #expect(status(child(), below: nil) == .invalidSuperclass)
        #expect(status(CIMClass(name: "Child", superclass: "Other"), below: base) == .invalidSuperclass)
        let concrete = try child().resolved(with: base)
        // The DMTF schema has it: CIM_PolicyInSystem below CIM_HostedDependency.
        #expect(status(CIMClass(name: "G", superclass: "Child", qualifiers: [Self.flag("abstract")]), below: concrete) == nil)
        let terminal = try child("T", [], [], [Self.flag("terminal")]).resolved(with: base)
        #expect(status(CIMClass(name: "G", superclass: "T"), below: terminal) == .invalidSuperclass)
        let dynamic = try child("D", [], [], [Self.flag("dynamic")]).resolved(with: base)
        #expect(status(CIMClass(name: "G", superclass: "D"), below: dynamic) == .invalidClass)
    }

    @Test("G.2: a name stands once in a list, whether that is short or long", arguments: [2, 16, 17, 200])
    func names(count: Int) {
        func properties(_ last: String) -> [CIMProperty] {
            (1..<count).map { CIMProperty(name: "Number\($0)", type: .init(.uint32)) } + [CIMProperty(name: last, type: .init(.uint32))]
        }
        func qualifiers(_ last: String) -> [CIMQualifier] { (1..<count).map { Self.flag("Word\($0)") } + [Self.flag(last)] }
        #expect(status(CIMClass(name: "A", properties: properties("Last")), below: nil) == nil)
        #expect(status(CIMClass(name: "A", properties: properties("NUMBER1")), below: nil) == .invalidClass)
        #expect(status(CIMClass(name: "A", qualifiers: qualifiers("Last")), below: nil) == nil)
        #expect(status(CIMClass(name: "A", qualifiers: qualifiers("WORD1")), below: nil) == .invalidQualifier)
    }

    @Test(
        "G.2, H.5: what is declared again stands in the place of what was inherited, whether there is little or much of it",
        arguments: [3, 200])
    func overridesAmongMany(count: Int) throws {
        let top = try CIMClass(
            name: "Top",
            properties: (0..<count).map {
                CIMProperty(name: "Number\($0)", type: .init(.uint32), qualifiers: [Self.flag("Said", .toSubclass), Self.flag("Kept")])
            }
        ).resolved(with: nil)
        let below = try CIMClass(
            name: "Below", superclass: "Top",
            properties: (0..<count).map {
                CIMProperty(name: $0.isMultiple(of: 2) ? "NUMBER\($0)" : "Own\($0)", type: .init(.uint32), defaultValue: .uint32(7))
            }
        ).resolved(with: top)
        #expect(below.properties.count == count + count / 2)
        for (place, property) in below.properties.enumerated() {
            let isDeclared = place >= count || place.isMultiple(of: 2)
            #expect(property.origin == (isDeclared ? "Below" : "Top"))
            #expect(property.defaultValue == (isDeclared ? .uint32(7) : .null))
            #expect(property.qualifiers.map(\.name) == (place < count ? ["Said"] : []))
            #expect(property.qualifiers.allSatisfy { $0.flavor.contains(.originPropagated) })
        }
        // Once more below, nothing of it changes.
        let last = try CIMClass(name: "Last", superclass: "Below").resolved(with: below)
        #expect(last.properties == below.properties)
    }

    @Test("C.1.2, H.5: what a class may not be by itself")
    func violationsAtTheTop() {
        for type in [CIMTypeReference(.real32), .init(.real64), .init(.object), .array(of: .string)] {
            let declared = CIMClass(name: "C", properties: [.init(name: "k", type: type, qualifiers: [Self.key])])
            #expect(status(declared, below: nil) == .cannotBeKey)
        }
        #expect(status(CIMClass(name: "C", qualifiers: [Self.flag("abstract"), Self.flag("terminal")]), below: nil) == .cannotBeAbstract)
        #expect(
            status(CIMClass(name: "C", properties: [.init(name: "p", type: .init(.uint8), defaultValue: 256)]), below: nil) == .typeMismatch
        )
        #expect(
            status(CIMClass(name: "C", properties: ["p", "P"].map { .init(name: $0, type: .init(.uint8)) }), below: nil) == .invalidClass)
        #expect(status(CIMClass(name: "a b"), below: nil) == .invalidClass)
        #expect(status(CIMClass(name: String(repeating: "a", count: 256)), below: nil) == .classNameTooWide)
        let many = (0...1024).map { CIMProperty(name: "p\($0)", type: .init(.uint8)) }
        #expect(status(CIMClass(name: "C", properties: many), below: nil) == .tooManyProperties)
        #expect(status(CIMClass(name: "C", properties: many.dropLast()), below: nil) == nil)
    }

    @Test("hostile: a class has at most 256 ancestors")
    func depth() throws {
        var parent = try CIMClass(name: "C0").resolved(with: nil)
        for number in 1...CIMClass.maximumDepth {
            parent = try CIMClass(name: "C\(number)", superclass: parent.name).resolved(with: parent)
        }
        let error = #expect(throws: CIMError.self) { try CIMClass(name: "Last", superclass: parent.name).resolved(with: parent) }
        #expect(error?.status == .quotaViolation)
    }
}
