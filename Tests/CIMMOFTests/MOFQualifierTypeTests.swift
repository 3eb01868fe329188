import CIM
import CIMMOF
import Testing

@Suite("Qualifier types (DSP0004, 5.6.1)")
struct MOFQualifierTypeTests {
    private static let declarations = """
        Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride, ToSubclass);
        Qualifier Values : string[], Scope(property, method);
        Qualifier MaxLen : uint32 = 7, Scope(any), Flavor(Restricted, Translatable);
        Qualifier Association : boolean = false, Scope(association), Flavor(DisableOverride);
        Qualifier Aggregate : boolean = false, Scope(reference), Flavor(ToInstance);

        """

    private func firstClass(_ text: String) throws -> CIMClass {
        try #require(try MOFParser.parse(Self.declarations + text).classes.first)
    }

    private func statuses(_ text: String) -> [WBEMStatus] {
        do throws(MOFErrors) {
            _ = try MOFParser.parse(MOFSource(file: "x", text: Self.declarations + text), in: MOFContext())
            return []
        } catch { return error.errors.map(\.status) }
    }

    @Test(
        "A declaration has a type, a default, a scope and a flavor; without a flavor it is ToSubclass; without a scope it is none (DSP0004, annex A)"
    )
    func declarations() throws {
        let types = try MOFParser.parse(Self.declarations).qualifierTypes
        #expect(
            types[0]
                == CIMQualifierType(
                    name: "Key", type: .init(.boolean), defaultValue: false, scope: [.property, .reference],
                    flavor: [.disableOverride, .toSubclass]))
        #expect(types[1] == CIMQualifierType(name: "Values", type: .array(of: .string), scope: [.property, .method]))
        #expect(types[2] == CIMQualifierType(name: "MaxLen", type: .init(.uint32), defaultValue: .uint32(7), flavor: []))
        for type in types { #expect(try MOFParser.parse(MOFWriter.write(type)).qualifierTypes == [type]) }
    }

    @Test("A use takes type, implied value and flavor from the declaration, and its own words go first")
    func uses() throws {
        let declared = try firstClass(
            "class A { [Key, MaxLen] string a; [Key : EnableOverride ToInstance, MaxLen(5) : ToSubclass, Values{}, X(1)] string b; };")
        #expect(declared.properties[0].qualifiers[0] == CIMQualifier(name: "Key", flavor: [.disableOverride, .toSubclass]))
        #expect(declared.properties[0].qualifiers[1] == CIMQualifier(name: "MaxLen", value: .uint32(7)))
        let b = declared.properties[1].qualifiers
        #expect(b[0].flavor == [.toSubclass, .toInstance])
        #expect(b[1] == CIMQualifier(name: "MaxLen", value: .uint32(5), flavor: .toSubclass))
        #expect(b[2].value == .array(of: .string, []) && b[2].flavor == .toSubclass)
        #expect(b[3] == CIMQualifier(name: "X", value: .sint32(1)))
    }

    @Test("A wrong type and a wrong place are errors, one each, and the rest is still read")
    func misuse() {
        #expect(statuses("class A { [Key(1)] string a; [MaxLen(-1)] string b; };") == [.mofTypeMismatch, .mofTypeMismatch])
        #expect(
            statuses("[Key] class A { [Values{1}] void m([Key] string p); };") == [
                .mofUsedOutside, .mofTypeMismatch, .mofUsedOutside,
            ])
        #expect(statuses("[Association] class A { [Aggregate, Key] A ref a; }; [Association] class B : A {};") == [])
        #expect(statuses("class A { [Aggregate] string a; };") == [.mofUsedOutside])
    }

    @Test("The caller's declarations count in their namespace, and are asked for once")
    func outside() throws {
        var asked: [String] = []
        let context = MOFContext(
            namespace: .cimv2,
            qualifierType: { name, namespace in
                asked.append("\(namespace?.text ?? "-"):\(name)")
                return namespace == .cimv2 ? CIMQualifierType(name: "N", type: .init(.uint8)) : nil
            })
        let text = "[N(1)] class A {}; [n(2)] class B {}; #pragma namespace(\"root\") [N(3)] class C {};"
        let classes = try MOFParser.parse(MOFSource(file: "x", text: text), in: context).classes
        #expect(classes.map { $0.qualifiers[0].value } == [.uint8(1), .uint8(2), .sint32(3)])
        #expect(asked == ["root/cimv2:N", "root:N"])
    }

    @Test("Malformed declarations")
    func malformed() {
        #expect(statuses("Qualifier A : boolean, Scope(nowhere);") == [.mofInvalidQualifierSyntax])
        #expect(statuses("Qualifier A : boolean, Flavor(ToSubclass);") == [.mofInvalidQualifierSyntax])
        #expect(statuses("Qualifier A : boolean = 3, Scope(any);") == [.mofTypeMismatch])
        #expect(statuses("Qualifier A : boolean, Scope(any), Flavor(ToSubclass, Restricted);") == [.mofIncompatibleFlavorTypes])
        #expect(statuses("Qualifier A boolean; class B { uint8 1; };") == [.mofInvalidQualifierSyntax, .mofExpectedPropertyName])
    }
}

extension WBEMStatus {
    fileprivate static let mofUsedOutside = mofQualifierUsedOutsideScope
}
