import CIM
import CIMBusWire
import CIMQuery

/// A query that a provider is to answer: its text, and what the text means, so that a provider need not parse it (CFrameworkQuery,
/// Semantics E.3).
///
/// All answers are on the safe side. A property is wanted when the query does not clearly say otherwise, and is unbounded when the query
/// does not clearly bound it. A provider gives enough when it gives the wanted properties of those objects that have one of the named
/// values. The broker filters the rest.
public struct FrameworkQuery: Sendable, CustomStringConvertible {
    /// The query as the broker sent it, in WQL.
    public let text: String
    private let query: ProviderQuery
    /// The class behind FROM; nil when the broker does not give it.
    private let declaration: CIMClass?
    /// The properties that the provider has to give beside the keys: those of the list and of the condition.
    public let requested: MethodContext.RequestedProperties

    init(_ text: String, _ query: ProviderQuery, of declaration: CIMClass?) {
        self.text = text
        self.query = query
        self.declaration = declaration
        if case .named(let names) = query.requested, let declaration {
            let others = names.filter { !(declaration.property(named: $0)?.isKey ?? false) }
            requested = others.isEmpty ? .keys : .named(others)
        } else {
            requested = query.requested
        }
    }

    public var description: String { text }

    /// The class behind FROM.
    public var className: String { query.className.text }

    /// Whether no property may be left out (AllPropertiesAreRequired).
    public var allPropertiesAreRequired: Bool { requested == .all }

    /// Whether the keys are enough (KeysOnly).
    public var keysOnly: Bool { requested == .keys }

    /// The properties that the provider has to give beside the keys, each once (GetRequiredProperties). Empty when all properties are
    /// required (``allPropertiesAreRequired``), and when the keys are enough (``keysOnly``).
    public var requiredProperties: [String] { if case .named(let names) = requested { names } else { [] } }

    /// Whether the provider has to give the property (IsPropertyRequired). It always has to give the keys.
    public func isPropertyRequired(_ name: String) -> Bool {
        requested.contains(name, isKey: declaration?.property(named: name)?.isKey ?? false)
    }

    /// The values to which the query bounds a property (GetValuesForProp), in the type of the property. In every object that satisfies the
    /// query the property has one of them. They are the constants of comparisons by `=` that are joined by OR. A text counts in upper and
    /// in lower case.
    ///
    /// - Returns: nil when every object may satisfy the query: the query does not bound the property in this way, a constant is not of the
    ///   property's type, or the type has several forms of one value (datetime, reference).
    public func valuesForProperty(_ name: String) -> [CIMValue]? {
        guard let literals = query.values(of: name)?.map(\.value) else { return nil }
        guard let declaration else { return Self.distinct(literals) }
        guard let type = declaration.property(named: name)?.type, !type.isArray, type.base != .datetime, type.base != .reference else {
            return nil
        }
        var values: [CIMValue] = []
        for literal in literals {
            guard let value = literal.read(as: type) else { return nil }
            values.append(value)
        }
        return Self.distinct(values)
    }

    private static func distinct(_ values: [CIMValue]) -> [CIMValue] {
        var seen: Set<CIMValue> = []
        return values.filter { seen.insert($0).inserted }
    }
}
