import CIM
import CIMQuery
import Testing

@Suite("Plans of association queries (Semantics I.4, I.7)")
struct AssociationPlanTests {
    private struct Schema: AssociationSchema {
        static func association(_ name: String, _ ends: [(String, String)], superclass: CIMClass? = nil, marked: Bool = false) -> CIMClass {
            let marks = marked ? [CIMQualifier(name: "Marked")] : []
            return Disks.resolve(
                CIMClass(
                    name: name, superclass: superclass?.name, qualifiers: [CIMQualifier(name: "Association")] + marks,
                    properties: ends.map {
                        CIMProperty(
                            name: $0.0, type: CIMTypeReference(.reference, className: $0.1), qualifiers: [CIMQualifier(name: "key")])
                    }), superclass)
        }

        static let host = CIMClass(
            name: "Host", qualifiers: [CIMQualifier(name: "Big")], properties: [Disks.property("Name", .string, key: true)])
        static let uses = association("Uses", [("User", "Host"), ("Used", "Part")])
        static let mirrors = association("Mirrors", [("Left", "Disk"), ("Right", "Disk")], marked: true)
        static let usesFast = association("UsesFast", [], superclass: uses)

        var sources = [
            QuerySource(uses, provider: "U", supportsUnarySelect: true), QuerySource(mirrors), QuerySource(usesFast, provider: "F"),
        ]

        func resolvedClass(named name: String) -> CIMClass? {
            Disks.lookup(name) ?? (associationClasses + [Self.host]).first { CIMName.equal($0.name, name) }
        }

        var associationClasses: [CIMClass] { [Self.uses, Self.mirrors, Self.usesFast] }
        var associationSources: [QuerySource] { sources }
    }

    private func plan(_ text: String) throws(QueryError) -> AssociationPlan {
        guard case .association(let query) = try WQLQuery(parsing: text) else {
            throw QueryError(.failed, "no association query", at: .none)
        }
        return try AssociationPlan(query, schema: Schema())
    }

