import CIMBusClient
import CIMGeneration

/// One thing that a command shows: an object, or what is like one.
struct Row: Sendable {
    /// In the order in which they are shown.
    var fields: [(name: String, value: CIMValue)]
    /// What stands before them where a program reads: the class and the path of an object.
    var head: [(name: String, value: CIMValue)] = []
    /// Of an object: what says its types and what its values are called.
    var declaration: CIMClass?
    /// What the values of a field are called that no class declares.
    var words: (@Sendable (String) -> ValueNames?)?
    /// Of many hosts, the one that it comes from.
    var host: String?
    /// What `--output mof` writes.
    var origin: CIMObject?

    init(_ fields: [(String, CIMValue)]) { self.fields = fields }

    /// - Parameters:
    ///   - namespace: that of the object.
    ///   - selection: the properties to show, in this order; nil for all.
    init(_ instance: CIMInstance, _ declaration: CIMClass?, in namespace: CIMNamespaceName, only selection: [String]? = nil) {
        var instance = instance
        instance.path = instance.path?.located(in: namespace)
        head = JSONText.head(instance)
        fields =
            selection.map { $0.map { ($0, instance[$0] ?? .null) } } ?? JSONText.fields(instance, declaration)
        self.declaration = declaration
        origin = .instance(instance)
    }

    /// What the column is called in which ``host`` stands.
    static let hostColumn = "Host"

    subscript(name: String) -> CIMValue? {
        if let host, name == Self.hostColumn { return .string(host) }
        return (fields.first { CIMName.equal($0.name, name) } ?? head.first { $0.name == name })?.value
    }
}

/// One column: what it is called, and which way it leans.
struct Column: Sendable {
    var name: String
    var isNumber: Bool
    /// Whether the class has words for its numbers.
    var hasWords = false

    init(_ name: String, isNumber: Bool = false) {
        self.name = name
        self.isNumber = isNumber
    }

    init(_ property: CIMProperty) {
        let type = property.type
        self.init(property.name, isNumber: !type.isArray && (type.base.isInteger || type.base.isReal))
        hasWords = ValueNames(type, property.qualifiers) != nil
    }

    /// Those of a class, keys first; or those chosen.
    static func all(of declaration: CIMClass, only selection: [String]?) -> [Column] {
        if let selection { return selection.map { name in declaration.property(named: name).map { Column($0) } ?? Column(name) } }
        let properties = declaration.properties
        return (properties.filter(\.isKey) + properties.filter { !$0.isKey }).map { Column($0) }
    }
}

/// What the qualifiers of classes call the values of their properties. Each is read once.
struct WordBook {
    private struct Place: Hashable {
        var className: String
        var property: CIMName
    }

    private var known: [Place: ValueNames?] = [:]

    /// The words in place of a number; the value itself where it has none.
    mutating func value(_ value: CIMValue, of name: String, in row: Row) -> CIMValue {
        if value.isNull { return value }
        let place = Place(className: row.declaration?.name ?? "", property: CIMName(name))
        let names: ValueNames?
        if let words = row.words {
            names = words(name)
        } else if let found = known[place] {
            names = found
        } else {
            names = row.declaration?.property(named: name).flatMap { ValueNames($0.type, $0.qualifiers) }
            known[place] = .some(names)
        }
        guard let names else { return value }
        if case .array(_, let elements) = value {
            return .array(of: .string, elements.map { element in .string(names.name(of: element) ?? InstanceTable.cell(element)) })
        }
        return names.name(of: value).map { .string($0) } ?? value
    }
}
