import CIM
import Testing

@testable import CIMMOF

@Suite struct MOFFlatteningTests {
    private let files = [
        "a": "class A {};\n  #pragma include (\"b\" /* x */ )  class Z {};\nclass Y {};\r#include \"c\"\rclass X {};",
        "b": "class B {};\r\n#pragma include(\"c\")\nclass B2 {}; // no line end",
        "c": "\nclass C {};\r",
        "loop": "#pragma include(\"loop2\")", "loop2": "class L {};\n #pragma include(\"loop\")",
        "strings": "[Description(\"#pragma include(\\\"b\\\")\")] class S {}; // #pragma include(\"b\")\n/* #include \"b\" */",
    ]

    private func include(_ name: String, _ from: String) throws(MOFError) -> MOFSource {
        guard let text = files[name] else {
            throw MOFError(file: from, line: 0, column: 0, status: .mofErrorInvalidIncludeFile, message: "no \(name)")
        }
        return MOFSource(file: name, text: text)
    }

    private func source(_ name: String) throws -> MOFSource { MOFSource(file: name, text: try #require(files[name])) }

    @Test("A flat text declares what the text with its includes does, and each line knows its own place")
    func places() throws {
        for name in ["a", "b", "strings"] {
            let whole = try MOFParser.parse(source(name), in: MOFContext(include: include))
            let flat = try MOFFlattening(source(name), include: include)
            let unit = try MOFParser.parse(flat.text)
            #expect(unit.declarations.map(\.content) == whole.declarations.map(\.content))
            for (one, other) in zip(unit.declarations, whole.declarations) {
                #expect(flat.place(ofLine: one.firstLine) == MOFFlattening.Place(file: other.file, line: other.firstLine))
                #expect(flat.place(ofLine: one.lastLine) == MOFFlattening.Place(file: other.file, line: other.lastLine))
            }
        }
        #expect(try MOFFlattening(source("c"), include: include).text == files["c"])
    }

    @Test(
        "Whatever ends the lines of an included text, those behind it keep their places",
        arguments: ["\n", "\r", "\r\n", "\n\r", "\r\r\n", "\n\n\r\r\n\r"])
    func lineEnds(end: String) throws {
        // With and without a directive: a text without one is not cut into tokens.
        for last in ["", "class I3 {};", "class I3 {};\(end)"] {
            for hint in ["", "// #"] {
                let inner = "class I {};\(end)/* a\(end)b */ class I2 {}; \(hint)\(end)\(last)"
                let outer = MOFSource(file: "o", text: "class O {};\n#include \"i\"\nclass P {};\nclass Q {};")
                let flat = try MOFFlattening(outer) { name, _ in MOFSource(file: name, text: inner) }
                let whole = try MOFParser.parse(
                    outer, in: MOFContext(include: { (name, _) throws(MOFError) in MOFSource(file: name, text: inner) }))
                let unit = try MOFParser.parse(flat.text)
                #expect(unit.declarations.map(\.content) == whole.declarations.map(\.content))
                for (one, other) in zip(unit.declarations, whole.declarations) {
                    #expect(flat.place(ofLine: one.firstLine) == MOFFlattening.Place(file: other.file, line: other.firstLine))
                }
            }
        }
    }

    @Test("Columns behind an include stay")
    func columns() throws {
        let context = MOFContext(include: include)
        let text = MOFSource(file: "t", text: "é #pragma include(\"c\") klass D {};")
        let flat = try MOFFlattening(text, include: include)
        let here = #expect(throws: MOFErrors.self) { try MOFParser.parse(text, in: context) }
        let there = #expect(throws: MOFErrors.self) { try MOFParser.parse(MOFSource(file: "flat", text: flat.text), in: context) }
        #expect(here?.errors.map(\.column) == there?.errors.map(\.column))
        #expect(here?.errors.map(\.line) == there?.errors.map { flat.place(ofLine: $0.line).line })
    }

    @Test("A cycle, a file that is not there, and too much of everything end with the place of the include")
    func faults() throws {
        let cycle = #expect(throws: MOFError.self) { try MOFFlattening(source("loop"), include: include) }
        #expect(cycle?.file == "loop2" && cycle?.line == 2 && cycle?.column == 2 && cycle?.status == .mofErrorInvalidIncludeFile)
        let missing = #expect(throws: MOFError.self) {
            try MOFFlattening(MOFSource(file: "m", text: "\n#include \"nowhere\""), include: include)
        }
        #expect(missing?.file == "m" && missing?.line == 2)
        var limits = MOFLimits()
        limits.bytes = 200
        #expect(throws: MOFError.self) { try MOFFlattening(source("a"), limits: limits, include: include) }
        limits = MOFLimits()
        limits.includeDepth = 1
        #expect(throws: MOFError.self) { try MOFFlattening(source("a"), limits: limits, include: include) }
    }
}
