import CIM
import Testing

/// Localized qualifiers.
@Suite struct CIMClassAmendedTests {
    private static let amended: CIMFlavor = [.amended, .toSubclass]

    private static func text(_ name: String, _ value: String, _ flavor: CIMFlavor = [.toSubclass]) -> CIMQualifier {
        CIMQualifier(name: name, value: .string(value), flavor: flavor)
    }

    private static func property(_ name: String, _ qualifiers: [CIMQualifier] = []) -> CIMProperty {
        CIMProperty(name: name, type: .init(.string), qualifiers: qualifiers)
    }

    private static func method(_ name: String, _ qualifiers: [CIMQualifier], _ parameter: [CIMQualifier]) -> CIMMethod {
        CIMMethod(
            name: name, returnType: .init(.uint32), parameters: [CIMParameter(name: "x", type: .init(.string), qualifiers: parameter)],
            qualifiers: qualifiers)
    }

    private static func base() throws -> CIMClass {
        try CIMClass(
            name: "Base", qualifiers: [text("Description", "neutral")],
            properties: [property("Key", [CIMQualifier(name: "key"), text("Description", "neutral key")]), property("Plain")],
            methods: [method("M", [text("Description", "neutral M")], [CIMQualifier(name: "in")])]
        ).resolved(with: nil)
    }

    private static func derived(_ qualifiers: [CIMQualifier] = [], _ properties: [CIMProperty] = []) throws -> CIMClass {
        try CIMClass(name: "Derived", superclass: "Base", qualifiers: qualifiers, properties: properties).resolved(with: try base())
    }

    private static let amendment = CIMClass(
        name: "BASE",
        qualifiers: [CIMQualifier(name: "AMENDMENT"), text("description", "Klasse", amended), text("Other", "not localized")],
        properties: [
            property("KEY", [CIMQualifier(name: "MaxLen", value: 3), text("Description", "Schlüssel", amended)]),
            property("Gone", [text("Description", "nicht da", amended)]),
            property("Plain", [CIMQualifier(name: "Values", value: .strings(["eins"]), flavor: [.amended])]),
        ],
        methods: [method("m", [text("Description", "Methode", amended)], [text("Description", "Parameter", amended)])])

    private static func words(_ qualifiers: [CIMQualifier]) -> [String] {
        qualifiers.map { "\($0.name)=\($0.value.stringValue ?? "\($0.value)")" + ($0.isAmended ? " amended" : "") }
    }

    @Test("W27: an amendment replaces and adds qualifiers of the class, its properties, methods and parameters, and nothing else")
    func merging() throws {
        let base = try Self.base()
        let localized = base.localized(by: Self.amendment, below: nil)
        #expect(Self.words(localized.qualifiers) == ["description=Klasse amended"])
        #expect(localized.properties.map(\.name) == ["Key", "Plain"])
        #expect(Self.words(localized.properties[0].qualifiers) == ["key=TRUE", "Description=Schlüssel amended"])
        #expect(localized.property(named: "Plain")?.qualifier(named: "values")?.value == .strings(["eins"]))
        #expect(Self.words(localized.methods[0].qualifiers) == ["Description=Methode amended"])
        #expect(Self.words(localized.methods[0].parameters[0].qualifiers) == ["in=TRUE", "Description=Parameter amended"])
        #expect(localized.name == "Base" && localized.properties.map(\.type) == base.properties.map(\.type))
        #expect(base.localized(by: nil, below: nil) == base)
    }

    @Test("W27: a subclass inherits what its superclass says in that language, as far as it says nothing itself")
    func inheritance() throws {
        let above = try Self.base().localized(by: Self.amendment, below: nil)
        let silent = try Self.derived().localized(by: nil, below: above)
        #expect(Self.words(silent.qualifiers) == ["description=Klasse amended"])
        #expect(silent.qualifiers[0].flavor.contains(.originPropagated))
        #expect(Self.words(silent.properties[0].qualifiers) == ["key=TRUE", "Description=Schlüssel amended"])
        // Without the flavor ToSubclass it stays where it is.
        #expect(silent.property(named: "Plain")?.qualifiers.isEmpty == true)
        // A method that is not declared again is inherited whole.
        #expect(Self.words(silent.methods[0].qualifiers) == ["Description=Methode amended"])
        #expect(Self.words(silent.methods[0].parameters[0].qualifiers) == ["in=TRUE", "Description=Parameter amended"])

        let own = try Self.derived(
            [Self.text("Description", "my own")], [Self.property("Key", [Self.text("Description", "my own key")])]
        ).localized(by: nil, below: above)
        #expect(Self.words(own.qualifiers) == ["Description=my own"])
        #expect(Self.words(own.property(named: "Key")?.qualifiers ?? []) == ["Description=my own key", "key=TRUE"])

        // What is said of an inherited property in the subclass holds there.
        let said = CIMClass(name: "Derived", properties: [Self.property("Key", [Self.text("Description", "hier", Self.amended)])])
        let both = try Self.derived().localized(by: said, below: above)
        #expect(both.property(named: "Key")?.qualifier(named: "Description")?.value == .string("hier"))
        #expect(both.property(named: "Key")?.origin == "Base")
    }

