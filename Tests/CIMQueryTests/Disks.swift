import CIM
import CIMQuery

/// The classes the tests ask about, and short ways to ask.
enum Disks {
    static let part = resolve(
        CIMClass(
            name: "Part", qualifiers: [CIMQualifier(name: "abstract")], properties: [CIMProperty(name: "Maker", type: .init(.string))]), nil
    )
    static let disk = resolve(
        CIMClass(
            name: "Disk", superclass: "Part",
            properties: [
                property("Id", .string, key: true), property("Size", .uint64), property("Level", .sint32), property("Speed", .real64),
                property("Heat", .real32), property("IsOn", .boolean), property("Since", .datetime),
                CIMProperty(
                    name: "UpTime", type: .init(.datetime), qualifiers: [CIMQualifier(name: "SubType", value: "interval")]),
                property("Letter", .char16), CIMProperty(name: "Tags", type: .array(of: .string)),
                CIMProperty(name: "Twin", type: CIMTypeReference(.reference, className: "Disk")),
                CIMProperty(name: "Inner", type: CIMTypeReference(.object, className: "Part")), property("Anything", .object),
            ]), part)
    static let fast = resolve(CIMClass(name: "FastDisk", superclass: "Disk", properties: [property("Lanes", .uint8)]), disk)

    static let all: [CIMName: CIMClass] = [CIMName("Part"): part, CIMName("Disk"): disk, CIMName("FastDisk"): fast]

    static let lookup: ClassLookup = { all[CIMName($0)] }

    static func property(_ name: String, _ type: CIMType, key: Bool = false) -> CIMProperty {
        CIMProperty(name: name, type: CIMTypeReference(type), qualifiers: key ? [CIMQualifier(name: "key")] : [])
    }

    static func resolve(_ declaration: CIMClass, _ superclass: CIMClass?) -> CIMClass {
        do throws(CIMError) { return try declaration.resolved(with: superclass) } catch {
            preconditionFailure("\(error)")
        }
    }

    static func query(_ text: String, against declaration: CIMClass = disk) throws(QueryError) -> DataQuery {
        guard case .select(let query) = try WQLQuery(parsing: text) else { throw QueryError(.failed, "not a data query", at: .none) }
        return try DataQuery(query, checkedAgainst: declaration, classes: lookup)
    }

    static func predicate(where text: String) throws(QueryError) -> Predicate {
        try query("SELECT * FROM Disk WHERE \(text)").predicate(classes: lookup)
    }

    static func matches(_ text: String, _ properties: KeyValuePairs<String, CIMValue>) throws(QueryError) -> Bool {
        try predicate(where: text).matches(CIMInstance(className: "Disk", properties))
    }

    static func time(_ text: String) -> CIMValue { CIMDateTime(text).map { .datetime($0) } ?? .null }
}
