import CIM
import CIMQuery
import Testing

@Suite("What a condition holds for (Semantics I.2, I.3, I.9)")
struct PredicateTests {
    @Test(
        "I.2: operators over each type",
        arguments: [
            ("Size = 5", CIMValue.uint64(5), true), ("Size = 5", 6, false), ("Size <> 5", .uint64(6), true),
            ("Size < 5", .uint64(5), false),
            ("Size <= 5", .uint64(5), true), ("Size > 18446744073709551614", .uint64(.max), true), ("Size > -1", .uint64(0), true),
            ("Size < 1.5", .uint64(1), true), ("Size < 1.5", .uint64(2), false), ("Size = 2.0", .uint64(2), true),
            ("Size = 2.5", .uint64(2), false),
            ("Size > 1e300", .uint64(.max), false), ("Size <> 9007199254740993.0", .uint64(9_007_199_254_740_993), true),
            ("Size = '5'", .uint64(5), true), ("5 < Size", .uint64(6), true),
        ])
    func integers(condition: String, value: CIMValue, expected: Bool) throws {
        #expect(try Disks.matches(condition, ["Size": value]) == expected, "\(condition) over \(value)")
    }

    @Test(
        "I.2: a constant is compared as the property's own type",
        arguments: [
            ("Speed = 1", "Speed", CIMValue.real64(1), true), ("Speed > 0.5", "Speed", .real64(0.75), true),
            ("Heat = 0.1", "Heat", .real32(0.1), true), ("Heat < 1e300", "Heat", .real32(1), true),
            ("Speed = 1", "Speed", .real64(.nan), false),
            ("Speed <> 1", "Speed", .real64(.nan), true), ("NOT Speed < 1", "Speed", .real64(.nan), false),
            ("IsOn = TRUE", "IsOn", true, true), ("IsOn = 1", "IsOn", true, true), ("IsOn = -1", "IsOn", true, true),
            ("IsOn = 0", "IsOn", true, false),
            ("IsOn <> FALSE", "IsOn", true, true), ("Letter = 'a'", "Letter", .char16(0x61), true),
            ("Letter = 'A'", "Letter", .char16(0x61), false),
            ("Letter > 96", "Letter", .char16(0x61), true), ("Id = 'C:'", "Id", "c:", true),
            ("Id = 'stra\u{DF}e'", "Id", "STRA\u{DF}E", true),
            ("Id = '\u{E4}'", "Id", "\u{C4}", false), ("Id < 'b'", "Id", "A", true), ("Id < 'B'", "Id", "a", true),
            ("Id >= 'ab'", "Id", "a", false),
            ("Id > 'a'", "Id", "ab", true), ("Id <> ''", "Id", "", false),
        ])
    func types(condition: String, name: String, value: CIMValue, expected: Bool) throws {
        let predicate = try Disks.predicate(where: condition)
        #expect(predicate.properties == [name])
        #expect(predicate.matches([value]) == expected, "\(condition) over \(value)")
    }

    @Test(
        "I.2: NULL fulfils IS NULL and nothing else, negated or not",
        arguments: [
            ("Size = 5", false), ("NOT Size = 5", false), ("Size <> 5", false), ("NOT Size < 5", false), ("Size IS NULL", true),
            ("NOT Size IS NULL", false), ("Size IS NOT NULL", false), ("NOT Size IS NOT NULL", true), ("Id LIKE '%'", false),
            ("NOT Id LIKE 'x'", false), ("Size = NULL", true), ("Size <> NULL", false), ("NOT Size = NULL", false), ("NULL = Size", true),
            ("NOT NULL <> Size", true),
            ("Tags = NULL", true), ("Tags IS NULL", true), ("Tags <> NULL", false), ("Inner = NULL", true),
            ("Inner ISA 'Part'", false),
            ("NOT Inner ISA 'Part'", false), ("Inner.Maker = 'x'", false), ("NOT (Size = 5 AND Level = 1)", false),
            ("NOT (Size = 5 AND Level = 2)", true), ("NOT (Size = 5 OR Level = 2)", false), ("Size = 5 OR Level = 1", true),
            ("NOT (Size = 5 OR Level = 1)", false),
        ])
    func nulls(condition: String, expected: Bool) throws {
        #expect(try Disks.matches(condition, ["Level": 1, "Size": nil]) == expected, "NULL: \(condition)")
        #expect(try Disks.matches(condition, ["Level": 1]) == expected, "absent: \(condition)")
    }

