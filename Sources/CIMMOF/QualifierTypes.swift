import CIM

/// The declarations of qualifiers that a compilation knows: those in its text so far, and those outside.
struct QualifierTypes {
    private struct Place: Hashable {
        var namespace: CIMNamespaceName?
        var name: CIMName
    }

    private enum Answer {
        case known(CIMQualifierType)
        case unknown
    }

    private let outside: MOFContext.QualifierTypes
    private var answers: [Place: Answer] = [:]

    init(outside: @escaping MOFContext.QualifierTypes) { self.outside = outside }

    mutating func declare(_ type: CIMQualifierType, in namespace: CIMNamespaceName?) {
        answers[Place(namespace: namespace, name: CIMName(type.name))] = .known(type)
    }

    /// Asks outside once for each name.
    mutating func type(named name: String, in namespace: CIMNamespaceName?) -> CIMQualifierType? {
        let place = Place(namespace: namespace, name: CIMName(name))
        switch answers[place] {
        case .known(let type)?: return type
        case .unknown?: return nil
        case nil:
            let type = outside(name, namespace)
            answers[place] = type.map { .known($0) } ?? .unknown
            return type
        }
    }
}
