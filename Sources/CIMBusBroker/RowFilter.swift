import CIM
import CIMBusWire
import CIMQuery
import DBus
import Synchronization

/// What of a batch's objects goes on to a client: those that fulfil a condition, with the properties it asked for.
///
/// Objects are looked at where they lie: only what the condition needs is decoded, and a batch of which nothing has to go stays as it is.
struct RowFilter: Sendable {
    /// The properties that stay, system properties apart.
    enum Kept: Sendable {
        case all
        case names(KeptNames)
        case namesAndKeys([String])
        case keys
    }

    fileprivate let classes: ClassLookup
    /// Nil: every object stays.
    var condition: Predicate?
    /// The class whose own objects alone stay.
    var onlyClass: String?
    var kept = Kept.all
    var system = ObjectRow.SystemProperties.all
    /// Whether objects need their paths here, although the client may want none.
    var needsPaths = false
    /// Whether the condition is evaluated: not for what a provider says is the exact result.
    var isActive = true
    /// Whether the provider was asked for the exact result; it may ask for more itself (Semantics I.7, START_POSTFILTER).
    var isExact = false

    /// No condition; a client that wants no derived system properties is given the location where it asked for that alone.
    init(_ arguments: ServicesCall, classes: @escaping ClassLookup) {
        self.classes = classes
        if arguments.flags.contains(.ensureLocatable) { give(.location, arguments) }
    }

    /// What a query names is given, also to a client that wants no derived system properties.
    private mutating func give(_ properties: ObjectRow.SystemProperties, _ arguments: ServicesCall) {
        if arguments.derivedSystemProperties || properties.isEmpty { return }
        system = system == .all ? properties : system.union(properties)
        if !properties.isDisjoint(with: .paths) { needsPaths = true }
    }

    /// What a read's context asks for: a provider may give it alone, and need not.
    init(keeping kept: Kept, _ arguments: ServicesCall, classes: @escaping ClassLookup) {
        self.init(arguments, classes: classes)
        self.kept = kept
    }

    /// What a data query asks for.
    init(_ plan: QueryPlan, _ kept: KeptNames?, _ arguments: ServicesCall, classes: @escaping ClassLookup) {
        self.init(arguments, classes: classes)
        let predicate = plan.query.predicate(classes: classes)
        condition = predicate.acceptsEverything ? nil : predicate
        onlyClass = plan.onlyClass
        give(ObjectRow.SystemProperties(named: plan.query.projection.listedSystemProperties), arguments)
        self.kept = kept.map { .names($0) } ?? arguments.partialRead ?? .all
        for name in predicate.properties
        where [SystemProperty.path, .relativePath].contains(SystemProperty(CIMName(name))) {
            makePaths(arguments)
        }
    }

    /// Objects have their paths here, and lose them again where the client wants none.
    mutating func makePaths(_ arguments: ServicesCall) {
        needsPaths = true
        if !arguments.derivedSystemProperties, system == .all { system = [] }
    }

    /// WBEM_PROVIDER_REQUIREMENTS_TYPE: from now on everything is filtered here, or nothing is.
    mutating func require(_ requirement: UInt32) {
        if requirement == 0 { isActive = true }
        if requirement == 1, isExact { isActive = false }
    }

    private var evaluated: Predicate? { isActive ? condition : nil }

    private var changesObjects: Bool {
        if case .all = kept { system != .all } else { true }
    }

    /// Whether it can look at packed rows: whatever it needs or gives is among their columns.
    var takesPacked: Bool { !needsPaths && (system == .all || system.isEmpty) }

    /// What stays of packed rows: which rows, and which columns of them; nil: all.
    func selection(of batch: PackedBatch, _ fit: PackedFit) -> (rows: [Int]?, columns: [Bool]?) {
        let shape = FilterShape(fit.layout, self)
        guard shape.isWanted else { return ([], nil) }
        let kept = shape.kept.map { fit.columns(keeping: $0) }
        let columns = kept?.contains(false) ?? false ? kept : nil
        guard let evaluated else { return (nil, columns) }
        let rows = (0..<batch.count).filter { row in
            evaluated.matches(PackedFilterRow(batch: batch, row: row, fit: fit, shape: shape))
        }
        return (rows.count == batch.count ? nil : rows, columns)
    }

