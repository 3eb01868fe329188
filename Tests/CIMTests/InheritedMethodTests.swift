import CIM
import Testing

@Suite("Inherited methods, overrides and keys")
struct InheritedMethodTests {
    private static func qualifier(_ name: String, _ flavor: CIMFlavor = [], _ value: CIMValue = true) -> CIMQualifier {
        CIMQualifier(name: name, value: value, flavor: flavor)
    }

    private let parent = CIMClass(
        name: "P",
        methods: [
            CIMMethod(
                name: "M", returnType: .init(.uint32),
                parameters: [
                    CIMParameter(
                        name: "X", type: .init(.string),
                        qualifiers: [
                            qualifier("out"), qualifier("Note", .toSubclass, "n"), qualifier("Local", [], "l"),
                            qualifier("Fixed", [.toSubclass, .disableOverride], 1),
                        ]),
                    CIMParameter(name: "E", type: .init(.object, className: "T"), qualifiers: [qualifier("EmbeddedInstance", [], "T")]),
                ],
                qualifiers: [qualifier("implemented"), qualifier("Restricted", [], "r"), qualifier("Units", .toSubclass, "u")])
        ])

    private func child(_ methods: [CIMMethod] = []) throws -> CIMClass {
        try CIMClass(name: "C", superclass: "P", methods: methods).resolved(with: parent.resolved(with: nil))
    }

    @Test(
        "W25: A method that is inherited has the qualifiers that go down, and those that make it what it is, all marked; so have its parameters"
    )
    func inherited() throws {
        let child = try child()
        let method = try #require(child.method(named: "M"))
        #expect(method.origin == "P" && method.isImplemented)
        #expect(method.qualifiers.map(\.name) == ["implemented", "Units"])
        #expect(method.parameters[0].qualifiers.map(\.name) == ["out", "Note", "Fixed"])
        #expect(method.parameters[0].isOut && method.parameters[1].qualifier(named: "EmbeddedInstance") != nil)
        let all = method.qualifiers + method.parameters.flatMap(\.qualifiers)
        #expect(all.allSatisfy { $0.flavor.contains(.originPropagated) })
        #expect(try child.resolved(with: parent.resolved(with: nil)) == child)
    }

    @Test("W25: A parameter that an override declares again keeps its ToSubclass qualifiers; its own come before them")
    func overridden() throws {
        func override(_ x: [CIMQualifier]) -> CIMMethod {
            CIMMethod(
                name: "m", returnType: .init(.uint32),
                parameters: [
                    CIMParameter(name: "x", type: .init(.string), qualifiers: x),
                    // A string as it is written, with the qualifier above.
                    CIMParameter(name: "e", type: .init(.object, className: "T")),
                ])
        }
        let resolved = try child([override([Self.qualifier("out"), Self.qualifier("Note", [], "mine")])])
        let method = try #require(resolved.method(named: "M"))
        #expect(method.origin == "C" && method.qualifiers.map(\.name) == ["Units"] && !method.isImplemented)
        let x = method.parameters[0].qualifiers
        #expect(x.map(\.name) == ["out", "Note", "Fixed"] && x[1].value == "mine")
        #expect(x.map { $0.flavor.contains(.originPropagated) } == [false, false, true])
        #expect(try resolved.resolved(with: parent.resolved(with: nil)) == resolved)
        let error = #expect(throws: CIMError.self) { try child([override([Self.qualifier("out"), Self.qualifier("Fixed", [], 2)])]) }
        #expect(error?.status == .updateOverrideNotAllowed && error?.message.contains("m(x)") ?? false)
        // Without its direction it is another method.
        #expect(throws: CIMError.self) { try child([override([])]) }
    }

