import CIM
import CIMQuery
import Testing

@Suite("Plans of data queries (Semantics I.7, C.4)")
struct QueryPlanTests {
    private let plain = QuerySource(Disks.disk, provider: "P")
    private let selecting = QuerySource(Disks.disk, provider: "Q", supportsUnarySelect: true)

    private func lines(_ text: String, _ sources: [QuerySource], isShallow: Bool = false) throws -> [String] {
        QueryPlan(try Disks.query(text), sources: sources, isShallow: isShallow).lines
    }

    @Test(
        "A query by key costs no more of a class with 400 properties than of one with 10: what follows from the class was looked up before")
    func manyProperties() throws {
        func cost(_ count: Int) throws -> Duration {
            let others = (1..<count).map { Disks.property("Property\($0)", .string) }
            let declaration = Disks.resolve(CIMClass(name: "Wide", properties: [Disks.property("Id", .string, key: true)] + others), nil)
            let indexed = IndexedClass(declaration)
            var source = QuerySource(declaration, provider: "P", supportsUnarySelect: true)
            source.keys = indexed.keyProperties
            guard case .select(let select) = try WQLQuery(parsing: "SELECT Property1, Property7, Id FROM Wide WHERE Id = '17'") else {
                return .zero
            }
            var best = Duration.seconds(60)
            for _ in 0..<20 {
                let time = try ContinuousClock().measure {
                    for _ in 0..<20 {
                        let query = try DataQuery(select, checkedAgainst: indexed, location: CIMLocation(), classes: { _ in nil })
                        #expect(QueryPlan(query, sources: [source]).steps.count == 1)
                    }
                }
                best = min(best, time)
            }
            return best
        }
        let (few, many) = (try cost(10), try cost(400))
        #expect(many < few * 3, "\(few), \(many)")
    }

