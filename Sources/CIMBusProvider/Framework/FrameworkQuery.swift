import CIM
import CIMBusWire
import CIMQuery

/// A query that a provider is to answer: its text, and what follows from it, so that a provider need not read it (CFrameworkQuery,
/// Semantics E.3).
///
/// Everything here is on the safe side: what a query does not say clearly is wanted, and is bounded by nothing. A provider that gives the
/// properties it is asked for, of the objects that have the values named, gives enough; the broker looks at each.
public struct FrameworkQuery: Sendable, CustomStringConvertible {
    /// The query as the broker sent it, in WQL.
    public let text: String
    private let query: ProviderQuery
    /// The class behind FROM; nil when the broker does not tell it.
    private let declaration: CIMClass?
    /// The properties to be given, the keys apart: those of the list and of the condition.
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

    /// The properties to be given beside the keys, each once (GetRequiredProperties). Empty when all are, and when the keys are enough: see
    /// ``allPropertiesAreRequired`` and ``keysOnly``.
    public var requiredProperties: [String] { if case .named(let names) = requested { names } else { [] } }

    /// Whether the property must be given (IsPropertyRequired). The keys always are.
    public func isPropertyRequired(_ name: String) -> Bool {
        requested.contains(name, isKey: declaration?.property(named: name)?.isKey ?? false)
    }

    /// The values of which the property has one in every object that satisfies the query, in the property's type (GetValuesForProp): those
    /// of its comparisons by `=` that are joined by OR. Of a text every form counts, upper and lower case.
    ///
    /// - Returns: nil when the query does not bound the property so, when a value is not of its type, and for what has several forms of the
    ///   same value (datetime, reference): then every object may satisfy it.
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
