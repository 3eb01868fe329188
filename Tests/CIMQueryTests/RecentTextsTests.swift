import Testing

@testable import CIMQuery

/// What is kept of the texts that came last.
struct RecentTextsTests {
    @Test("of the texts that came, the last sixteen are kept: who is asked for again stays, who is asked for longest ago goes")
    func newest() {
        var texts = RecentTexts<Int>()
        for number in 0..<16 { texts.keep(number, of: "\(number)") }
        #expect(texts.value(of: "0") == 0)
        texts.keep(16, of: "16")
        #expect((0...16).filter { texts.value(of: "\($0)") == nil } == [1])
        #expect(texts.value(of: "2") { $0 > 2 } == nil)
    }

    @Test("a text that means several things has each of them")
    func meanings() {
        var texts = RecentTexts<Int>()
        for number in 0..<3 { texts.keep(number, of: "one") }
        #expect((0..<3).map { number in texts.value(of: "one") { $0 == number } } == [0, 1, 2])
    }

    @Test("texts that Unicode counts as the same, and that are different bytes, mean what each of them says")
    func spelling() {
        var texts = RecentTexts<Int>()
        texts.keep(1, of: "Name = '\u{E9}'")
        #expect(texts.value(of: "Name = 'e\u{301}'") == nil)
    }

    @Test("a text of more than 1,024 bytes is not kept")
    func long() {
        var texts = RecentTexts<Int>()
        for (length, isKept) in [(1_024, true), (1_025, false)] {
            let text = String(repeating: "x", count: length)
            texts.keep(length, of: text)
            #expect((texts.value(of: text) != nil) == isKept)
        }
    }
}
