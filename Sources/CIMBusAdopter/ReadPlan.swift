import CIM
import CIMAdoption
import DBus
import Synchronization

/// What has to be read of each object so that the wanted properties have their values, and nothing else.
final class ReadPlan: Sendable {
    /// One question about an object.
    enum Fetch: Hashable, Sendable {
        case property(PropertyPlace)
        case all(InterfaceName)
        case call(CallTemplate)
    }

    /// A wanted property, with the way to its value. Shared by all objects that are made, and copied for none.
    final class Property: Sendable {
        let declaration: CIMProperty
        /// Nil: the property is always NULL.
        let way: PropertyContext.Way?
        let isKey: Bool
        /// Whether the value is text, or an array of texts, as the service says it.
        let isPlainText: Bool
        /// Whether the value is known before an object is asked.
        let isEarly: Bool

        init(_ declaration: CIMProperty, _ way: PropertyContext.Way?) {
            self.declaration = declaration
            self.way = way
            isKey = declaration.isKey
            isPlainText = declaration.type.base == .string && way.map { $0.steps.isEmpty && $0.conversions.isEmpty } ?? false
            isEarly =
                switch way?.origin {
                case .column, .path, .pathElement, .constant: true
                case .property, .call, .element, .member, nil: false
                }
        }
    }

    let adopted: AdoptedClass
    /// The wanted properties.
    let properties: [Property]
    /// What is asked of each object.
    let fetches: [Fetch]
    /// Of each interface the properties that are wanted.
    let wanted: [InterfaceName: Set<String>]
    private let wantedNames: [InterfaceName: WantedNames]
    /// Those whose value is known before an object is asked.
    let early: Set<CIMName>
    /// Whether an object is there whatever it answers.
    let isExistenceKnown: Bool

    /// - Parameters:
    ///   - names: the properties that are wanted beside the keys; nil: all.
    ///   - hasColumns: whether the objects come as rows of the listing method.
    ///   - convertsAtOnce: whether of a property that is read nothing is wanted but its CIM value: that is made where the property lies in the
    ///     service's message.
    /// Nil where a property that is wanted stands in a column alone, and there are none.
    init?(_ adopted: AdoptedClass, names: [String]?, hasColumns: Bool, isExistenceKnown: Bool, convertsAtOnce: Bool = false) {
        self.adopted = adopted
        // What the clause `where` is about is read, too.
        let wantedProperties = names.map { Set(($0 + adopted.context.conditions.map(\.property)).map { CIMName($0) }) }
        var properties: [Property] = []
        var places: Set<PropertyPlace> = Set(adopted.context.each.map(\.property))
        var calls: [CallTemplate] = []
        /// The only property that each place is read for.
        var readers: [PropertyPlace: Int?] = Dictionary(uniqueKeysWithValues: places.map { ($0, nil) })
        for property in adopted.declaration.properties {
            guard property.isKey || wantedProperties?.contains(CIMName(property.name)) ?? true else { continue }
            let ways = adopted.way(property.name)
            guard let way = ways.first(where: { way in if case .column = way.origin { hasColumns } else { true } }) else {
                if !ways.isEmpty { return nil }
                properties.append(Property(property, nil))
                continue
            }
            switch way.origin {
            case .property(let place):
                readers[place] = places.insert(place).inserted ? properties.count : .some(nil)
            case .call(let call): if !calls.contains(call) { calls.append(call) }
            case .element, .member, .column, .path, .pathElement, .constant: break
            }
            properties.append(Property(property, way))
        }
        if !isExistenceKnown, let absence = adopted.context.absence {
            places.insert(absence.property)
            readers[absence.property] = .some(nil)
        }
        // What is kept, and what calls have for arguments, is the service's own value.
        if !convertsAtOnce || adopted.context.caching != nil || !calls.isEmpty { readers = [:] }
        var wanted: [InterfaceName: Set<String>] = [:]
        for place in places { wanted[place.interface, default: []].insert(place.name) }
        if !isExistenceKnown {
            // An object is one of the class when it answers for its interfaces.
            for interface in adopted.context.required + [adopted.context.interface].compactMap({ $0 }) where wanted[interface] == nil {
                if adopted.context.required.contains(interface) || (wanted.isEmpty && calls.isEmpty) { wanted[interface] = [] }
            }
        }
        self.properties = properties
        self.wanted = wanted
        wantedNames = Dictionary(
            uniqueKeysWithValues: wanted.map { interface, names in
                (interface, WantedNames(names.map { name in (name, readers[PropertyPlace(interface, name)] ?? nil) }))
            })
        early = Set(properties.filter(\.isEarly).map { CIMName($0.declaration.name) })
        self.isExistenceKnown = isExistenceKnown
        fetches =
            wanted.sorted { $0.key < $1.key }.map { interface, names in
                if names.count == 1, let name = names.first { .property(PropertyPlace(interface, name)) } else { .all(interface) }
            } + calls.map { .call($0) }
    }
}

extension ReadPlan {
    /// The properties of an interface that are wanted, by their names as they stand in a message.
    func names(of interface: InterfaceName) -> WantedNames { wantedNames[interface] ?? .none }
}

/// The plans that were made: a class may have hundreds of properties, and the same ones are wanted again and again.
final class ReadPlans: Sendable {
    struct Key: Hashable {
        var className: CIMName
        var names: [CIMName]?
        var hasColumns: Bool
        var isExistenceKnown: Bool
        /// Whether the class is read from the other side of the clause `each`.
        var isTurned = false
        var convertsAtOnce = true
    }

    /// So many are kept; what clients ask for is theirs to choose.
    private static let most = 256

    private let plans = Mutex<[Key: ReadPlan?]>([:])

    /// The plan; nil where there is none.
    func plan(_ key: Key, _ adopted: AdoptedClass) -> ReadPlan? {
        if let plan = plans.withLock({ $0[key] }) { return plan }
        let plan = ReadPlan(
            adopted, names: key.names?.map(\.text), hasColumns: key.hasColumns, isExistenceKnown: key.isExistenceKnown,
            convertsAtOnce: key.convertsAtOnce)
        plans.withLock { plans in
            if plans.count >= Self.most { plans = [:] }
            plans[key] = .some(plan)
        }
        return plan
    }
}

/// What is known of an object.
struct ObjectRow: Sendable {
    var path: ObjectPath?
    var columns: [String: DBusValue] = [:]
    var properties: [PropertyPlace: DBusValue] = [:]
    /// What was made at once of what was read, by the plan's properties; empty where nothing was.
    var made: [CIMValue?] = []
    var calls: [CallTemplate: DBusValue] = [:]
    /// Values that are too large.
    var oversized: Set<PropertyPlace> = []
    var element: DBusValue?
    var member: String?
}