    @Test("A condition that fixes the key asks for one object; what else it says is filtered")
    func keys() throws {
        let fallback = "  if it is not capable: enumerate Disk, filter here"
        #expect(try lines("SELECT * FROM Disk WHERE ID = '17'", [plain]) == [#"get Disk.Id="17" from provider P"#, fallback])
        #expect(
            try lines("SELECT Size FROM Disk WHERE Level > 2 AND 17 = Id", [selecting]) == [
                #"get Disk.Id="17" from provider Q"#, fallback, "filter here: Level > 2 AND Id = 17", "keep the properties: Size",
            ])
        for condition in ["Id = '1' OR Level = 1", "NOT Id = '1'", "Id LIKE '1'", "Id > '1'", "Inner.Id = '1'"] {
            #expect(try lines("SELECT * FROM Disk WHERE \(condition)", [plain]).first == "enumerate Disk from provider P", "\(condition)")
        }
        let noGet = QuerySource(Disks.disk, provider: "P", supportsGet: false)
        #expect(try lines("SELECT * FROM Disk WHERE Id = '17'", [noGet]).first == "enumerate Disk from provider P")
    }

    @Test("W13: One query, one answer: a text key with letters is no lookup at a provider, which may have others that differ in case alone")
    func keysThatDifferInCase() throws {
        let text = "SELECT * FROM Disk WHERE Id = 'LO' AND Level = 1"
        let get = [
            #"  if it is not capable: get Disk.Id="LO", filter here"#,
            "    (not at once: other keys may differ from that one in case alone)",
        ]
        #expect(
            try lines(text, [plain]) == ["enumerate Disk from provider P"] + get + [#"filter here: Id = "LO" AND Level = 1"#])
        #expect(
            try lines(text, [selecting]) == [
                #"send to provider Q: SELECT * FROM Disk WHERE Id = "LO" AND Level = 1"#,
                "  if it is not capable: enumerate Disk, filter here",
            ] + get)
        #expect(try lines(text, [QuerySource(Disks.disk)]).first == #"get Disk.Id="LO" from the repository"#)
        let getOnly = QuerySource(Disks.disk, provider: "P", supportsEnumeration: false)
        #expect(try lines(text, [getOnly]).first == #"get Disk.Id="LO" from provider P"#)
        #expect(try lines("SELECT * FROM Disk WHERE Id = 'é'", [plain]).first == #"get Disk.Id="é" from provider P"#)
    }

    @Test("Two keys need two equalities; times and references are no key lookup, since one value has many texts")
    func severalKeys() throws {
        let both = Disks.resolve(
            CIMClass(name: "Both", properties: [Disks.property("A", .uint8, key: true), Disks.property("B", .char16, key: true)]), nil)
        func plan(_ condition: String) throws -> [String] {
            QueryPlan(try Disks.query("SELECT * FROM Both WHERE \(condition)", against: both), sources: [QuerySource(both)]).lines
        }
        #expect(try plan("B = 'x' AND '5' = A") == ["get Both.A=5,B=120 from the repository"])
        #expect(try plan("A = 5") == ["enumerate Both from the repository", "filter here: A = 5"])
        #expect(try plan("B = 'x' AND A = 256").first == "enumerate Both from the repository")
        let timed = Disks.resolve(CIMClass(name: "Timed", properties: [Disks.property("At", .datetime, key: true)]), nil)
        let query = try Disks.query("SELECT * FROM Timed WHERE At = '20260101000000.000000+000'", against: timed)
        #expect(QueryPlan(query, sources: [QuerySource(timed)]).steps.map(\.request) == [.enumerate])
        let linked = Disks.resolve(CIMClass(name: "Linked", properties: [Disks.property("To", .reference, key: true)]), nil)
        let link = try Disks.query("SELECT * FROM Linked WHERE To = 'X.k=1'", against: linked)
        #expect(QueryPlan(link, sources: [QuerySource(linked)]).steps.map(\.request) == [.enumerate])
    }

    @Test("I.8: what cannot be written as WQL is not sent: names that are keywords, texts that grow past the limit")
    func unwritable() throws {
        let named = Disks.resolve(
            CIMClass(name: "Named", properties: [Disks.property("Group", .string, key: true), Disks.property("Size", .uint8)]), nil)
        let source = QuerySource(named, provider: "Q", supportsUnarySelect: true)
        let query = try Disks.query("SELECT Size FROM Named WHERE Size = 5", against: named)
        #expect(QueryPlan(query, sources: [source]).steps.map(\.request) == [.enumerate])
        let quotes = String(repeating: "\"", count: 10_000)
        let long = try Disks.query("SELECT * FROM Disk WHERE Maker = '\(quotes)'")
        #expect(QueryPlan(long, sources: [selecting]).steps.map(\.request) == [.enumerate])
    }

    @Test("I.7: each step says whether its rows are exact, and what to ask when the provider is not capable")
    func fallback() throws {
        let plan = QueryPlan(try Disks.query("SELECT * FROM Disk WHERE Level = 1"), sources: [selecting])
        #expect(plan.steps.map(\.isExact) == [true] && plan.steps.map(\.fallbacks) == [[.enumerate]] && !plan.filters)
        let partial = QueryPlan(try Disks.query("SELECT * FROM Disk WHERE Level = 1 AND __GENUS = 2"), sources: [selecting])
        #expect(partial.steps.map(\.isExact) == [false] && partial.filters)
    }

    @Test("I.7: a provider that takes queries gets what it can be asked; classes, dots and ISA stay here")
    func pushDown() throws {
        #expect(
            try lines("SELECT * FROM Disk WHERE Size > 5 AND (Level = 1 OR Id LIKE 'a%')", [selecting]) == [
                #"send to provider Q: SELECT * FROM Disk WHERE Size > 5 AND (Level = 1 OR Id LIKE "a%")"#,
                "  if it is not capable: enumerate Disk, filter here",
            ])
        #expect(
            try lines("SELECT Size FROM Disk WHERE Level = 1 AND Inner.Maker = 'x' AND __PATH LIKE '%y'", [selecting]) == [
                "send to provider Q: SELECT Id, Size, Level, Inner FROM Disk WHERE Level = 1",
                "  if it is not capable: enumerate Disk, filter here",
                #"filter here: Level = 1 AND Inner.Maker = "x" AND __PATH LIKE "%y""#, "keep the properties: Size",
            ])
        #expect(try lines("SELECT * FROM Disk", [selecting]) == ["enumerate Disk from provider Q"])
        let queryOnly = QuerySource(Disks.disk, provider: "Q", supportsEnumeration: false, supportsUnarySelect: true)
        #expect(try lines("SELECT * FROM Disk", [queryOnly]) == ["send to provider Q: SELECT * FROM Disk"])
        let nothing = QuerySource(Disks.disk, provider: "N", supportsGet: false, supportsEnumeration: false)
        #expect(try lines("SELECT * FROM Disk", [nothing]) == ["provider N can neither enumerate nor query Disk: ProviderNotCapable"])
    }

    @Test("C.4: sources of a class and of its descendant make up one object, so conditions wait until they are merged")
    func merging() throws {
        let fast = QuerySource(Disks.fast, provider: "F", supportsUnarySelect: true)
        #expect(
            try lines("SELECT * FROM Disk WHERE Level = 1", [selecting, fast]) == [
                "enumerate Disk from provider Q", "enumerate FastDisk from provider F", "merge by key, the most derived class first",
                "filter here: Level = 1",
            ])
        let other = QuerySource(Disks.resolve(CIMClass(name: "SlowDisk", superclass: "Disk"), Disks.disk), provider: "S")
        let plan = QueryPlan(try Disks.query("SELECT * FROM Disk WHERE Level = 1"), sources: [fast, other])
        #expect(!plan.merges && plan.steps.map(\.source.provider) == ["F", "S"] && plan.filters)
    }

    @Test("I.2: __CLASS = narrows the sources; SHALLOW does too")
    func classes() throws {
        let fast = QuerySource(Disks.fast, provider: "F")
        let slow = QuerySource(Disks.resolve(CIMClass(name: "SlowDisk", superclass: "Disk"), Disks.disk), provider: "S")
        let plan = QueryPlan(try Disks.query("SELECT * FROM Disk WHERE __CLASS = 'fastdisk'"), sources: [plain, fast, slow])
        #expect(plan.steps.map(\.source.provider) == ["P", "F"] && plan.onlyClass == "fastdisk")
        let shallow = QueryPlan(try Disks.query("SELECT * FROM Disk"), sources: [plain, fast, slow], isShallow: true)
        #expect(shallow.steps.map(\.source.provider) == ["P"] && shallow.onlyClass == "Disk" && !shallow.filters)
        let above = QueryPlan(try Disks.query("SELECT * FROM Disk WHERE __CLASS = 'HiddenDisk'"), sources: [plain])
        #expect(above.steps.count == 1)
    }

    @Test(
        "A condition that is never true asks nobody",
        arguments: [
            "Size = NULL AND Size = 1", "Size = 1 AND Size = 2", "Size > 5 AND Size < 3", "Size > 5 AND Size <= 5",
            "Size = 5 AND Size <> 5",
            "Id = 'a' AND Id = 'b'", "Size IS NULL AND Size = 1", "IsOn = TRUE AND IsOn = FALSE",
            "(Size = 1 AND Size = 2) OR (Level = NULL AND Level > 1)",
            "NOT (Size = 1 OR Size <> 1)", "Since < '20260101000000.000000+000' AND Since > '20260101000000.000000-060'",
        ])
    func contradictions(condition: String) throws {
        #expect(try lines("SELECT * FROM Disk WHERE \(condition)", [plain]) == ["nothing is asked: the condition is never true"])
    }

    @Test(
        "A condition that can be true asks",
        arguments: ["Size = 1 OR Size = 2", "Size >= 5 AND Size <= 5", "Id = 'a' AND Id = 'A'", "Size <> 1"])
    func satisfiable(condition: String) throws {
        #expect(try !QueryPlan(Disks.query("SELECT * FROM Disk WHERE \(condition)"), sources: [plain]).steps.isEmpty)
    }
}
