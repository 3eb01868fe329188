import CIM
import CIMQuery
import Testing

/// A query's text from a broker that is not ours may be anything.
@Suite struct ProviderQueryTests {
    @Test("E.3, I.2: what is not understood bounds nothing, and leaves nothing out")
    func notUnderstood() {
        for condition in [
            "x", "x =", "= 1", "x = y", "x = 1 OR", "(x = 1", "x = 1)", "x = 'a", "x = 1 y = 2", "x == 1", "x = 1e", "x IS 1", "NOT",
            "x LIKE", "x = 1; drop", "x = \"a\\", "x . = 1", "\u{0}", "x = 1 WITHIN 2",
        ] {
            let query = ProviderQuery("SELECT a FROM C WHERE \(condition)")
            #expect(query?.className == "C" && query?.isUnderstood == false, "\(condition)")
            #expect(query?.values(of: "x") == nil, "\(condition)")
            #expect(query?.neededProperties == nil, "\(condition)")
        }
        #expect(ProviderQuery("SELECT a FROM C \u{0}")?.isUnderstood == false)
        #expect(ProviderQuery("SELECT a FROM C GROUP WITHIN 1")?.isUnderstood == false)
        for text in [
            "", "\u{0}", "SELECT", "SELECT a", "SELECT a FROM", "SELECT FROM C", "SELECT a, FROM C", "SELECT a. FROM C", "UPDATE a FROM C",
            "ASSOCIATORS OF {C.a=1}",
        ] {
            #expect(ProviderQuery(text) == nil, "\(text)")
        }
    }

    @Test("E.3, I.1: the values that a condition bounds, and the properties that a query needs, are those that it names")
    func reading() {
        for (literal, value) in [
            ("'a\\'b\\\\'", CIMValue.string("a'b\\")), ("\"from\"", "from"), ("-5", CIMValue(integer: -5)), ("TRUE", true),
            ("false", false), ("1.5e+3", .real64(1500)), ("18446744073709551615", CIMValue(integer: 18_446_744_073_709_551_615)),
        ] {
            #expect(ProviderQuery("select * from C where x=\(literal)")?.values(of: "X")?.map(\.value) == [value], "\(literal)")
        }
        #expect(ProviderQuery("select * from C where x = NULL")?.values(of: "x") == nil)
        #expect(ProviderQuery("select * from C where x.y = 1")?.values(of: "x") == nil)
        #expect(ProviderQuery("select * from C where not x = 1")?.values(of: "x") == nil)
        #expect(ProviderQuery("select * from C where 1 = x and y > 2")?.values(of: "x") == [.integer(1)])
        #expect(ProviderQuery("select x.y, X, __PATH from C where z = 1 or Z = 2")?.neededProperties == ["x", "z"])
        #expect(ProviderQuery("select __PATH from C")?.neededProperties == [])
        #expect(ProviderQuery("select * from C where z = 1")?.neededProperties == nil)
    }

    @Test("E.3: what is called like a keyword is a name in a query that a broker has checked")
    func keywords() {
        let query = ProviderQuery("select From,from, Group from From where Like like 'a%' and Group = 1")
        #expect(query?.className == "From" && query?.isUnderstood == true)
        #expect(query?.neededProperties == ["From", "Group", "Like"])
        #expect(query?.values(of: "group") == [.integer(1)])
    }

    @Test("I.1: neither depth nor length is more than a provider can bear")
    func hostile() {
        for depth in [64, 65, 100_000] {
            let text = "SELECT * FROM C WHERE " + String(repeating: "(", count: depth) + "x = 1" + String(repeating: ")", count: depth)
            #expect(ProviderQuery(text)?.values(of: "x") == (depth > 64 ? nil : [.integer(1)]))
        }
        let many = ProviderQuery("SELECT x FROM C WHERE x = 1" + String(repeating: " OR x = 1", count: 100_000))
        #expect(many?.values(of: "x")?.count == 100_001)
        #expect(many?.neededProperties == ["x"])
    }
}
