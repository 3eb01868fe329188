import CIM
import Testing

@testable import CIMBusProvider

/// A query's text from a broker that is not ours may be anything.
@Suite struct SelectTextTests {
    @Test("E.3, I.2: what is not understood bounds nothing, and leaves nothing out")
    func notUnderstood() {
        for condition in [
            "x", "x =", "= 1", "x = y", "x = 1 OR", "(x = 1", "x = 1)", "x = 'a", "x = 1 y = 2", "x == 1", "x = 1e", "x IS 1", "NOT",
            "x LIKE",
            "x = 1; drop", "x = \"a\\", "x . = 1", "\u{0}",
        ] {
            let select = SelectText("SELECT a FROM C WHERE \(condition)")
            #expect(select?.className == "C", "\(condition)")
            #expect(select?.condition.properties == nil, "\(condition)")
            #expect(select?.condition.values(of: "x") == nil, "\(condition)")
            #expect(select?.requested == .all, "\(condition)")
        }
        for text in ["", "SELECT", "SELECT a", "SELECT a FROM", "SELECT FROM C", "SELECT a, FROM C", "SELECT a. FROM C", "UPDATE a FROM C"]
        {
            #expect(SelectText(text) == nil, "\(text)")
        }
    }

    @Test("I.1: literals are read as they are written")
    func literals() {
        for (literal, value) in [
            ("'a\\'b\\\\'", CIMValue.string("a'b\\")), ("\"from\"", "from"), ("-5", CIMValue(integer: -5)), ("TRUE", true),
            ("false", false),
            ("1.5e+3", .real64(1500)), ("18446744073709551615", CIMValue(integer: 18_446_744_073_709_551_615)),
        ] {
            #expect(SelectText("select * from C where x=\(literal)")?.condition.values(of: "X") == [value], "\(literal)")
        }
        #expect(SelectText("select * from C where x = NULL")?.condition.values(of: "x") == nil)
        #expect(SelectText("select * from C where x.y = 1")?.condition.values(of: "x") == nil)
        #expect(SelectText("select x.y, X, __PATH from C where z = 1 or z = 2")?.requested == .named(["x", "z"]))
        #expect(SelectText("select __PATH from C")?.requested == .keys)
        #expect(SelectText("select * from C where z = 1")?.requested == .all)
        #expect(SelectText("select From,from from From")?.list == ["From", "from"])
    }

    @Test("I.1: neither depth nor length is more than it can bear")
    func hostile() {
        for depth in [64, 65, 100_000] {
            let text = "SELECT * FROM C WHERE " + String(repeating: "(", count: depth) + "x = 1" + String(repeating: ")", count: depth)
            #expect(SelectText(text)?.condition.values(of: "x") == (depth > 64 ? nil : [CIMValue(integer: 1)]))
        }
        let many = "SELECT * FROM C WHERE x = 1" + String(repeating: " OR x = 1", count: 100_000)
        #expect(SelectText(many)?.condition.values(of: "x")?.count == 100_001)
        #expect(SelectText(many)?.condition.properties?.count == 100_001)
    }
}
