import CIM
import SeededRandom
import Testing

@testable import CIMMOF

/// Changes a text as a broken disk, a careless editor or an enemy would.
private struct Mutator {
    var random: SeededGenerator
    let pieces: [[UInt8]]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        pieces = [
            "{", "}", "[", "]", "(", ")", ";", ",", ":", "=", "\"", "'", "\\", "/*", "//", "*/", "\n", "$", "#", "#pragma ", "#include ",
            "class ", "instance of ", "qualifier ", "ref ", "as $a ", "{{", "NULL", "0x", "-", "1.", "\u{FEFF}", "Key : ", "Scope(",
            "#pragma include(\"a\")", "= {", "\\xD800", "9999999999999999999999", "instance of A { a = ",
        ].map { Array($0.utf8) }
    }

    mutating func mutate(_ text: inout [UInt8], corpus: [[UInt8]]) {
        guard !text.isEmpty else { return }
        let start = Int.random(in: 0..<text.count, using: &random)
        let end = min(text.count, start + Int.random(in: 1...40, using: &random))
        switch Int.random(in: 0..<7, using: &random) {
        case 0: text[start] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: text.removeSubrange(start..<end)
        case 2: text.insert(contentsOf: Array(text[start..<end]), at: start)
        case 3: text.removeSubrange(start...)
        case 4: text.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &random)], at: start)
        case 5:
            let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)]
            let count = Int.random(in: 1...20, using: &random)
            text.insert(contentsOf: repeatElement(piece, count: count).joined(), at: start)
        default:
            let other = corpus[Int.random(in: 0..<corpus.count, using: &random)]
            text.replaceSubrange(start..<end, with: other.prefix(40))
        }
    }
}

@Suite("Hostile MOF (issue: no crash, no hang, no more than linear time)")
struct MOFFuzzTests {
    /// Reads it, and fails unless the work is in proportion to what was read.
    private func compile(_ text: String, errors: Int = 20) -> MOFCompilation {
        var context = MOFContext(include: { (name, _) throws(MOFError) in MOFSource(file: name, text: "class Included {};") })
        context.limits.errors = errors
        let compilation = MOFCompilation(MOFSource(file: "x", text: text), in: context)
        // Each byte starts at most one token, which is cut once and looked at ahead at most three times; each include adds its own few.
        #expect(compilation.steps <= 4 * text.utf8.count + 16, "\(text.prefix(500))")
        #expect(compilation.errors.count <= errors)
        return compilation
    }

    @Test("20,000 mutants of small texts", .timeLimit(.minutes(1)), arguments: 0..<4 as Range<UInt64>)
    func mutants(seed: UInt64) {
        let corpus = Self.corpus.map { Array($0.utf8) }
        var mutator = Mutator(seed: seed)
        var broken = 0
        for number in 0..<5_000 {
            var text = corpus[number % corpus.count]
            for _ in 0...Int.random(in: 0..<3, using: &mutator.random) { mutator.mutate(&text, corpus: corpus) }
            let decoded = String(decoding: text, as: UTF8.self)
            let compilation = compile(decoded)
            if !compilation.errors.isEmpty { broken += 1 }
            if number % 10 == 0, let formatted = try? MOFFormatter.format(decoded) {
                #expect((try? MOFFormatter.format(formatted)) == formatted, "\(decoded)")
            }
        }
        #expect(broken > 2_000)
    }

    private static let corpus: [String] = [
        "[dynamic, provider(\"P\") : ToInstance, Values{1, 2}] class A as $A : B { [key, read : ToInstance, x] string k = \"a\" \"b\\x41\"; };",
        "class A { uint8 a[4] = {1, 0x2}; A ref r; string m([in] uint8 p[], [out] object ref q); object:X o = instance of X {}; };",
        "instance of A as $I { a = {1, 2}; b = $I; c = instance of B { d = 'x'; e = {\"f\", \"g\"}; }; h = {$I, \"A.k=1\"}; };",
        "Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride, ToSubclass); class A { [Key] string k; };",
        "#pragma namespace(\"\\\\\\\\.\\\\root\") #pragma deleteclass(\"A\", NOFAIL)\n#pragma classflags(\"createonly\")\n/* c */ class A {}; // d",
        "#pragma include(\"a\")\n#include \"b\"\nclass C { real32 r = -1.5e+3; sint64 n = 0777; boolean b = 101b; datetime t = \"x\"; };",
    ]

    @Test("10,000 levels of everything that nests")
    func nesting() {
        let depth = 10_000
        func nest(_ open: String, _ close: String) -> String {
            String(repeating: open, count: depth) + String(repeating: close, count: depth)
        }
        for text in [
            "instance of A { a = " + nest("instance of A { a = ", "; }") + ";};", "instance of A { a = " + nest("{", "}") + ";};",
            "[a" + nest("(", ")") + "] class A {};", nest("class A { ", "};"), nest("[a", "]"), nest("instance of A { a = {", "}; };"),
            "#pragma x" + nest("(", ")"), nest("class A { [q{", "};"), nest("qualifier Q : ", ";"), nest("/*", "*/"), nest("\"", "\""),
            String(repeating: "instance of A { a = ", count: depth), String(repeating: "}", count: depth),
            nest("class A { uint8 a = ", "; }"),
        ] {
            _ = compile(text)
            if let formatted = try? MOFFormatter.format(text) { #expect(formatted.utf8.count < 200 * text.utf8.count) }
        }
    }

    @Test("Twice the text, twice the work")
    func linear() {
        for piece in [
            "class A { uint8 a; };", "class A { uint8 1; };", "[a : ToSubclass, b] ", "\"\\q\" ", "$a ", "instance of ", "class ",
            "qualifier Q ",
            "instance of A { b = {1, ", "@", "{", "#pragma x ", "a,", "/", "'", "instance of A { a = instance of B { ",
        ] {
            for errors in [20, 1_000_000] {
                let once = compile(String(repeating: piece, count: 500), errors: errors)
                let twice = compile(String(repeating: piece, count: 1_000), errors: errors)
                #expect(twice.steps <= 2 * once.steps + 256, "\(piece)")
                #expect(twice.errors.count <= 2 * once.errors.count + 4)
            }
        }
    }
}
