import CIM
import CIMBusWire
import Testing

@testable import cimctl

/// Gauges: their files, and what instances become.
@Suite struct GaugeTests {
    static let tank = CIMClass(
        name: "Site_Tank",
        properties: [
            CIMProperty(name: "Name", type: CIMTypeReference(.string), qualifiers: [CIMQualifier(name: "key")]),
            CIMProperty(name: "Level", type: CIMTypeReference(.uint64)), CIMProperty(name: "Share", type: CIMTypeReference(.real64)),
            CIMProperty(name: "Note", type: CIMTypeReference(.string)),
            CIMProperty(name: "Parts", type: CIMTypeReference(.uint32, isArray: true)),
        ])

    private static func gauges(_ text: String) -> Gauges {
        var gauges = Gauges()
        gauges.read(text, "a.conf")
        gauges.checkTogether()
        return gauges
    }

    private static func plan(_ words: String) throws -> GaugePlan {
        try GaugePlan(try #require(gauges("[tank]\nClass=Site_Tank\n" + words).all.first), tank)
    }

    @Test(
        "A file of gauges: names of metrics and labels follow from the properties, or are given by 'as'; a later section replaces an earlier one"
    )
    func files() throws {
        var gauges = Self.gauges(
            """
            # comment
            [Disk_use]
            Class = Linux_MountedFileSystem
            Values = Size as size_bytes, AvailableSpace,MainPID
            Labels = Name, FileSystemType as type
            Where = Size > 0
            Help = Of "file systems".
            Rows = 7
            Namespace = root/cimv2
            """)
        let gauge = try #require(gauges.all.first)
        #expect(gauges.faults.isEmpty && !gauge.isBroken, "\(gauges.faults)")
        #expect(gauge.values.map(gauge.metric) == ["cim_disk_use_size_bytes", "cim_disk_use_available_space", "cim_disk_use_main_pid"])
        #expect(gauge.labels?.map(\.name) == ["name", "type"] && gauge.condition == "Size > 0" && gauge.rows == 7)
        #expect(gauge.help == "Of 'file systems'.")
        gauges.read("[disk_use]\nClass=Site_Disk\nValues=Size\n", "b.conf")
        #expect(gauges.all.map(\.className) == ["Site_Disk"] && gauges.all.first?.labels == nil && gauges.all.first?.rows == 1_000)
    }

    @Test("What is wrong with a file of gauges is said with its line, and the gauge is broken; the others hold")
    func faults() {
        let gauges = Self.gauges(
            """
            [good]
            Class=T
            Values=A
            [a-b]
            Class=T
            [one]
            Class=T
            Valus=A
            [two]
            Values=A as Big, B
            Class=T
            [three]
            Class=T
            Values=A, a
            [four]
            Class=T
            Values=A
            Rows=20000
            Namespace=/
            [five]
            Values=A as __a
            """)
        #expect(gauges.faults.map(\.line) == [4, 8, 10, 14, 18, 19, 21], "\(gauges.faults)")
        #expect(gauges.faults.contains { $0.text == "a.conf:8: nothing is called 'Valus'; did you mean Values?" }, "\(gauges.faults)")
        #expect(gauges.all.filter { !$0.isBroken }.map(\.name) == ["good"])
        let empty = Self.gauges("[x]\nClass=T\n[y]\nValues=A\n")
        #expect(
            empty.faults.map(\.text) == [
                "a.conf:1: [x]: it has no Values=, the properties whose numbers are meant", "a.conf:3: [y]: it has no Class=",
            ])
    }

    @Test("Two gauges that would make one metric, and more gauges than may be, are faults")
    func together() {
        let twice = Self.gauges("[disk]\nClass=T\nValues=UseSize\n[disk_use]\nClass=T\nValues=Size\n")
        #expect(
            twice.faults.map(\.text) == ["a.conf:6: [disk_use]: [disk] has the metric cim_disk_use_size, too: rename one"],
            "\(twice.faults)")
        #expect(twice.all.map(\.isBroken) == [false, true])
        let many = Self.gauges((0..<Gauges.most + 2).map { "[g\($0)]\nClass=T\nValues=A\n" }.joined())
        #expect(many.faults.count == 2 && many.all.count { !$0.isBroken } == Gauges.most, "\(many.faults)")
    }

    @Test("A gauge beside its class: misspelt properties, texts and arrays for numbers, arrays for labels are faults with file and line")
    func plans() throws {
        let plan = try Self.plan("Values=level, Share\nWhere=Level > 1\n")
        #expect(plan.query == "SELECT Level, Share, Name FROM Site_Tank WHERE Level > 1")
        #expect(plan.labels == [Gauge.Column(property: "Name", name: "name")])
        for (words, reason) in [
            ("Values=Levl\n", "a.conf:3: [tank]: class Site_Tank has no Levl; did you mean Level?"),
            ("Values=Level, Note\n", "a.conf:3: [tank]: Note is string, and no number; a text may be among Labels="),
            ("Values=Parts\n", "a.conf:3: [tank]: Parts is uint32[], and no number; a text may be among Labels="),
            ("Values=Level\nLabels=Name,Parts\n", "a.conf:4: [tank]: Parts is uint32[], which is no label: it has to be one value"),
            ("Values=Level\nLabels=Nam\n", "a.conf:4: [tank]: class Site_Tank has no Nam; did you mean Name?"),
        ] {
            do {
                _ = try Self.plan(words)
                Issue.record("\(words) is no fault")
            } catch let error as GaugeFault {
                #expect(error.fault.text == reason)
            }
        }
    }

    private static func tank(_ name: String, _ level: CIMValue) -> CIMInstance {
        CIMInstance(className: "Site_Tank", ["Name": .string(name), "Level": level])
    }

    @Test("Rows of a gauge: NULL is no sample, the same labels count once, more instances than may be are left out; a long label is cut")
    func rows() throws {
        var rows = GaugeRows(try Self.plan("Values=Level\nRows=2\n"))
        var goesOn = rows.add(Self.tank("a", .uint64(.max)))
        #expect(goesOn && rows.fault == nil)
        goesOn = rows.add(Self.tank("a", .uint64(2)))
        #expect(goesOn && rows.fault?.text.contains("several instances have the labels name=a") == true)
        goesOn = rows.add(Self.tank(String(repeating: "ä", count: 300), .null))
        #expect(goesOn)
        goesOn = rows.add(Self.tank("c", .uint64(3)))
        #expect(!goesOn && rows.fault?.text.hasPrefix("a.conf:4: [tank]: there are more than 2 instances") == true)
        #expect(rows.rows.map(\.values) == [["18446744073709551615"], [nil]])
        #expect(rows.rows.last?.labels == [String(repeating: "ä", count: 256)])
    }

    @Test("Numbers as Prometheus reads them")
    func numbers() {
        let written: [(CIMValue, String?)] = [
            (.boolean(true), "1"), (.sint64(.min), "-9223372036854775808"), (.real64(.infinity), "+Inf"), (.real32(-.infinity), "-Inf"),
            (.real64(.nan), "NaN"), (.real64(0.25), "0.25"), (.null, nil), (.string("7"), nil),
        ]
        for (value, text) in written { #expect(GaugeRows.number(value) == text) }
    }
}
