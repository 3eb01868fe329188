import CIM

/// A property of a query, found in its class.
struct TypedProperty: Hashable, Sendable {
    /// The name at the top, spelled as declared.
    var name: String

    /// The way into embedded objects.
    var steps: [CheckedCondition.Step] = []

    /// Nil when only the value will tell: inside an object whose class is not known, or does not declare the property.
    var type: CIMTypeReference?

    /// Whether a datetime is declared an interval; nil when that is not known.
    var isInterval = false

    /// Whether it is `__CLASS` or `__this`, which stand for the class of the row.
    var isClass = false

    /// Whether it is `__DERIVATION`.
    var isDerivation = false

    /// An element, where it is an array.
    var element: TypedProperty {
        var element = self
        element.type?.isArray = false
        return element
    }
}

extension ConditionChecker {
    /// Finds a property.
    ///
    /// - Throws: InvalidQuery for a property the class does not have; PropertyNotAnObject for a dot behind something else than an object.
    func type(of property: PropertyPath) throws(QueryError) -> TypedProperty {
        let first = property.first
        var typed: TypedProperty
        if allowsClassISA, first == "__this" {
            typed = TypedProperty(name: SystemProperty.className.rawValue, type: CIMTypeReference(.string), isClass: true)
        } else if let system = SystemProperty(first) {
            typed = TypedProperty(
                name: system.rawValue, type: system.type, isClass: system == .className, isDerivation: system == .derivation)
        } else if let declared = indexed.property(named: first) {
            typed = TypedProperty(name: declared.name)
            typed.take(declared)
        } else {
            throw QueryError(.invalidQuery, "class \(declaration.name) has no property \(first)", at: property.place)
        }
        for name in property.names.dropFirst() {
            if let type = typed.type, type.base != .object || type.isArray {
                throw QueryError(.propertyNotAnObject, "expected an embedded object before '.\(name)', found \(type)", at: property.place)
            }
            let inner = typed.type?.className.flatMap { classes($0) }
            typed.isInterval = false
            typed.isClass = false
            typed.isDerivation = false
            if let system = SystemProperty(name) {
                typed.steps.append(.system(system))
                typed.type = system.type
                typed.isDerivation = system == .derivation
            } else {
                typed.steps.append(.property(name.text))
                typed.type = nil
                if let declared = inner?.property(named: name.text) { typed.take(declared) }
            }
        }
        return typed
    }
}

extension TypedProperty {
    /// Takes the type of a declaration. A string with EmbeddedInstance or EmbeddedObject holds an object.
    fileprivate mutating func take(_ declared: CIMProperty) {
        type = declared.type
        isInterval = declared.qualifier(named: "SubType")?.value.stringValue.map { CIMName.equal($0, "interval") } ?? false
        guard declared.type.base == .string else { return }
        if let className = declared.qualifier(named: "EmbeddedInstance")?.value.stringValue {
            type = CIMTypeReference(.object, isArray: declared.type.isArray, className: className)
        } else if declared.qualifiers.isTrue("EmbeddedObject") {
            type = CIMTypeReference(.object, isArray: declared.type.isArray)
        }
    }
}
