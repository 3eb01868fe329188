import CIM
import CIMQuery
import Testing

@Suite("A query checked against its class (Semantics I.2, I.9, G.2)")
struct DataQueryTests {
    @Test(
        "What does not fit the class is refused, with WMI's code and the place",
        arguments: [
            ("Bogus = 1", 28, WBEMStatus.invalidQuery), ("__BOGUS = 1", 28, .invalidQuery), ("Size = 'x'", 35, .typeMismatch),
            ("Size = TRUE", 35, .typeMismatch), ("Size = '5 '", 35, .typeMismatch), ("Id > 5", 33, .typeMismatch),
            ("Id < TRUE", 33, .typeMismatch), ("Id = 5.5", 33, .typeMismatch), ("Size = '1_0'", 35, .typeMismatch),
            ("IsOn = 2", 35, .typeMismatch), ("IsOn = 'yes'", 35, .typeMismatch), ("IsOn = ''", 35, .typeMismatch),
            ("IsOn < TRUE", 28, .invalidOperator),
            ("Letter = 'ab'", 37, .typeMismatch), ("Letter = ''", 37, .typeMismatch), ("Letter = 65536", 37, .typeMismatch),
            ("Since = 5", 36, .typeMismatch), ("Since = '01/02/2026'", 36, .invalidQuery), ("Since = '2026-01-01'", 36, .invalidQuery),
            ("Since = '20260101******.000000+000'", 36, .invalidQuery), ("Since = '2026-13-01 00:00:00:000'", 36, .invalidQuery),
            ("UpTime = '20260101000000.000000+000'", 37, .typeMismatch), ("Twin < 'Disk'", 28, .invalidOperator),
            ("Twin = 'no path'", 35, .typeMismatch),
            ("Tags = 'x'", 28, .invalidQuery), ("Tags LIKE 'x'", 28, .invalidQuery), ("__DERIVATION > 'x'", 28, .invalidOperator),
            ("Inner = 'x'", 28, .invalidOperator), ("Size LIKE 'x'", 28, .invalidOperator), ("Twin LIKE 'x'", 28, .invalidOperator),
            ("Id LIKE '[x'", 36, .invalidQuery), ("Size ISA 'Disk'", 28, .invalidOperator), ("__CLASS ISA 'Disk'", 28, .invalidOperator),
            ("__this ISA 'Disk'", 28, .invalidQuery), ("Size.x = 1", 28, .propertyNotAnObject),
            ("Inner.Maker.x = 1", 28, .propertyNotAnObject),
            ("Tags.x = 1", 28, .propertyNotAnObject), ("__CLASS > 5", 38, .typeMismatch), ("Inner.Maker > 5", 42, .typeMismatch),
        ])
    func refused(condition: String, column: Int, status: WBEMStatus) {
        let error = #expect(throws: QueryError.self) { try Disks.query("SELECT * FROM Disk   WHERE \(condition)") }
        #expect(error?.status == status, "\(condition): \(error?.description ?? "")")
        #expect(error?.place.column == column, "\(condition): \(error?.description ?? "") \(error?.place.column ?? 0)")
    }

    @Test("An error tells its operation what and where")
    func description() {
        let error = #expect(throws: QueryError.self) { try Disks.query("SELECT * FROM Disk\nWHERE Bogus = 1") }
        #expect(error?.description == "WQL, line 2, column 7: class Disk has no property Bogus")
        #expect(error?.cimError.status == .invalidQuery && error?.cimError.message == error?.description)
    }

    @Test("WITHIN and GROUP belong to event queries", arguments: ["SELECT * FROM Disk WITHIN 1", "SELECT * FROM Disk GROUP WITHIN 5"])
    func eventClauses(text: String) {
        let error = #expect(throws: QueryError.self) { try Disks.query(text) }
        #expect(error?.status == .invalidQuery)
    }

    @Test("I.2: results keep the listed properties and the system properties, embedded objects whole")
    func projection() throws {
        let query = try Disks.query("SELECT SIZE, Inner.Maker, __PATH, size FROM Disk WHERE Level = 1")
        #expect(query.projection.kept == ["Size", "Inner"])
        #expect(query.neededProperties == ["Id", "Size", "Level", "Inner"])
        let instance = CIMInstance(className: "Disk", ["Id": "x", "__SUPERCLASS": "Part", "Size": .uint64(1), "Level": 1])
        #expect(query.projection.applied(to: instance) == CIMInstance(className: "Disk", ["__SUPERCLASS": "Part", "Size": .uint64(1)]))
        let all = try Disks.query("SELECT * FROM Disk WHERE Level = 1")
        #expect(all.projection.kept == nil && all.neededProperties == nil)
        #expect(try Disks.query("SELECT __CLASS FROM Disk").projection.kept == [])
        for list in ["Bogus", "Size.x"] {
            #expect(throws: QueryError.self) { try Disks.query("SELECT \(list) FROM Disk") }
        }
    }
}

