import CIM
import CIMMOF
import Testing

/// What inventory and firmware texts write, and what they misspell.
@Suite("Classes and instances as they are found")
struct MOFDialectTests {
    private func error(_ text: String) -> MOFError? { #expect(throws: MOFError.self, "\(text)") { try MOFParser.parse(text) } }

    // MARK: - 19

    @Test("W19: WMI: a property named without a value, with qualifiers or without, leaves it to the class")
    func noValue() throws {
        let unit = try MOFParser.parse("instance of A { Id = \"a\"; V; [Q(\"x\")] W; };")
        #expect(unit.instances[0].instance.properties.map(\.name) == ["Id"])
        #expect(error("instance of A { V; v = 1; };")?.status == .mofDuplicateProperty)
        #expect(error("instance of A { V }; ")?.message.contains("'=' or ';'") ?? false)
    }

    // MARK: - 20

    @Test("W20: DSP0004, 5.6.3.15: the default of an embedded object is text, of an array texts")
    func defaults() throws {
        let inner = CIMInstance(className: "E", ["Id": "e"])
        let unit = try MOFParser.parse(
            #"""
            class T {
                [EmbeddedInstance("E")] string One = "instance of E { Id = \"e\"; };";
                [EmbeddedObject] string Any = "instance of E { Id = \"e\"; }";
                [EmbeddedInstance("E")] string Many[] = {"instance of E { Id = \"e\"; };", "instance of E {};"};
                E Object = instance of E { Id = "e"; };
            };
            """#)
        let values = unit.classes[0].properties.map(\.defaultValue)
        #expect(values[0] == .object(inner) && values[1] == .object(inner) && values[3] == .object(inner))
        #expect(values[2] == .array(of: .object, [.object(inner), .object(CIMInstance(className: "E"))]))
        #expect(error(#"class T { [EmbeddedInstance("E")] string Many[] = {"instance of E {};", "x"}; };"#)?.status == .mofTypeMismatch)
        #expect(try MOFParser.parse(MOFWriter.write(unit)).classes == unit.classes)
    }

    @Test("W20: Aliases stand beside objects and texts in one array; what is written of it reads the same")
    func mixedArrays() throws {
        let text = #"instance of H as $h { A = {$e, instance of E {}}; B = {"instance of E {};", $e}; C = {$e, "X.k=1"}; };"#
        let unit = try MOFParser.parse(text)
        #expect(unit.instances[0].instance.properties.map { $0.value.type?.base } == [.object, .string, .reference])
        #expect(try MOFParser.parse(MOFWriter.write(unit)).instances[0].instance == unit.instances[0].instance)
        #expect(error("instance of H { A = {$e, 1}; };")?.status == .mofTypeMismatch)
    }

    // MARK: - 21

    @Test(
        "W21: A misspelt type: what was meant",
        arguments: [
            ("int32", CIMType.sint32), ("bool", .boolean), ("BOOL", .boolean), ("double", .real64), ("float", .real32), ("char", .char16),
            ("byte", .uint8), ("dword", .uint32), ("unit32", .uint32), ("uin8", .uint8), ("strng", .string), ("Sting", .string),
            ("boolaen", .boolean), ("datetme", .datetime), ("sint61", .sint16), ("int", .sint32),
        ])
    func meant(word: String, type: CIMType) { #expect(CIMType.meant(by: word) == type) }

    @Test("W21: No type is meant by the name of a class", arguments: ["CIM_ManagedElement", "E", "", "Win32_Process", "Thing", "größe"])
    func noneMeant(word: String) { #expect(CIMType.meant(by: word) == nil) }

    @Test("W21: The classes that a class names as types, with their places; without a schema those that look misspelt are warnings")
    func uses() throws {
        let unit = try MOFParser.parse(
            """
            class T {
                int32 N; E One; object:F Two; object Any;
                [EmbeddedInstance("Nope")] string Three;
                unit32 M([in] strng X, [in] R ref Y);
                Bool B;
            };
            class Bool {};
            """)
        let uses = unit.declarations[0].classUses
        #expect(uses.map(\.className) == ["int32", "E", "F", "Nope", "unit32", "strng", "R", "Bool"])
        #expect(uses.map(\.kind) == [.type, .type, .embedded, .embedded, .type, .type, .reference, .type])
        #expect(uses.map { "\($0.line):\($0.column)" } == ["2:5", "2:14", "2:28", "3:6", "4:5", "4:19", "4:33", "5:5"])
        #expect(unit.doubtfulTypes.map { "\($0.line):\($0.column)" } == ["2:5", "4:5", "4:19"])
        #expect(unit.doubtfulTypes[0].message == "'int32' is taken for the name of a class; did you mean sint32?")
        #expect(unit.declarations[1].classUses.isEmpty)
    }

    @Test("W21: A misspelt type where no class can stand: the error asks for what was meant")
    func misspelt() {
        #expect(error("class A { uin8 1; };")?.message.hasSuffix("did you mean uint8?") ?? false)
        #expect(error("Qualifier Q : bool, Scope(any);")?.message.hasSuffix("did you mean boolean?") ?? false)
    }

    // MARK: - 22

    @Test(
        "W22: A quoted TRUE or FALSE is a boolean, for a boolean qualifier, declared or standard, and for a boolean default; elsewhere it is text"
    )
    func quotedBooleans() throws {
        let unit = try MOFParser.parse(
            #"""
            Qualifier Mine : boolean = false, Scope(any);
            [Abstract("true"), Description("TRUE"), Mine("FALSE")] class A {
                [key("TRUE"), write("False")] string Id;
                boolean On = "TRUE"; boolean Some[] = {"true", "FALSE"}; string Text = "TRUE";
            };
            """#)
        let declared = unit.classes[0]
        #expect(declared.isAbstract && declared.qualifier(named: "Description")?.value == "TRUE")
        #expect(declared.qualifier(named: "mine")?.value == false)
        #expect(declared.properties[0].isKey && declared.properties[0].qualifier(named: "write")?.value == false)
        #expect(declared.properties.dropFirst().map(\.defaultValue) == [true, .array(of: .boolean, [true, false]), "TRUE"])
        #expect(error(#"class A { boolean On = "yes"; };"#)?.status == .mofTypeMismatch)
    }

    // MARK: - 26

    @Test("W26: DSP0004, 7.9.2: more elements than the size of the array are refused, fewer are not")
    func arraySizes() throws {
        let error = error("class A { uint8 a[2] = {1, 2, 3}; };")
        #expect(error?.status == .mofOutOfRange && error?.column == 24 && error?.message == "expected at most 2 elements, found 3")
        #expect(try MOFParser.parse("class A { uint8 a[3] = {1, 2}; };").classes.count == 1)
    }

    @Test("W26: DSP0004, annex A: the declaration of a qualifier has a scope")
    func scope() {
        let error = error("Qualifier A : boolean = false, Flavor(ToSubclass);")
        #expect(error?.status == .mofInvalidQualifierSyntax && error?.message.contains("Scope") ?? false)
        #expect(self.error("Qualifier A : boolean;")?.message.contains("Scope") ?? false)
    }
}
