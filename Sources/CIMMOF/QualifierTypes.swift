import CIM

/// The declarations of qualifiers that a compilation knows: those in its text so far, and those outside.
struct QualifierTypes {
    private struct Place: Hashable {
        var namespace: CIMNamespaceName?
        var name: CIMName
    }

    private let outside: MOFContext.QualifierTypes
    /// What was declared or looked up; nil for a name that nobody has declared.
    private var found: [Place: CIMQualifierType?] = [:]

    init(outside: @escaping MOFContext.QualifierTypes) { self.outside = outside }

    mutating func declare(_ type: CIMQualifierType, in namespace: CIMNamespaceName?) {
        found[Place(namespace: namespace, name: CIMName(type.name))] = .some(type)
    }

    /// Asks outside once for each name.
    mutating func type(named name: String, in namespace: CIMNamespaceName?) -> CIMQualifierType? {
        let place = Place(namespace: namespace, name: CIMName(name))
        if let known = found[place] { return known }
        let type = outside(name, namespace)
        found[place] = .some(type)
        return type
    }
}