@Suite("Schema queries (Semantics I.6)")
struct SchemaQueryTests {
    @Test(
        "I.6: a query of meta_class has the whole language of conditions on the system properties of classes",
        arguments: [
            ("", ["Part", "Disk", "FastDisk"], "all classes"), ("__this ISA 'Disk'", ["Disk", "FastDisk"], "class Disk and all below it"),
            ("__Class = 'DISK'", ["Disk"], "class DISK"),
            ("__Dynasty = 'part'", ["Part", "Disk", "FastDisk"], "class part and all below it"),
            ("__Superclass = 'Disk'", ["FastDisk"], "the direct subclasses of Disk"),
            ("__Superclass IS NULL", ["Part"], "the classes without a superclass"), ("NOT __this ISA 'Disk'", ["Part"], "all classes"),
            ("__this ISA 'Part' AND __Class = 'Disk'", ["Disk"], "class Disk"), ("__Superclass <> 'Part'", ["FastDisk"], "all classes"),
            ("__Class = 'Part' OR __Superclass = 'Disk'", ["Part", "FastDisk"], "all classes"),
            ("__CLASS LIKE 'Fa%'", ["FastDisk"], "all classes"), ("NOT __CLASS LIKE '%Disk'", ["Part"], "all classes"),
            ("__this ISA Disk", ["Disk", "FastDisk"], "class Disk and all below it"),
            ("__CLASS ISA Disk AND __CLASS LIKE 'Fast%'", ["FastDisk"], "class Disk and all below it"),
            ("__CLASS > 'E' AND __CLASS < 'G'", ["FastDisk"], "all classes"), ("__SUPERCLASS LIKE 'P_rt'", ["Disk"], "all classes"),
            ("__SUPERCLASS = NULL", ["Part"], "the classes without a superclass"),
            ("NULL <> __SUPERCLASS", ["Disk", "FastDisk"], "all classes"),
            ("__DYNASTY <> 'Part'", [], "all classes"), ("__DERIVATION = 'Disk'", ["FastDisk"], "class Disk and all below it"),
            ("__DERIVATION LIKE 'pa%' AND NOT __DERIVATION = 'Disk'", ["Disk"], "all classes"),
            ("__PROPERTY_COUNT = 1", ["Part"], "all classes"), ("__GENUS = 1", ["Part", "Disk", "FastDisk"], "all classes"),
            ("__PATH LIKE '%:Part' OR __RELPATH = 'disk'", ["Part", "Disk"], "all classes"),
            ("__NAMESPACE = 'root\\\\cimv2' AND __SERVER = '.'", ["Part", "Disk", "FastDisk"], "all classes"),
        ])
    func schema(condition: String, expected: [String], scope: String) throws {
        let text = "SELECT * FROM Meta_Class" + (condition.isEmpty ? "" : " WHERE \(condition)")
        guard case .schema(let query) = try WQLQuery(parsing: text) else {
            Issue.record("not a schema query")
            return
        }
        let matches = try query.matcher(classes: Disks.lookup)
        #expect([Disks.part, Disks.disk, Disks.fast].filter(matches).map(\.name) == expected)
        #expect(query.scope.description == scope)
        #expect(try WQLQuery(parsing: query.description) == .schema(query))
    }

    @Test(
        "I.6: what is no system property of a class is refused in a query of meta_class",
        arguments: [
            ("x = 1", WBEMStatus.invalidQuery), ("__this = 'C'", .invalidQuery), ("__CLASS = 1.5", .typeMismatch),
            ("__SUPERCLASS ISA 'C'", .invalidOperator), ("__CLASS.x = 1", .propertyNotAnObject),
        ])
    func refusedOfClasses(condition: String, status: WBEMStatus) throws {
        guard case .schema(let query) = try WQLQuery(parsing: "SELECT * FROM meta_class WHERE \(condition)") else {
            throw CIMError(.failed, "not a schema query")
        }
        let error = #expect(throws: QueryError.self) { _ = try query.matcher(classes: Disks.lookup) }
        #expect(error?.status == status && (error?.place.column ?? 0) >= 32)
    }

    @Test("W10: A provider gets constants in the types of its properties, and references in canonical form")
    func typedConstants() throws {
        func sent(_ condition: String) throws -> String? {
            let source = QuerySource(Disks.disk, provider: "Q", supportsUnarySelect: true)
            let plan = QueryPlan(try Disks.query("SELECT * FROM Disk WHERE \(condition)"), sources: [source])
            guard case .query(let query)? = plan.steps.first?.request else { return nil }
            return query.query.condition?.description
        }
        #expect(try sent("IsOn = 'true' AND Size = '7' AND 4 = Maker") == #"IsOn = TRUE AND Size = 7 AND Maker = "4""#)
        #expect(try sent("Since > '2026-01-02 03:04:05:006'") == #"Since > "20260102030405.006000+000""#)
        #expect(try sent(#"NOT Twin = '\\\\.\\root\\cimv2:disk="a"'"#) == #"NOT Twin = "Disk.Id=\"a\"""#)
        #expect(try sent("Size = NULL OR Tags <> NULL") == "Size IS NULL OR Tags IS NOT NULL")
    }

    @Test("W12: System properties that SELECT lists are listed, in any case")
    func listedSystemProperties() throws {
        let query = try Disks.query("SELECT __path, Size, __Derivation FROM Disk")
        #expect(query.projection.kept == ["Size"] && query.projection.listedSystemProperties == ["__DERIVATION", "__PATH"])
        #expect(try Disks.query("SELECT * FROM Disk").projection.listedSystemProperties.isEmpty)
    }
}