    @Test(
        "W9 I.2: = NULL is IS NULL and <> NULL is IS NOT NULL, on both sides and under NOT, of arrays and objects, too",
        arguments: [
            ("Size = NULL", false), ("Size <> NULL", true), ("Size != NULL", true), ("NOT Size = NULL", true), ("NULL = Size", false),
            ("NULL <> Size", true), ("NOT (Size = NULL OR Level = NULL)", false), ("NOT (Size = NULL AND Level = NULL)", true),
            ("Tags <> NULL", true), ("Tags IS NOT NULL", true), ("NOT Tags IS NULL", true), ("Tags = NULL", false), ("Inner <> NULL", true),
        ])
    func nullConstant(condition: String, expected: Bool) throws {
        let inner = CIMValue.object(CIMInstance(className: "Part"))
        #expect(try Disks.matches(condition, ["Size": 5, "Tags": .strings([]), "Inner": inner]) == expected)
    }

    @Test(
        "W10: A constant of another type that reads as the property's is converted, on both sides",
        arguments: [
            ("IsOn = 'TRUE'", "IsOn", CIMValue.boolean(true), true), ("'True' = IsOn", "IsOn", .boolean(true), true),
            ("IsOn <> 'FALSE'", "IsOn", .boolean(true), true), ("IsOn = '0'", "IsOn", .boolean(false), true),
            ("IsOn = 1", "IsOn", .boolean(true), true), ("IsOn = -1", "IsOn", .boolean(true), true),
            ("IsOn = 'false'", "IsOn", .boolean(true), false), ("Level = '7'", "Level", .sint32(7), true),
            ("Level = '0x1F'", "Level", .sint32(31), true), ("Level < '7.5'", "Level", .sint32(7), true),
            ("Size = '18446744073709551615'", "Size", .uint64(.max), true), ("Level = 7.0", "Level", .sint32(7), true),
            ("Speed = '1.5e3'", "Speed", .real64(1500), true), ("Id = 4", "Id", "4", true), ("4 <> Id", "Id", "5", true),
            ("Id = TRUE", "Id", "true", true), ("Letter = 'x'", "Letter", .char16(120), true),
            ("Letter = 120", "Letter", .char16(120), true),
            (
                "Twin = 'disk=\"a\"'", "Twin",
                .reference(CIMObjectPath(className: "Disk", ["Id": .string("A")])), true
            ),
            ("Inner.Maker = 5", "Inner", .object(CIMInstance(className: "Part", ["Maker": "5"])), true),
        ])
    func conversions(condition: String, name: String, value: CIMValue, expected: Bool) throws {
        let predicate = try Disks.predicate(where: condition)
        #expect(predicate.properties == [name])
        #expect(predicate.matches([value]) == expected, "\(condition) over \(value)")
    }

    @Test(
        "W11: __DERIVATION is asked element by element: = and LIKE hold for one, <> and NOT for none",
        arguments: [
            ("__DERIVATION = 'part'", true), ("__DERIVATION LIKE 'P%'", true), ("NOT __DERIVATION = 'Part'", false),
            ("__DERIVATION <> 'Disk'", false), ("__DERIVATION <> 'Tape'", true), ("NOT __DERIVATION LIKE 'T%'", true),
            ("NOT __DERIVATION <> 'Disk'", true), ("__DERIVATION IS NULL", false),
        ])
    func derivation(condition: String, expected: Bool) throws {
        #expect(try Disks.predicate(where: condition).matches(CIMInstance(className: "FastDisk")) == expected)
    }

    @Test(
        "I.9, H.3: times compare in UTC, intervals by length, wildcards are in no order",
        arguments: [
            ("Since = '20260101120000.000000+060'", "Since", "20260101110000.000000+000", true),
            ("Since < '20260101120000.000000+000'", "Since", "20260101123000.000000+060", true),
            ("Since = '2026-01-01 11:00:00:250'", "Since", "20260101110000.250000+000", true),
            ("Since >= '2026-01-01 11:00:00:250'", "Since", "20260101110000.249999+000", false),
            ("Since = '20260101110000.000000+000'", "Since", "20260101**0000.000000+000", false),
            ("Since <> '20260101110000.000000+000'", "Since", "20260101**0000.000000+000", true),
            ("Since < '20270101110000.000000+000'", "Since", "20260101**0000.000000+000", false),
            ("NOT Since < '20270101110000.000000+000'", "Since", "20260101**0000.000000+000", false),
            ("UpTime > '00000001000000.000000:000'", "UpTime", "00000001000000.000001:000", true),
            ("Since > '00000001000000.000000:000'", "Since", "00000002000000.000001:000", true),
            ("Since <> '00000001000000.000000:000'", "Since", "20260101110000.000000+000", true),
            ("Since > '00000001000000.000000:000'", "Since", "20260101110000.000000+000", false),
        ])
    func times(condition: String, name: String, value: String, expected: Bool) throws {
        #expect(try Disks.predicate(where: condition).matches([Disks.time(value)]) == expected, "\(condition) over \(value)")
    }

