import CIM
import CIMQuery
import Testing

@Suite("WQL as written (Semantics I.1 to I.6)")
struct WQLParserTests {
    private func condition(_ text: String) throws -> WQLCondition? {
        guard case .select(let query) = try WQLQuery(parsing: "SELECT * FROM C WHERE \(text)") else { return nil }
        return query.condition
    }

    private func comparison(_ property: PropertyPath, _ test: WQLCondition.Test) -> WQLCondition {
        .comparison(WQLCondition.Comparison(property, test))
    }

    @Test("I.2: the whole grammar of a data query")
    func grammar() throws {
        let query = try WQLQuery(parsing: "select Name, Target.Size,__PATH from Disk where Size >= 5 and not (Name like 'a%' or 3 < Index)")
        let expected = SelectQuery(
            .properties(["Name", "Target.Size", "__PATH"]), from: "disk",
            where: .and([
                comparison("size", .compare(.greaterOrEqual, .integer(5))),
                .not(.or([comparison("NAME", .like("a%")), comparison("Index", .compare(.greater, .integer(3)))])),
            ]))
        #expect(query == .select(expected))
    }

    @Test(
        "I.2: every operator, a constant on either side",
        arguments: [
            ("a = 1", RelationalOperator.equal), ("a != 1", .notEqual), ("a <> 1", .notEqual), ("a<1", .less), ("a<=1", .lessOrEqual),
            ("a>1", .greater), ("a >= 1", .greaterOrEqual), ("1 = a", .equal), ("1 <> a", .notEqual), ("1 < a", .greater),
            ("1 <= a", .greaterOrEqual), ("1 > a", .less), ("1 >= a", .lessOrEqual),
        ])
    func operators(text: String, operation: RelationalOperator) throws {
        #expect(try condition(text) == comparison("a", .compare(operation, .integer(1))))
    }

    @Test(
        "I.1: constants",
        arguments: [
            (#""x\"\\y'""#, WQLLiteral.string(#"x"\y'"#)), (#"'it\'s "it"'"#, .string(#"it's "it""#)), ("''", .string("")),
            ("-9223372036854775808", .integer(Int128(Int64.min))), ("18446744073709551615", .integer(Int128(UInt64.max))),
            ("+7", .integer(7)),
            ("1.5", .real(1.5)), (".5", .real(0.5)), ("-1e3", .real(-1000)), ("2.5E-1", .real(0.25)), ("true", .boolean(true)),
            ("False", .boolean(false)),
        ])
    func literals(text: String, literal: WQLLiteral) throws {
        #expect(try condition("a = \(text)") == comparison("a", .compare(.equal, literal)))
    }

    @Test("I.2: AND binds stronger than OR; IS, ISA, LIKE")
    func precedence() throws {
        #expect(
            try condition("a = 1 OR b IS NULL AND c IS NOT NULL OR d ISA 'X'")
                == .or([
                    comparison("a", .compare(.equal, .integer(1))), .and([comparison("b", .isNull), comparison("c", .isNotNull)]),
                    comparison("d", .isa("x")),
                ]))
    }

    @Test(
        "W14: Blanks and line breaks may stand in the braces of ASSOCIATORS OF and REFERENCES OF, around the path, its '.', '=' and ','",
        arguments: [
            "{ C.K = 'x' , L = 5 }", "{C . K='x',L=5}", "{\n  C.K = 'x',\n\tL = 5\n}", "{  root/cimv2: C.K = \"x\" , L=5}",
            "{C.K='x',L=5 }",
        ])
    func blanksInBraces(braces: String) throws {
        for start in ["ASSOCIATORS OF", "REFERENCES OF "] {
            guard case .association(let query) = try WQLQuery(parsing: "\(start)\(braces) WHERE KeysOnly") else {
                throw CIMError(.failed, "")
            }
            #expect(query.source.relativePath == #"C.K="x",L=5"# && query.form == .keysOnly)
        }
        let multi = #expect(throws: QueryError.self) { try WQLQuery(parsing: "ASSOCIATORS OF {\n C.K = ?}") }
        #expect(multi?.place.line == 2 && multi?.place.column == 8)
        #expect(throws: QueryError.self) { try WQLQuery(parsing: "ASSOCIATORS OF {C.K='x' L=5}") }
        guard case .association(let text) = try WQLQuery(parsing: "ASSOCIATORS OF { C.K = ' x ' }") else { throw CIMError(.failed, "") }
        #expect(text.source[key: "K"] == .string(" x "))
    }

    @Test("W14: A text that an error quotes is cut after many characters, with a sign")
    func excerpts() {
        let short = #expect(throws: QueryError.self) { try WQLQuery(parsing: "SELECT * FROM C WHEN Temperature > 5") }
        #expect(short?.message == "expected the end of the query, found 'WHEN Temperature > 5'")
        let long = "WHEN " + String(repeating: "é", count: 100)
        let cut = #expect(throws: QueryError.self) { try WQLQuery(parsing: "SELECT * FROM C \(long)") }
        #expect(cut?.message == "expected the end of the query, found '\(long.prefix(34))…'")
    }