    @Test("W27: of an amendment that derives from another one, what it inherits there was said of the other class")
    func amendmentsDerive() throws {
        let above = try Self.amendment.resolved(with: nil)
        let below = try CIMClass(name: "Derived", superclass: "BASE", qualifiers: [CIMQualifier(name: "AMENDMENT")]).resolved(with: above)
        #expect(below.isAmendment && below.isAbstract && below.properties.count == 3)
        #expect(try Self.derived().localized(by: below, below: nil) == (try Self.derived()))
    }

    @Test("W27: an amendment may leave out what a class of its own may not")
    func checks() throws {
        let above = try CIMClass(name: "A", qualifiers: [CIMQualifier(name: "AMENDMENT")], properties: [Self.property("P")]).resolved(
            with: nil)
        let below = CIMClass(
            name: "B", superclass: "A", qualifiers: [CIMQualifier(name: "AMENDMENT")],
            properties: [Self.property("K", [CIMQualifier(name: "key")])])
        #expect(throws: Never.self) { try below.resolved(with: above) }
    }

    @Test("R48: with the flag, a put of what was read with the flag changes nothing")
    func roundTrip() throws {
        let stored = try Self.derived([Self.text("Description", "mine")])
        let said = CIMClass(
            name: "Derived", qualifiers: Self.amendment.qualifiers, properties: Self.amendment.properties, methods: Self.amendment.methods)
        var put = stored.localized(by: said, below: try Self.base().localized(by: Self.amendment, below: nil))
        #expect(put != stored)
        put.removeAmendedQualifiers(keeping: stored)
        #expect(put == stored)
        put = stored.localized(by: said, below: nil)
        put.removeAmendedQualifiers()
        #expect(put.qualifiers.isEmpty && put.properties[0].qualifiers.map(\.name) == ["key"])
    }

    @Test("W27: a class is taken apart into what holds in every language, and what is said in one")
    func splitting() throws {
        let base = CIMClass(
            name: "Base", superclass: "Above",
            qualifiers: [CIMQualifier(name: "dynamic"), Self.text("Description", "Klasse", Self.amended)],
            properties: [
                CIMProperty(
                    name: "Key", type: .init(.string), defaultValue: "x",
                    qualifiers: [CIMQualifier(name: "key"), Self.text("Description", "Schlüssel", Self.amended)]), Self.property("Plain"),
            ],
            methods: [
                Self.method(
                    "M", [CIMQualifier(name: "implemented")], [CIMQualifier(name: "in"), Self.text("Description", "P", Self.amended)]),
                Self.method("N", [], []),
            ])
        let (neutral, said) = base.split(for: .english)
        #expect(Self.words(neutral.qualifiers) == ["dynamic=TRUE"] && neutral.superclass == "Above")
        #expect(neutral.properties.map { Self.words($0.qualifiers) } == [["key=TRUE"], []] && neutral.properties[0].defaultValue == "x")
        #expect(neutral.methods.map(\.name) == ["M", "N"] && Self.words(neutral.methods[0].parameters[0].qualifiers) == ["in=TRUE"])
        let amendment = try #require(said)
        #expect(amendment.isAmendment && amendment.superclass == nil && amendment.qualifier(named: "LOCALE")?.value == .sint32(0x409))
        #expect(amendment.properties.map(\.name) == ["Key"] && amendment.properties[0].defaultValue.isNull)
        #expect(amendment.methods.map(\.name) == ["M"] && amendment.methods[0].qualifiers.isEmpty)
        #expect(neutral.localized(by: amendment, below: nil).methods[0].parameters == base.methods[0].parameters)
        #expect(CIMClass(name: "Silent", properties: [Self.property("P")]).split(for: .english).amendment == nil)
    }
}