    @Test("References compare as paths: case, server, namespace, key order and an omitted key name do not matter")
    func references() throws {
        let predicate = try Disks.predicate(where: #"Twin = "Disk.Id=\"C:\"""#)
        for (text, expected) in [
            (#"Disk.Id="C:""#, true), (#"DISK.ID='c:'"#, true), (#"Disk="C:""#, true), (#"\\.\root\cimv2:Disk.Id="C:""#, true),
            (#"root\CIMV2:Disk.Id="C:""#, true), (#"\\other\root\cimv2:Disk.Id="C:""#, false), (#"root\x:Disk.Id="C:""#, false),
            (#"Disk.Id="D:""#, false), ("Disk", false), (#"Disk.Id="C:",X=1"#, false), (#"Disk.X="C:""#, false),
        ] {
            #expect(predicate.matches([.reference(try CIMObjectPath(parsing: text))]) == expected, "\(text)")
        }
        #expect(
            try Disks.predicate(where: #"Twin <> 'Disk="C:"'"#).matches([.reference(try CIMObjectPath(parsing: #"Disk.Id="C:""#))]) == false
        )
    }

    @Test("I.2: dotted names reach into embedded objects; what is not there does not match; ISA sees ancestors")
    func embedded() throws {
        let inner = CIMInstance(
            className: "FastDisk", ["Id": "x", "Size": .uint64(7), "Inner": .object(CIMInstance(className: "Part", ["Maker": "M"]))])
        let disk: KeyValuePairs<String, CIMValue> = ["Inner": .object(inner), "Anything": .object(inner)]
        for (condition, expected) in [
            ("Inner ISA 'Part'", true), ("Inner ISA 'disk'", true), ("Inner ISA 'FastDisk'", true), ("Inner ISA 'Other'", false),
            ("NOT Inner ISA 'Other'", true), ("Anything.Id = 'X'", true), ("Inner.Size > 6", true), ("Anything.Inner.Maker LIKE 'm'", true),
            ("Inner.__CLASS = 'FastDisk'", true), ("Inner.__SUPERCLASS = 'Disk'", true), ("Inner.Bogus = 1", false),
            ("NOT Inner.Bogus = 1", false),
            ("Inner.Bogus IS NULL", true), ("Anything.Id.x = 1", false), ("Anything.Size = '7'", true), ("Inner.Maker IS NULL", true),
        ] {
            #expect(try Disks.matches(condition, disk) == expected, "\(condition)")
        }
    }

    @Test("H.4: system properties of an instance")
    func systemProperties() throws {
        let instance = CIMInstance(className: "FastDisk", ["Id": "x"], path: try CIMObjectPath(parsing: #"\\.\root\cimv2:FastDisk.Id="x""#))
        for (condition, expected) in [
            ("__CLASS = 'fastdisk'", true), ("__CLASS <> 'Disk'", true), ("__SUPERCLASS = 'Disk'", true), ("__DYNASTY = 'Part'", true),
            ("__GENUS = 2", true), ("__PROPERTY_COUNT = 15", true), (#"__RELPATH = 'FastDisk.Id="x"'"#, true),
            (#"__PATH = '\\\\.\\root\\cimv2:FastDisk.Id="x"'"#, true), (#"__NAMESPACE = 'ROOT\\cimv2'"#, true), ("__SERVER = '.'", true),
            ("__PATH LIKE '%Disk%'", true), ("__PATH IS NULL", false),
        ] {
            #expect(try Disks.predicate(where: condition).matches(instance) == expected, "\(condition)")
        }
    }

    @Test("A predicate touches only what it needs, each property in its place")
    func laziness() throws {
        struct Row: QueryRow {
            let values: [CIMValue?]

            func value(at index: Int) -> CIMValue {
                guard let value = values[index] else {
                    Issue.record("property \(index) was touched")
                    return .null
                }
                return value
            }
        }
        let predicate = try Disks.predicate(where: "level = 1 AND (SIZE = 2 OR Id = 'x') AND Size < 10")
        #expect(predicate.properties == ["Level", "Size", "Id"])
        #expect(!predicate.matches(Row(values: [2, nil, nil])))
        #expect(predicate.matches(Row(values: [1, 2, nil])))
        #expect(!predicate.matches(Row(values: [1, 3, "y"])))
    }
}