    @Test("I.7: each association class that can refer to the source is asked, by a query where its provider takes one")
    func legs() throws {
        #expect(
            try plan(#"ASSOCIATORS OF {\\.\root\cimv2:disk="c"}"#).lines == [
                #"send to provider U: SELECT * FROM Uses WHERE Used = "Disk.Id=\"c\"""#,
                "  if it is not capable: enumerate Uses, filter here",
                "  results: what User refers to",
                #"enumerate Mirrors from the repository, filter here: Left or Right refers to Disk.Id="c""#,
                "  results: what Left or Right refers to",
                #"enumerate UsesFast from provider F, filter here: Used refers to Disk.Id="c""#, "  results: what User refers to",
                "count each association once, by its path", "get each result",
            ])
    }

    @Test(
        "I.4: every clause narrows",
        arguments: [
            ("ASSOCIATORS OF {Disk='c'} WHERE AssocClass = Uses", ["Uses", "UsesFast"]),
            ("ASSOCIATORS OF {Disk='c'} WHERE AssocClass = usesfast", ["UsesFast"]),
            ("ASSOCIATORS OF {Disk='c'} WHERE ResultClass = Part", ["Mirrors"]),
            ("ASSOCIATORS OF {Disk='c'} WHERE ResultClass = FastDisk", ["Mirrors"]),
            ("ASSOCIATORS OF {Disk='c'} WHERE ResultClass = Host", ["Uses", "UsesFast"]),
            ("ASSOCIATORS OF {Disk='c'} WHERE Role = left", ["Mirrors"]),
            ("ASSOCIATORS OF {Disk='c'} WHERE ResultRole = User", ["Uses", "UsesFast"]),
            ("ASSOCIATORS OF {Disk='c'} WHERE RequiredAssocQualifier = marked", ["Mirrors"]),
            ("ASSOCIATORS OF {Host='h'}", ["Uses", "UsesFast"]),
            ("REFERENCES OF {Disk='c'}", ["Uses", "Mirrors", "UsesFast"]),
            ("REFERENCES OF {Disk='c'} WHERE ResultClass = Uses", ["Uses", "UsesFast"]),
            ("REFERENCES OF {Disk='c'} WHERE RequiredQualifier = Marked", ["Mirrors"]), ("REFERENCES OF {Disk='c'} WHERE Role = User", []),
        ])
    func clauses(text: String, expected: [String]) throws {
        #expect(try plan(text).legs.map(\.source.declaration.name) == expected)
    }

    @Test("I.4: endpoints, once for each association, by role")
    func endpoints() throws {
        let whole = try plan("ASSOCIATORS OF {Disk='c'}")
        let mirror = try #require(whole.legs.first { $0.source.declaration.name == "Mirrors" })
        func path(_ id: String) throws -> CIMValue { .reference(try CIMObjectPath(parsing: "Disk.Id='\(id)'")) }
        func mirrored(_ left: String, _ right: String) throws -> CIMInstance {
            CIMInstance(className: "Mirrors", ["Left": try path(left), "Right": try path(right)])
        }
        #expect(try whole.endpoints(of: mirrored("c", "d"), in: mirror).map(\.relativePath) == [#"Disk.Id="d""#])
        #expect(try whole.endpoints(of: mirrored("d", "C"), in: mirror).map(\.relativePath) == [#"Disk.Id="d""#])
        #expect(try whole.endpoints(of: mirrored("c", "c"), in: mirror).count == 1)
        #expect(try whole.endpoints(of: mirrored("d", "e"), in: mirror).isEmpty)
        #expect(try whole.includes(mirrored("d", "c"), of: mirror) && !whole.includes(mirrored("d", "e"), of: mirror))
        let right = try plan("ASSOCIATORS OF {Disk='c'} WHERE ResultRole = Right")
        #expect(try right.endpoints(of: mirrored("d", "c"), in: right.legs[0]).isEmpty)
        #expect(try right.endpoints(of: mirrored("c", "d"), in: right.legs[0]).count == 1)
    }

    @Test("I.4: an endpoint's class has to be ResultClass or below, and to have RequiredQualifier")
    func endpointClasses() throws {
        let disks = try plan("ASSOCIATORS OF {Disk='c'} WHERE ResultClass = Disk")
        #expect(disks.accepts(endpointClass: Disks.fast) && !disks.accepts(endpointClass: Disks.part))
        let big = try plan("ASSOCIATORS OF {Disk='c'} WHERE RequiredQualifier = big")
        #expect(big.accepts(endpointClass: Schema.host) && !big.accepts(endpointClass: Disks.disk))
    }

    @Test("I.4: SchemaOnly answers from the schema")
    func schemaOnly() throws {
        #expect(try plan("REFERENCES OF {FastDisk} WHERE SchemaOnly").classes == ["Uses", "Mirrors", "UsesFast"])
        #expect(try plan("ASSOCIATORS OF {FastDisk} WHERE SchemaOnly").classes == ["Host", "Disk"])
        #expect(try plan("ASSOCIATORS OF {FastDisk} WHERE RequiredQualifier = Big SchemaOnly").lines == ["class Host from the schema"])
    }

    @Test(
        "Unknown classes, misfit paths and other namespaces are refused",
        arguments: [
            ("ASSOCIATORS OF {Bogus='c'}", WBEMStatus.invalidClass), ("ASSOCIATORS OF {Disk='c'} WHERE AssocClass = Bogus", .invalidClass),
            ("ASSOCIATORS OF {Disk='c'} WHERE ResultClass = Bogus", .invalidClass), ("ASSOCIATORS OF {Disk.Size=1}", .invalidObjectPath),
            ("ASSOCIATORS OF {root/other:Disk='c'}", .invalidObjectPath),
            (#"ASSOCIATORS OF {\\far\root\cimv2:Disk='c'}"#, .invalidObjectPath),
        ])
    func refused(text: String, status: WBEMStatus) {
        let error = #expect(throws: QueryError.self) { try plan(text) }
        #expect(error?.status == status)
    }
}
