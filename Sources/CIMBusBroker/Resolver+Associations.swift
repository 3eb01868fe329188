import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import CIMRepository

/// A namespace as an association query sees it: the associations that may lead to one class, and who has them.
private struct AssociationSurroundings: AssociationSchema {
    let classes: ClassLookup
    let associationClasses: [CIMClass]
    let associationSources: [QuerySource]

    func resolvedClass(named name: String) -> CIMClass? { classes(name) }
}

/// ASSOCIATORS OF and REFERENCES OF (Semantics I.4).
extension Resolver {
    func associationQuery(_ query: AssociationQuery, _ arguments: ServicesCall) -> Resolution {
        let namespace = arguments.namespace
        let (location, classes) = snapshot.surroundings(of: namespace)
        let associations = visible(
            schema.associations(to: query.source.className, in: namespace).compactMap { classes($0) }, in: namespace)
        let sources = associationSources(associations, query, namespace)
        let surroundings = AssociationSurroundings(
            classes: classes, associationClasses: associations, associationSources: sources.map(\.1))
        let plan: AssociationPlan
        do throws(QueryError) {
            plan = try AssociationPlan(query, schema: surroundings, location: location)
        } catch {
            return .answered(.stated(error.status, error.description), Question())
        }
        if arguments.explains { return explanation(plan.lines, namespace) }
        if arguments.flags.contains(.prototype) { return .answered(Outcome(.noError), Question()) }
        if query.form == .schemaOnly {
            let found = visible(plan.classes.compactMap { classes($0) }, in: namespace)
            return .conducted(.pages(.classes(found[...])), Question())
        }
        // Who names one association class that nobody serves is told so; of several, those that are served answer.
        if sources.isEmpty, let named = query.associationConstraint.flatMap({ classes($0.text) }), named.isUnserved {
            return .answered(.hasNoProvider(named), Question())
        }
        let kept = query.form == .keysOnly ? .keys : arguments.partialRead ?? .all
        let shares = plan.legs.compactMap { leg in
            sources.first { $0.1 == leg.source }.map { AssociationSearch.Share(leg: leg, source: $0.0) }
        }
        return .conducted(
            .associations(AssociationSearch(plan: plan, shares: shares)),
            Question(filter: RowFilter(keeping: kept, arguments, classes: classes)))
    }

    /// Who has instances of the associations that the query asks for. The provider of a class answers for the classes below it that it
    /// serves, too.
    private func associationSources(
        _ associations: [CIMClass], _ query: AssociationQuery, _ namespace: CIMNamespaceName
    ) -> [(InstanceSource, QuerySource)] {
        let wanted = associations.filter { declaration in
            query.associationConstraint.map { declaration.isSameOrDerived(from: $0.text) } ?? true
                && query.associationQualifierConstraint.map { declaration.qualifier(named: $0.text) != nil } ?? true
        }
        let providers = Dictionary(
            wanted.compactMap { declaration in
                declaration.isServed ? declaration.providerName.map { (CIMName(declaration.name), $0) } : nil
            },
            uniquingKeysWith: { first, _ in first })
        return wanted.compactMap { declaration in
            let source: InstanceSource
            if let provider = providers[CIMName(declaration.name)] {
                if let above = declaration.superclass.flatMap({ providers[CIMName($0)] }), CIMName.equal(above, provider) { return nil }
                guard let layout = snapshot.layout(declaration.name, in: namespace) else { return nil }
                source = InstanceSource(self.provider(named: provider, of: declaration, in: namespace, for: .execQuery), layout)
            } else if declaration.isAbstract || declaration.isUnserved {
                return nil
            } else {
                source = .stored(classes: [declaration.name])
            }
            return (source, querySource(source, declaration, namespace))
        }
    }
}