    @Test("W20: DSP0004, 5.6.3.15: a string that overrides an embedded object is one, by the qualifier that goes down")
    func embedded() throws {
        let parent = try CIMClass(
            name: "P",
            properties: [
                CIMProperty(
                    name: "O", type: .init(.object, isArray: true, className: "T"),
                    qualifiers: [Self.qualifier("EmbeddedInstance", .toSubclass, "T")])
            ]
        ).resolved(with: nil)
        func child(_ type: CIMTypeReference) throws -> CIMClass {
            try CIMClass(name: "C", superclass: "P", properties: [CIMProperty(name: "o", type: type)]).resolved(with: parent)
        }
        #expect(try child(.array(of: .string)).property(named: "O")?.type == .init(.object, isArray: true, className: "T"))
        #expect(throws: CIMError.self) { try child(.init(.string)) }
        #expect(throws: CIMError.self) { try child(.array(of: .uint8)) }
    }

    @Test("W22: DSP0004, 5.6.3.28: below a concrete class without keys a class may bring some; below one with keys, none but those")
    func keys() throws {
        func keyed(_ name: String, _ superclass: String?, _ keys: [String]) -> CIMClass {
            CIMClass(
                name: name, superclass: superclass,
                properties: keys.map { CIMProperty(name: $0, type: .init(.string), qualifiers: [Self.qualifier("key")]) })
        }
        let plain = try CIMClass(name: "A", properties: [CIMProperty(name: "P", type: .init(.string))]).resolved(with: nil)
        let first = try keyed("B", "A", ["K", "p"]).resolved(with: plain)
        #expect(first.keyNames == ["p", "K"])
        let error = #expect(throws: CIMError.self) { try keyed("C", "B", ["L"]).resolved(with: first) }
        #expect(error?.status == .cannotChangeKeyInheritance && error?.message.contains("B has keys already") ?? false)
        #expect(try keyed("C", "B", ["K"]).resolved(with: first).keyNames == ["p", "K"])
    }

    @Test(
        "W26: What a new declaration may not say: Override of nothing, an association below a plain class, a default longer than its array")
    func declarations() throws {
        let base = try CIMClass(
            name: "P", properties: [CIMProperty(name: "Q", type: .init(.string))], methods: [CIMMethod(name: "M", returnType: nil)]
        ).resolved(with: nil)
        func status(_ property: CIMProperty? = nil, _ method: CIMMethod? = nil, _ qualifiers: [CIMQualifier] = []) throws -> WBEMStatus? {
            let declared = try CIMClass(
                name: "C", superclass: "P", qualifiers: qualifiers, properties: [property].compactMap { $0 },
                methods: [method].compactMap { $0 }
            ).resolved(with: base)
            do throws(CIMError) { try declared.checkDeclaration(below: base) } catch { return error.status }
            return nil
        }
        func property(_ value: CIMValue, _ name: String = "Q") -> CIMProperty {
            CIMProperty(name: name, type: .init(.string), qualifiers: [Self.qualifier("Override", [], value)])
        }
        #expect(try status(property("q")) == nil && status(property(true)) == nil && status(property(.null)) == nil)
        #expect(try status(property("P.Q")) == nil && status(property("Q", "R")) == nil)
        #expect(try status(property("Nope")) == .invalidQualifier && status(property("M")) == .invalidQualifier)
        #expect(try status(property(true, "New")) == .invalidQualifier)
        func method(_ name: String) -> CIMMethod {
            CIMMethod(name: "m", returnType: nil, qualifiers: [Self.qualifier("Override", [], .string(name))])
        }
        #expect(try status(nil, method("M")) == nil && status(nil, method("Q")) == .invalidQualifier)
        #expect(try status(nil, nil, [Self.qualifier("Association")]) == .invalidAssociation)
        let long = CIMProperty(
            name: "L", type: .init(.uint8, isArray: true, arraySize: 1), defaultValue: .array(of: .uint8, [.uint8(1), .uint8(2)]))
        #expect(try status(long) == .typeMismatch)
        // What is inherited was another class's to say.
        let below = try CIMClass(name: "D", superclass: "P", properties: [property("Q")]).resolved(with: base)
        try CIMClass(name: "E", superclass: "D").resolved(with: below).checkDeclaration(below: below)
    }
}
