import CIM
import CIMAdoption
import DBus
import Glibc

/// Makes CIM objects of what was read of D-Bus objects.
struct InstanceBuilder: Sendable {
    private(set) var converter: ValueConverter
    let misfits: Misfits

    init(_ classes: AdoptedClasses, _ misfits: Misfits) {
        self.misfits = misfits
        let references = ReferenceMaker(classes)
        converter = ValueConverter(
            bootTime: Self.bootTime(), reference: { references.reference(to: $0, key: $1, value: $2) },
            declaration: { classes.declarations[CIMName($0)] })
    }

    /// Somebody may have set the clock meanwhile.
    mutating func setTime() { setTime(to: Self.bootTime()) }

    mutating func setTime(to bootTime: Int64) { converter.bootTime = bootTime }

    /// When CLOCK_MONOTONIC was 0, in microseconds since 1970.
    private static func bootTime() -> Int64 {
        var (now, monotonic) = (timespec(), timespec())
        clock_gettime(CLOCK_REALTIME, &now)
        clock_gettime(CLOCK_MONOTONIC, &monotonic)
        func microseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000 }
        return microseconds(now) - microseconds(monotonic)
    }

    /// The value by one way; nil where the row has nothing there.
    func value(_ row: ObjectRow, _ way: PropertyContext.Way, of property: CIMProperty, in className: String) -> CIMValue {
        let source: DBusValue?
        switch way.origin {
        case .column(let name): source = row.columns[name]
        case .property(let place):
            source = row.properties[place]
            if row.oversized.contains(place) { recordOversized(property, in: className) }
        case .call(let call): source = row.calls[call]
        case .path: source = row.path.map { .objectPath($0) }
        case .pathElement(let fromEnd, let isRaw):
            let elements = row.path?.elements ?? []
            let element = fromEnd < elements.count ? elements[elements.count - 1 - fromEnd] : nil
            source = element.flatMap { isRaw ? String($0) : BusLabel.unescape($0) }.map { .string($0) }
        case .element: source = row.element
        case .member: source = row.member.map { .string($0) }
        case .constant(let constant):
            source =
                switch constant {
                case .text(let text): .string(text)
                case .boolean(let flag): .boolean(flag)
                case .number(let number): Int64(exactly: number).map { .int64($0) } ?? UInt64(exactly: number).map { .uint64($0) }
                }
        }
        return source.map { value($0, way, of: property, in: className) } ?? .null
    }

    /// What becomes of what the service says by that way.
    func value(_ source: DBusValue, _ way: PropertyContext.Way, of property: CIMProperty, in className: String) -> CIMValue {
        do throws(ValueMisfit) {
            return try converter.value(source, steps: way.steps, conversions: way.conversions, as: property)
        } catch {
            misfits.record(className, property.name, error.description)
            return .null
        }
    }

    func recordOversized(_ property: CIMProperty, in className: String) {
        misfits.record(className, property.name, "it takes more than \(WireReading.largestValue) bytes")
    }

    /// The object; nil where a key has no value.
    func instance(_ row: ObjectRow, _ plan: ReadPlan) -> CIMInstance? {
        var instance = CIMInstance(className: plan.adopted.name, reservingCapacity: plan.properties.count)
        for (place, property) in plan.properties.enumerated() {
            let made = place < row.made.count ? row.made[place] : nil
            let value = made ?? property.way.map { self.value(row, $0, of: property.declaration, in: plan.adopted.name) } ?? .null
            if property.isKey, value.isNull { return nil }
            instance.properties.append(CIMInstance.Property(name: property.declaration.name, value: value))
        }
        return instance
    }

    /// Those properties that are known before the object is asked.
    func earlyInstance(_ row: ObjectRow, _ plan: ReadPlan) -> CIMInstance {
        var instance = CIMInstance(className: plan.adopted.name)
        for property in plan.properties where property.isEarly {
            guard let way = property.way else { continue }
            instance.properties.append(
                CIMInstance.Property(
                    name: property.declaration.name, value: value(row, way, of: property.declaration, in: plan.adopted.name)))
        }
        return instance
    }
}

/// Makes references to objects of adopted classes.
struct ReferenceMaker: Sendable {
    private let classes: AdoptedClasses
    private let subclasses: [CIMName: [AdoptedClass]]

    init(_ classes: AdoptedClasses) {
        self.classes = classes
        var subclasses: [CIMName: [AdoptedClass]] = [:]
        for adopted in classes.classes.values where !adopted.declaration.isAbstract {
            for ancestor in adopted.declaration.derivation { subclasses[CIMName(ancestor), default: []].append(adopted) }
        }
        self.subclasses = subclasses.mapValues { $0.sorted { $0.name < $1.name } }
    }

