import CIM

/// Which properties of an association class can refer to the source of a query, and which to its results, judged by the schema alone.
struct AssociationEnds {
    private let query: AssociationQuery
    private let sourceClass: CIMClass
    private let schema: any AssociationSchema

    init(_ query: AssociationQuery, sourceClass: CIMClass, schema: any AssociationSchema) {
        self.query = query
        self.sourceClass = sourceClass
        self.schema = schema
    }

    /// Nil when the query does not ask for this class.
    func roles(in association: CIMClass) -> (roles: [String], resultRoles: [String])? {
        if let name = query.associationConstraint, !association.isSameOrDerived(from: name.text) { return nil }
        if let name = query.associationQualifierConstraint, association.qualifier(named: name.text) == nil { return nil }
        let references = association.properties.filter { $0.type.base == .reference && !$0.type.isArray }
        let roles = references.filter { property in
            query.role.map { $0 == CIMName(property.name) } ?? true
                && property.type.className.map { sourceClass.isSameOrDerived(from: $0) } ?? true
        }.map(\.name)
        guard !roles.isEmpty else { return nil }
        guard query.kind == .associators else { return (roles, []) }
        let resultRoles = references.filter { property in
            query.resultRole.map { $0 == CIMName(property.name) } ?? true && canBeResult(property.type.className)
                && roles.contains { !CIMName.equal($0, property.name) }
        }.map(\.name)
        return resultRoles.isEmpty ? nil : (roles, resultRoles)
    }

    /// Whether a property that refers to that class can refer to an object of ResultClass.
    private func canBeResult(_ className: String?) -> Bool {
        guard let wanted = query.resultClass, let className else { return true }
        return CIMName.equal(className, wanted.text)
            || schema.resolvedClass(named: className)?.isDerived(from: wanted.text) ?? false
            || schema.resolvedClass(named: wanted.text)?.isDerived(from: className) ?? false
    }

    /// The results of SchemaOnly: the association classes, or the classes at their other ends.
    var resultClasses: [String] {
        var names: [String] = []
        var seen: Set<CIMName> = []
        for association in schema.associationClasses {
            guard let (_, resultRoles) = roles(in: association) else { continue }
            guard query.kind == .associators else {
                if seen.insert(CIMName(association.name)).inserted { names.append(association.name) }
                continue
            }
            for role in resultRoles {
                guard let name = association.property(named: role)?.type.className, let end = schema.resolvedClass(named: name),
                    query.resultClass.map({ end.isSameOrDerived(from: $0.text) }) ?? true,
                    query.requiredQualifier.map({ end.qualifier(named: $0.text) != nil }) ?? true,
                    seen.insert(CIMName(end.name)).inserted
                else { continue }
                names.append(end.name)
            }
        }
        return names
    }
}
