import CIM
import CIMMOF
import Testing

/// `#pragma amendment`, and qualifiers of instances.
@Suite struct MOFAmendmentTests {
    private static let text = """
        class A { string before; };
        #pragma amendment("MS_407")
        [Description("Klasse") : Amended ToSubclass] class B : A { [key, Description("Schlüssel") : Amended] string K; };
        class C { string p; };
        instance of C { p = "x"; };
        [Description("D") : Amended] class D { };
        """

    @Test("W27: the pragma sends what is localized to the locale's namespace, which is created once; lines stay those of the class")
    func amendment() throws {
        let unit = try MOFParser.parse(Self.text)
        let places = unit.declarations.map { declaration in
            let name =
                switch declaration.content {
                case .class(let declared): declared.name
                case .instance(let declared): declared.instance.className
                default: "?"
                }
            return "\(declaration.namespace?.text ?? "") \(name) \(declaration.firstLine)"
        }
        #expect(
            places == [
                " A 1", "root/cimv2 B 3", "root/cimv2 __NAMESPACE 3", "root/cimv2/ms_407 B 3", "root/cimv2 C 4", "root/cimv2 C 5",
                "root/cimv2 D 6", "root/cimv2/ms_407 D 6",
            ])
        #expect(unit.instances[0].instance["Name"] == "ms_407" && unit.warnings.isEmpty)
        #expect(unit.classes.map(\.isAmendment) == [false, false, true, false, false, true])
        #expect(unit.classes[1].qualifiers.isEmpty && unit.classes[1].properties[0].qualifiers.map(\.name) == ["key"])
        #expect(unit.classes[2].qualifier(named: "LOCALE")?.value == .sint32(0x407) && unit.classes[2].superclass == nil)
        // Written, it is what it is now: taken apart.
        let again = try MOFParser.parse(MOFWriter.write(unit))
        #expect(again.classes == unit.classes && again.declarations.map(\.namespace) == unit.declarations.map(\.namespace))
    }

    @Test("W27: the namespace of the amendments is below that of the class, wherever a pragma or the caller puts it")
    func namespaces() throws {
        let text = """
            #pragma amendment("de_DE")
            [D("x") : Amended] class A { };
            #pragma namespace("\\\\\\\\.\\\\root\\\\other")
            [D("x") : Amended] class B { };
            """
        let unit = try MOFParser.parse(MOFSource(file: "f", text: text), in: MOFContext(namespace: CIMNamespaceName("root/home")))
        let expected = ["root/home", "root/home", "root/home/ms_407", "root/other", "root/other", "root/other/ms_407"]
        #expect(unit.declarations.map { $0.namespace?.text } == expected)
    }

    @Test("W27: what is no locale, and a second amendment, are errors with their place")
    func errors() {
        let texts: [(String, WBEMStatus)] = [
            ("#pragma amendment(\"MS_\")", .mofInvalidAmendmentSyntax), ("#pragma amendment(MS_409)", .mofInvalidAmendmentSyntax),
            ("#pragma amendment(\"xx_XX\")", .mofInvalidAmendmentSyntax), ("#pragma amendment \"MS_409\"", .mofExpectedOpenParen),
            ("#pragma amendment(\"MS_409\", x)", .mofExpectedCloseParen),
            ("#pragma amendment(\"MS_409\")\n#pragma amendment(\"MS_407\")", .mofInvalidDuplicateAmendment),
        ]
        for (text, status) in texts {
            #expect(throws: MOFError.self, "\(text)") { try MOFParser.parse(text) }
            do { _ = try MOFParser.parse(text) } catch { #expect(error.status == status, "\(text): \(error)") }
        }
    }

    @Test("qualifiers of an instance and of its properties are kept, and read back")
    func instances() throws {
        let text = """
            [Owner("me"), Note("n") : ToInstance Amended] instance of A { [Unit("m")] a = 1; b = 2; };
            """
        let instance = try MOFParser.parse(text).instances[0].instance
        #expect(instance.qualifiers.map(\.name) == ["Owner", "Note"] && instance.qualifiers[1].flavor == [.toInstance, .amended])
        #expect(instance.qualifiers(ofProperty: "A").map(\.value) == ["m"] && instance.qualifiers(ofProperty: "b").isEmpty)
        #expect(try MOFParser.parse(MOFWriter.write(instance)).instances.map(\.instance) == [instance])
        var plain = instance
        plain.removeAmendedQualifiers()
        #expect(plain.qualifiers.map(\.name) == ["Owner"] && plain.propertyQualifiers.count == 1 && plain != instance)
        // Where a declaration says the type, it counts, and so does where it may stand.
        let typed = "Qualifier Weight : uint8, Scope(property), Flavor(ToInstance);\n"
        let weighed = try MOFParser.parse(typed + "instance of A { [Weight(3)] a = 1; };").instances[0].instance
        #expect(
            weighed.qualifiers(ofProperty: "a") == [CIMQualifier(name: "Weight", value: .uint8(3), flavor: [.toInstance, .toSubclass])])
        do { _ = try MOFParser.parse(typed + "[Weight(3)] instance of A { a = 1; };") } catch {
            #expect(error.status == .mofQualifierUsedOutsideScope)
        }
        #expect(throws: MOFError.self) { try MOFParser.parse(typed + "[Weight(3)] instance of A { a = 1; };") }
    }

    @Test("Qualifiers inside an embedded instance are warned about")
    func embedded() throws {
        let unit = try MOFParser.parse("instance of A { o = instance of B { [q] x = 1; }; };")
        #expect(unit.warnings.count == 1 && unit.instances[0].instance.propertyQualifiers.isEmpty)
    }
}