    /// - Parameters:
    ///   - key: which key `value` is; nil: `value` is the path of a D-Bus object.
    func reference(to className: String, key: String?, value: String) -> CIMObjectPath? {
        guard let target = classes[className] else {
            // A class of somebody else: by its key.
            guard let key else { return nil }
            return CIMObjectPath(className: className, keys: .keys([.init(name: key, value: .string(value))]))
        }
        if target.declaration.isSingleton { return CIMObjectPath(className: target.name, keys: .singleton) }
        var keys: [CIMObjectPath.Key] = []
        for property in target.keys {
            guard let keyValue = keyValue(of: property, target, key: key, value: value) else { return nil }
            keys.append(.init(name: property.name, value: keyValue))
        }
        let real = concrete(target, keys)
        return CIMObjectPath(className: real.name, keys: .keys(keys))
    }

    private func keyValue(of property: CIMProperty, _ target: AdoptedClass, key: String?, value: String) -> CIMObjectPath.KeyValue? {
        let cim: CIMValue?
        if let key {
            cim = CIMName.equal(key, property.name) ? .string(value) : nil
        } else {
            guard let path = try? ObjectPath(value) else { return nil }
            cim =
                target.way(property.name).lazy.compactMap { way -> CIMValue? in
                    switch way.origin {
                    case .path: return .string(path.text)
                    case .pathElement(let fromEnd, let isRaw):
                        let elements = path.elements
                        guard fromEnd < elements.count else { return nil }
                        let element = elements[elements.count - 1 - fromEnd]
                        return isRaw ? .string(String(element)) : BusLabel.unescape(element).map { .string($0) }
                    case .constant(let constant): return constant.value
                    default: return nil
                    }
                }.first
        }
        return cim?.read(as: property.type).flatMap { CIMObjectPath.KeyValue($0) }
    }

    /// The class to which an object with these keys belongs: below the class that was named, the first whose conditions the keys fulfil.
    private func concrete(_ target: AdoptedClass, _ keys: [CIMObjectPath.Key]) -> AdoptedClass {
        for candidate in subclasses[CIMName(target.name)] ?? [] where !candidate.context.conditions.isEmpty {
            if RowConditions.hold(candidate.context.conditions, keys) == true { return candidate }
        }
        return target
    }
}

/// The conditions of the clause `where`.
enum RowConditions {
    /// Nil where a value is not known.
    static func holds(_ condition: ClassContext.Condition, _ value: CIMValue?) -> Bool? {
        guard let value else { return nil }
        switch condition.test {
        case .equal(let constant): return isEqual(value, constant)
        case .unequal(let constant): return !isEqual(value, constant)
        case .like(let pattern):
            guard let text = value.stringValue else { return false }
            return fits(Array(text.utf8)[...], Array(pattern.utf8)[...])
        }
    }

    /// Whether the keys fulfil all conditions; nil where one is not about keys.
    static func hold(_ conditions: [ClassContext.Condition], _ keys: [CIMObjectPath.Key]) -> Bool? {
        var isKnown = true
        for condition in conditions {
            let key = keys.first { $0.name.map { CIMName.equal($0, condition.property) } ?? false }
            guard let holds = holds(condition, key?.value.value) else {
                isKnown = false
                continue
            }
            if !holds { return false }
        }
        return isKnown ? true : nil
    }

    private static func isEqual(_ value: CIMValue, _ constant: ContextConstant) -> Bool {
        guard let base = value.scalarType else { return false }
        return constant.value.read(asScalar: base) == value
    }

    /// `*` stands for any text.
    private static func fits(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        let parts = pattern.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
        guard parts.count > 1, let first = parts.first, let last = parts.last else { return text.elementsEqual(pattern) }
        guard text.count >= first.count + last.count, text.starts(with: first), text.suffix(last.count).elementsEqual(last) else {
            return false
        }
        var rest = text.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = place(of: part, in: rest) else { return false }
            rest = rest[(found + part.count)...]
        }
        return true
    }

    private static func place(of part: ArraySlice<UInt8>, in text: ArraySlice<UInt8>) -> Int? {
        guard text.count >= part.count else { return nil }
        for start in text.startIndex...(text.endIndex - part.count) where text[start..<(start + part.count)].elementsEqual(part) {
            return start
        }
        return nil
    }
}
