import CIM
import SeededRandom
import Testing

@testable import CIMQuery

@Suite("LIKE (Semantics I.3)")
struct LikeTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool { try LikePattern(pattern, at: .none).matches(text) }

    @Test(
        "I.3: each form",
        arguments: [
            ("abc", "ABC", true), ("abc", "abcd", false), ("a%", "a", true), ("a%", "Abc", true), ("%c", "abc", true), ("%b%", "abc", true),
            ("%b%", "ac", false), ("", "", true), ("", "a", false), ("%", "", true), ("%%", "x", true), ("_", "ä", true), ("_", "", false),
            ("_", "ab", false), ("a_c", "abc", true), ("[abc]", "B", true), ("[a-f]x", "Fx", true), ("[a-f]", "g", false),
            ("[^a-f]", "g", true),
            ("[^a-f]", "B", false), ("[^abc]%", "", false), ("[_]", "_", true), ("[_]", "a", false), ("100[%]", "100%", true),
            ("[[]x]", "[x]", true),
            (#"a\b"#, #"A\B"#, true), ("a%b%c", "a1b2c", true), ("a%b%c", "a1c2b", false), ("%ab%ab%", "abab", true),
            ("%ab%ab", "ab", false),
            ("ab%bc", "abc", false), ("[a-]", "-", true), ("[à-ö]", "é", true), ("%é_ü", "xyéäü", true), ("É", "é", false),
            ("[A-Z]", "q", true),
            ("%😀_", "a😀😀😀b", true), ("]", "]", true),
        ])
    func forms(pattern: String, text: String, expected: Bool) throws {
        #expect(try matches(pattern, text) == expected, "\(text) LIKE \(pattern)")
    }

    @Test(
        "I.3: a set without its end, an empty one, a range upside down: InvalidQuery",
        arguments: ["[", "[a", "[]", "[^]", "[^", "[b-a]", "x[a-"])
    func malformed(pattern: String) {
        #expect(throws: QueryError.self) { try LikePattern(pattern, at: .none) }
    }

    @Test("Pieces longer than a machine word")
    func longPieces() throws {
        let run = String(repeating: "xy", count: 100)
        #expect(try matches("%\(run)z%", "_" + run + run + "Z!"))
        #expect(try !matches("%\(run)z%", run + run + "y"))
        #expect(try matches("%" + String(repeating: "_", count: 130), String(repeating: "ä", count: 130)))
        let error = #expect(throws: QueryError.self) { try LikePattern(String(repeating: "a", count: 2000), at: .none) }
        #expect(error?.status == .quotaViolation)
    }

    @Test("Hostile patterns take a number of steps linear in the text")
    func linear() throws {
        let text = Array(String(repeating: "a", count: 100_000).utf8)
        for pattern in ["%a%a%a%a%a%a%a%b", "%" + String(repeating: "a", count: 60) + "b%", String(repeating: "%_a", count: 300) + "%b%"] {
            let compiled = try LikePattern(pattern, at: .none)
            let work = text.withUnsafeBufferPointer { compiled.work(on: $0) }
            #expect(!work.matches)
            #expect(work.steps <= 2 * text.count + 2 * pattern.count)
        }
    }

    /// The obvious matcher: tries everything.
    static func obviouslyMatches(_ pattern: ArraySlice<Unicode.Scalar>, _ text: ArraySlice<Unicode.Scalar>) -> Bool {
        func folded(_ scalar: Unicode.Scalar) -> String { scalar.isASCII ? String(scalar).lowercased() : String(scalar) }
        guard let first = pattern.first else { return text.isEmpty }
        let rest = pattern.dropFirst()
        if first == "%" { return (text.startIndex...text.endIndex).contains { obviouslyMatches(rest, text[$0...]) } }
        guard let scalar = text.first else { return false }
        if first == "_" { return obviouslyMatches(rest, text.dropFirst()) }
        guard first == "[", let end = rest.firstIndex(of: "]") else {
            return folded(first) == folded(scalar) && obviouslyMatches(rest, text.dropFirst())
        }
        var members = rest[..<end]
        let isNegated = members.first == "^"
        if isNegated { members = members.dropFirst() }
        let isIn = members.contains { folded($0) == folded(scalar) }
        return isIn != isNegated && obviouslyMatches(pattern[(end + 1)...], text.dropFirst())
    }

    @Test("10,000 random patterns agree with an obvious matcher")
    func reference() throws {
        var random = SeededGenerator(seed: 3)
        let pieces = ["%", "_", "a", "B", "ä", "[ab]", "[^Ab]", "[%]", "[ä]", "%", "a"]
        let letters = ["a", "A", "b", "ä", "%", "c"]
        var hits = 0
        for _ in 0..<10_000 {
            let pattern = (0..<random.below(7)).map { _ in random.pick(pieces) }.joined()
            let text = (0..<random.below(7)).map { _ in random.pick(letters) }.joined()
            let expected = LikeTests.obviouslyMatches(Array(pattern.unicodeScalars)[...], Array(text.unicodeScalars)[...])
            let actual = try matches(pattern, text)
            if actual != expected { Issue.record("\(text) LIKE \(pattern): expected \(expected)") }
            if actual { hits += 1 }
        }
        #expect(hits > 500)
    }
}