    /// The objects that stay. They have been checked.
    func applied(to objects: CheckedObjects, _ layouts: ObjectChecker.Lookup) throws(ObjectFault) -> CheckedObjects {
        guard evaluated != nil || onlyClass != nil || changesObjects else { return objects }
        var selection = ObjectSelection()
        var passed: [Range<Int>] = []
        let isCut = changesObjects
        try objects.forEach(layouts, prepare: { FilterShape($0, self) }) { object, range, shape in
            guard shape.isWanted, evaluated?.matches(FilterRow(object: object, shape: shape)) ?? true else { return }
            if isCut { selection.append(object, keeping: shape.kept, system: system) } else { passed.append(range) }
        }
        if isCut { return .rewritten(try selection.finish()) }
        return try objects.keeping(passed)
    }
}

/// The properties that a query lists. Which slots of a class they are is looked up once: they are mostly those of one class.
final class KeptNames: Sendable {
    private let names: [String]
    private let last = Mutex<(layout: ObjectLayout, slots: [Bool])?>(nil)

    init(_ names: [String]) { self.names = names }

    func slots(of layout: ObjectLayout) -> [Bool] {
        last.withLock { last in
            if let last, last.layout === layout { return last.slots }
            let slots = FilterShape.slots(names, [Bool](repeating: false, count: layout.slotCount), layout)
            last = (layout, slots)
            return slots
        }
    }
}

/// What a filter knows of a class.
struct FilterShape {
    enum Column {
        case slot(Int)
        case constant(CIMValue)
        case relativePath
        case path
    }

    let isWanted: Bool
    /// The slots that stay; nil: all.
    let kept: [Bool]?
    let columns: [Column]
    let types: ObjectTypes

    init(_ layout: ObjectLayout, _ filter: RowFilter) {
        isWanted = filter.onlyClass.map { CIMName.equal($0, layout.className) } ?? true
        columns = Self.columns(filter.condition?.properties ?? [], layout)
        types = ObjectTypes(classes: filter.classes)
        switch filter.kept {
        case .all: kept = nil
        case .keys: kept = layout.isKey
        case .names(let names): kept = names.slots(of: layout)
        case .namesAndKeys(let names): kept = Self.slots(names, layout.isKey, layout)
        }
    }

    static func columns(_ properties: [String], _ layout: ObjectLayout) -> [Column] { properties.map { column($0, layout) } }

    static func slots(_ names: [String], _ others: [Bool], _ layout: ObjectLayout) -> [Bool] {
        var slots = others
        for slot in names.compactMap({ layout.slot(named: $0) }) { slots[slot] = true }
        return slots
    }

    private static func column(_ name: String, _ layout: ObjectLayout) -> Column {
        if let slot = layout.slot(named: name) { return .slot(slot) }
        guard let declaration = layout.declaration, let location = layout.location, let property = SystemProperty(CIMName(name)) else {
            return .constant(.null)
        }
        switch property {
        case .relativePath: return .relativePath
        case .path: return .path
        default: return .constant(property.value(ofInstancesOf: declaration, in: location) ?? .null)
        }
    }
}

/// An object as a condition sees it.
private struct FilterRow: QueryRow {
    let object: ObjectRow
    let shape: FilterShape

    func value(at index: Int) -> CIMValue {
        guard index < shape.columns.count else { return .null }
        switch shape.columns[index] {
        case .slot(let slot):
            let value = object.value(ofSlot: slot)
            if case .object(let inner) = value { return .object(shape.types.typed(inner)) }
            return value
        case .constant(let value): return value
        case .relativePath: return object.relativePath
        case .path: return object.path
        }
    }
}

/// A packed row as a condition sees it.
private struct PackedFilterRow: QueryRow {
    let batch: PackedBatch
    let row: Int
    let fit: PackedFit
    let shape: FilterShape

    func value(at index: Int) -> CIMValue {
        guard index < shape.columns.count else { return .null }
        switch shape.columns[index] {
        case .slot(let slot): return fit.column(ofSlot: slot).map { batch.value(ofRow: row, $0) } ?? .null
        case .constant(let value): return value
        // Who needs paths gets no packed rows.
        case .relativePath, .path: return .null
        }
    }
}

/// Gives what is inside embedded objects the types of its classes: on the wire a date is text.
struct ObjectTypes {
    let classes: ClassLookup

    func typed(_ object: CIMInstance, depth: Int = 0) -> CIMInstance {
        guard depth < Nesting.objects, let declaration = classes(object.className) else { return object }
        var typed = object
        for index in typed.properties.indices {
            let value = typed.properties[index].value
            if case .object(let inner) = value {
                typed.properties[index].value = .object(self.typed(inner, depth: depth + 1))
            } else if let type = declaration.property(named: typed.properties[index].name)?.type {
                typed.properties[index].value = value.converted(to: type) ?? value
            }
        }
        return typed
    }
}
