import CIM

/// Which properties the results of a query keep (Semantics I.2): the listed ones, and always the system properties. An embedded object is
/// kept whole, also when the query lists only a property of it (I.5).
public struct Projection: Hashable, Sendable {
    /// The names of the kept properties, without system properties, in the order of the class; nil for all.
    public let kept: [String]?

    /// The system properties that the query lists, in WMI's spelling. A client gets these even when it wants no other system properties.
    public let listedSystemProperties: [String]
    private let names: Set<CIMName>

    /// - Throws: InvalidQuery and PropertyNotAnObject, as for properties in WHERE.
    init(_ list: SelectQuery.List, checkedBy checker: ConditionChecker) throws(QueryError) {
        guard case .properties(let properties) = list else {
            self.init(kept: nil, listedSystemProperties: [])
            return
        }
        var names: Set<CIMName> = []
        for property in properties { names.insert(CIMName(try checker.type(of: property).name)) }
        self.init(
            kept: checker.indexed.properties(among: names),
            listedSystemProperties: SystemProperty.allCases.map(\.rawValue).filter { names.contains(CIMName($0)) })
    }

    init(kept: [String]?, listedSystemProperties: [String]) {
        self.kept = kept
        self.listedSystemProperties = listedSystemProperties
        names = Set((kept ?? []).map { CIMName($0) })
    }

    /// The instance with only what is kept: the class, the path, the listed properties and the system properties.
    public func applied(to instance: CIMInstance) -> CIMInstance {
        guard kept != nil else { return instance }
        var result = instance
        result.properties.removeAll { !CIMName.isSystemName($0.name) && !names.contains(CIMName($0.name)) }
        return result
    }
}