    @Test(
        "Every error says where and has WMI's code",
        arguments: [
            ("", 1, WBEMStatus.invalidQuery), ("SELECT", 7, .invalidQuery), ("SELECT * C", 10, .invalidQuery),
            ("SELECT * FROM", 14, .invalidQuery),
            ("SELECT * FROM C,D", 16, .invalidQuery), ("SELECT *, a FROM C", 9, .invalidQuery), ("SELECT a, FROM C", 11, .invalidQuery),
            ("SELECT a. FROM C", 11, .invalidQuery), ("SELECT * FROM C x", 17, .invalidQuery), ("SELECT * FROM C WHERE", 22, .invalidQuery),
            ("SELECT * FROM C WHERE a", 24, .invalidQuery), ("SELECT * FROM C WHERE a =", 26, .invalidQuery),
            ("SELECT * FROM C WHERE a = b", 27, .invalidQuery), ("SELECT * FROM C WHERE 1 = 2", 27, .invalidQuery),
            ("SELECT * FROM C WHERE 1 = TRUE", 27, .invalidQuery), ("SELECT * FROM C WHERE a = 1 AND", 32, .invalidQuery),
            ("SELECT * FROM C WHERE (a = 1", 29, .invalidQuery), ("SELECT * FROM C WHERE a = 1)", 28, .invalidQuery),
            ("SELECT * FROM C WHERE a = 1 + 1", 29, .invalidQuery), ("SELECT * FROM C WHERE a[0] = 1", 24, .invalidQuery),
            ("SELECT * FROM C WHERE a >= NULL", 28, .invalidQuery), ("SELECT * FROM C WHERE a LIKE b", 30, .invalidQuery),
            ("SELECT * FROM C WHERE a ISA 5", 29, .invalidQuery), ("SELECT * FROM C WHERE a ISA '1C'", 29, .invalidQuery),
            ("SELECT * FROM C WHERE a IS 5", 28, .invalidQuery), ("SELECT * FROM C WHERE a = 'x", 27, .invalidQuery),
            (#"SELECT * FROM C WHERE a = "C:\dir""#, 30, .invalidQuery), ("SELECT * FROM C WHERE a = 1x", 27, .invalidQuery),
            ("SELECT * FROM C WHERE a = 18446744073709551616", 27, .invalidQuery), ("SELECT * FROM C WHERE a = 1e999", 27, .invalidQuery),
            ("SELECT * FROM C WHERE where = 1", 23, .invalidQuery), ("SELECT * FROM C WHERE TRUE = 1", 30, .invalidQuery),
            ("SELECT * FROM C WHERE NOT NOT a = 1", 27, .invalidQuery), ("SELECT * FROM C WHERE a ! 1", 25, .invalidQuery),
            ("SELECT * FROM C WHERE a = ;", 27, .invalidQuery), ("SELECT * FROM E WITHIN x", 24, .invalidQuery),
            ("SELECT * FROM E WITHIN 0", 24, .invalidQuery), ("SELECT * FROM E GROUP BY x", 23, .missingGroupWithin),
            ("SELECT * FROM E GROUP WITHIN 5 BY *", 35, .missingAggregationList), ("SELECT * FROM E GROUP WITHIN 1.5", 30, .invalidQuery),
            ("SELECT * FROM E GROUP WITHIN 5 HAVING x > 5", 39, .invalidQuery), ("SELECT a FROM meta_class", 8, .invalidQuery),
            ("ASSOCIATORS OF C", 16, .invalidQuery), ("ASSOCIATORS OF {C.k=1", 16, .invalidQuery),
            ("ASSOCIATORS OF {C.k=, 1}", 21, .invalidObjectPath), ("ASSOCIATORS OF { C k=1}", 20, .invalidObjectPath),
            ("SELECT * FROM C WHERE a ISA SELECT", 29, .invalidQuery), ("SELECT * FROM C WHERE a >= NULL", 28, .invalidQuery),
            ("ASSOCIATORS OF {C.k=1} WHERE", 29, .invalidQuery),
            ("ASSOCIATORS OF {C.k=1} WHERE Role = A, ResultClass = B", 38, .invalidQuery),
            ("ASSOCIATORS OF {C.k=1} WHERE Role = A AND KeysOnly", 39, .invalidQuery),
            ("ASSOCIATORS OF {C.k=1} WHERE Role <> A", 35, .invalidQuery),
            ("ASSOCIATORS OF {C.k=1} WHERE Role = A Role = B", 39, .invalidQuery),
            ("ASSOCIATORS OF {C.k=1} WHERE ClassDefsOnly ResultClass = B", 16, .invalidQuery),
            ("ASSOCIATORS OF {C.k=1} WHERE SchemaOnly", 16, .invalidQuery), ("ASSOCIATORS OF {C}", 16, .invalidQuery),
            ("REFERENCES OF {C.k=1} WHERE AssocClass = B", 29, .invalidQuery),
            ("REFERENCES OF {C.k=1} WHERE KeysOnly ClassDefsOnly", 38, .invalidQuery),
        ])
    func errors(text: String, column: Int, status: WBEMStatus) {
        let error = #expect(throws: QueryError.self) { try WQLQuery(parsing: text) }
        #expect(error?.status == status, "\(text): \(error?.description ?? "")")
        #expect(error.map { [$0.place.line, $0.place.column] } == [1, column], "\(text): \(error?.description ?? "")")
        #expect(error?.message.contains("expected") ?? false)
    }

    @Test("Lines count, and columns are characters")
    func places() {
        let error = #expect(throws: QueryError.self) { try WQLQuery(parsing: "SELECT *\r\nFROM C\n WHERE ä = 'ö' ? 1") }
        #expect(error.map { [$0.place.line, $0.place.column] } == [3, 16])
    }

    @Test("A.4: the language is WQL in any case, else InvalidQueryType")
    func language() throws {
        #expect(throws: Never.self) { try WQLQuery(parsing: "SELECT * FROM C", language: "wQl") }
        for language in ["", "CQL", "WQL "] {
            let error = #expect(throws: QueryError.self) { try WQLQuery(parsing: "SELECT * FROM C", language: language) }
            #expect(error?.status == .invalidQueryType)
        }
    }

    @Test("I.1: 16384 characters, identifiers of 4096, so many AND and OR, so deep parentheses, and no more")
    func limits() throws {
        func status(_ text: String) -> WBEMStatus? {
            do throws(QueryError) {
                _ = try WQLQuery(parsing: text)
                return nil
            } catch { return error.status }
        }
        let start = "SELECT * FROM C WHERE a = '"
        let longest = start + String(repeating: "ä", count: 16384 - start.count - 1) + "'"
        #expect(status(longest) == nil)
        #expect(status(longest + " ") == .quotaViolation)
        let name = String(repeating: "n", count: 4096)
        #expect(status("SELECT * FROM \(name)") == nil)
        #expect(status("SELECT * FROM \(name)n") == .invalidQuery)
        let terms = "SELECT * FROM C WHERE a=1" + String(repeating: " OR a=1", count: 1024)
        #expect(status(terms) == nil)
        #expect(status(terms + " AND a=1") == .quotaViolation)
        func nested(_ depth: Int) -> String {
            "SELECT * FROM C WHERE " + String(repeating: "(", count: depth) + "a=1" + String(repeating: ")", count: depth)
        }
        #expect(status(nested(64)) == nil)
        #expect(status(nested(65)) == .quotaViolation)
        #expect(status(nested(8000)) == .quotaViolation)
        #expect(status("SELECT a" + String(repeating: ".a", count: 64) + " FROM C") == .quotaViolation)
    }

    @Test("I.4: all clauses of ASSOCIATORS OF and REFERENCES OF")
    func associations() throws {
        var expected = AssociationQuery(.associators, of: try CIMObjectPath(parsing: #"Disk.Id="C}:""#))
        expected.associationClass = "A"
        expected.resultClass = "R"
        expected.resultRole = "Group"
        expected.role = "P"
        expected.requiredQualifier = "Q"
        expected.requiredAssociationQualifier = "AQ"
        expected.form = .keysOnly
        let text = """
            associators of {Disk.Id="C}:"} where AssocClass=A resultclass = R ResultRole= Group Role =P
            RequiredQualifier = Q RequiredAssocQualifier = AQ KeysOnly
            """
        #expect(try WQLQuery(parsing: text) == .association(expected))
        var references = AssociationQuery(.references, of: try CIMObjectPath(parsing: "Disk"))
        references.form = .schemaOnly
        #expect(try WQLQuery(parsing: "REFERENCES OF {Disk} WHERE SchemaOnly") == .association(references))
    }

    @Test("I.5: an event query whole")
    func events() throws {
        let query = try WQLQuery(
            parsing: """
                SELECT * FROM __InstanceCreationEvent WITHIN 2.5 WHERE TargetInstance ISA "Disk"
                GROUP WITHIN 600 BY TargetInstance.Bus, TargetInstance.Size HAVING NumberOfEvents > 25
                """)
        let expected = SelectQuery(
            from: "__InstanceCreationEvent", where: comparison("TargetInstance", .isa("Disk")), pollingSeconds: 2.5,
            grouping: SelectQuery.Grouping(
                seconds: 600, properties: ["TargetInstance.Bus", "TargetInstance.Size"], having: SelectQuery.Having(.greater, 25)))
        #expect(query == .select(expected))
        #expect(expected.grouping?.having?.accepts(25) == false && expected.grouping?.having?.accepts(26) == true)
    }
}
