import CIM
import CIMMOF
import Testing

/// What texts that were written elsewhere, by other compilers' leave, have in them.
@Suite("MOF as it is found")
struct MOFLexicalTests {
    private func first(_ text: String) throws -> CIMValue? {
        try MOFParser.parse(text).classes.first?.properties.first?.defaultValue
    }

    @Test("W24: DSP0004, annex A: a line break in a string is part of it; lines are counted on, also when the text is laid out anew")
    func lineBreaks() throws {
        #expect(try first("class A { string a = \"x\r\ny\nz\"; };") == "x\r\ny\nz")
        let unit = try MOFParser.parse("class A {\n string a = \"x\n\n\"; };\nclass B {};")
        #expect(unit.declarations.map(\.firstLine) == [1, 5] && unit.declarations.map(\.lastLine) == [4, 5])
        let error = #expect(throws: MOFError.self) { try MOFParser.parse("class A {\n string a = \"x\n\n\" 1; };") }
        #expect(error?.line == 4 && error?.column == 3)
        let text = "class A\n{\n    string a = \"x\n  y\n\"; // z\n    uint8 b;\n};\n"
        #expect(try MOFFormatter.format(text) == text)
        let flat = try MOFFlattening(MOFSource(file: "a", text: "class A { string a = \"x\n\ny\"; };\n#include \"b\"\nclass C {};")) {
            name, _ in
            MOFSource(file: name, text: "class B {};")
        }
        let flatUnit = try MOFParser.parse(flat.text)
        #expect(flatUnit.classes.map(\.name) == ["A", "B", "C"])
        let place = flat.place(ofLine: try #require(flatUnit.declarations.last).firstLine)
        #expect(place.file == "a" && place.line == 5)
    }

    @Test("W24: A string whose closing quote is missing: the error says where the string starts")
    func missingQuote() {
        func message(_ text: String) -> String? { #expect(throws: MOFError.self) { try MOFParser.parse(text) }?.message }
        let inside = message("class A { string a = \"x;\n string b = \"y\"; };")
        #expect(inside?.contains("the string that starts on line 1 has a line break in it") ?? false, "\(inside ?? "")")
        let atEnd = message("class A {\n string a = \"x;\n string b = \"\n; };\"")
        #expect(atEnd?.contains("line 2") ?? false, "\(atEnd ?? "")")
    }

    @Test("W24: An escape that MOF does not have stays in the string as it stands, with a warning; a wrong \\x is an error")
    func escapes() throws {
        let unit = try MOFParser.parse(#"class A { string a = "C:\program\d \é"; string b = "x\\p"; };"#)
        #expect(unit.classes[0].properties.map(\.defaultValue) == [#"C:\program\d \é"#, #"x\p"#])
        #expect(unit.warnings.map { "\($0.line):\($0.column)" } == ["1:25", "1:33", "1:36"])
        #expect(unit.warnings.first?.message.contains(#"'\p'"#) ?? false)
        #expect(throws: MOFError.self) { try MOFParser.parse(#"class A { string a = "C:\xyz"; };"#) }
        #expect(try MOFFormatter.format("class A\n{\n    string a = \"\\p\";\n};\n").contains(#""\p""#))
    }

    @Test("W24: WMI's texts: single backslashes in the name of an included file stand for themselves, whatever letter follows")
    func includes() throws {
        var names: [String] = []
        let text = """
            #pragma include ("..\\new\\x.mof" "\\table")
            #include "sub\\\\file.mof"
            class A { string a = "\\t"; };
            """
        let context = MOFContext(include: { name, _ in
            names.append(name)
            return MOFSource(file: name, text: "")
        })
        let unit = try MOFParser.parse(MOFSource(file: "x", text: text), in: context)
        #expect(names == [#"..\new\x.mof\table"#, #"sub\file.mof"#])
        #expect(unit.warnings.isEmpty && unit.classes[0].properties[0].defaultValue == "\t")
        names = []
        _ = try MOFFlattening(MOFSource(file: "x", text: text)) { name, _ in
            names.append(name)
            return MOFSource(file: name, text: "")
        }
        #expect(names == [#"..\new\x.mof\table"#, #"sub\file.mof"#])
        #expect(try MOFFormatter.format(text).contains(#"("..\new\x.mof" "\table")"#))
    }

    @Test("W24: A blank between # and pragma is passed over with a warning; a # alone is an error")
    func blankDirective() throws {
        let unit = try MOFParser.parse("# pragma namespace(\"root\")\n#\tpragma locale(\"en\")\nclass A {};")
        #expect(unit.declarations.first?.namespace == .root)
        #expect(unit.warnings.map(\.line) == [1, 2])
        #expect(throws: MOFError.self) { try MOFParser.parse("#\npragma namespace(\"root\")") }
    }

    @Test("W24: DSP0004, annex A: 089 is no octal number, and the error says why")
    func octal() throws {
        let error = #expect(throws: MOFError.self) { try MOFParser.parse("class A { uint8 a = 089; };") }
        #expect(error?.status == .mofIllegalConstantValue && error?.column == 21)
        #expect(error?.message.contains("octal") ?? false && error?.message.contains("089") ?? false)
        #expect(try first("class A { uint8 a = 017; };") == .uint8(15) && first("class A { uint8 a = 0; };") == .uint8(0))
    }
}
