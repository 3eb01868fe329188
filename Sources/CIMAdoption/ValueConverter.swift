import CIM
import DBus

/// Why a D-Bus value is no value of a CIM property.
public struct ValueMisfit: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
}

/// Makes values of CIM properties of D-Bus values.
public struct ValueConverter: Sendable {
    /// Microseconds since 1970 at which CLOCK_MONOTONIC was 0.
    public var bootTime: Int64
    /// A reference to an object of a class by the object's path, or by the value of a key. Nil where that cannot be said.
    public var reference: @Sendable (_ className: String, _ key: String?, _ value: String) -> CIMObjectPath?
    /// A class by its name, for embedded objects.
    public var declaration: @Sendable (String) -> CIMClass?

    public init(
        bootTime: Int64 = 0, reference: @escaping @Sendable (String, String?, String) -> CIMObjectPath? = { _, _, _ in nil },
        declaration: @escaping @Sendable (String) -> CIMClass? = { _ in nil }
    ) {
        self.bootTime = bootTime
        self.reference = reference
        self.declaration = declaration
    }

    /// The value of a property. `.null` where the service has none.
    public func value(
        _ source: DBusValue, steps: [PropertyContext.Step], conversions: [Conversion], as property: CIMProperty
    ) throws(ValueMisfit) -> CIMValue {
        guard let found = try Self.descend(source.unwrapped, steps[...]) else { return .null }
        var value = Intermediate.dbus(found)
        for conversion in conversions {
            value = try apply(conversion, to: value)
            if case .cim(.null) = value { return .null }
        }
        return try fit(value, to: property.type, property.qualifiers)
    }

    /// A value on its way.
    enum Intermediate {
        case dbus(DBusValue)
        case cim(CIMValue)
    }

    /// Nil where a dictionary has no such key.
    static func descend(_ value: DBusValue, _ steps: ArraySlice<PropertyContext.Step>) throws(ValueMisfit) -> DBusValue? {
        guard let step = steps.first else { return value }
        let rest = steps.dropFirst()
        switch step {
        case .field(let index):
            guard let fields = value.elements else { throw ValueMisfit(description: "(\(value.signature)) has no field \(index)") }
            // An array may be shorter; a structure is what it is.
            guard index < fields.count else {
                if case .structure = value { throw ValueMisfit(description: "(\(value.signature)) has no field \(index)") }
                return nil
            }
            return try descend(fields[index].unwrapped, rest)
        case .key(let key):
            guard case .array(let element, let entries) = value, element.text.hasPrefix("{") else {
                throw ValueMisfit(description: "(\(value.signature)) is no dictionary")
            }
            for case .dictEntry(let name, let value) in entries where name.text == key { return try descend(value.unwrapped, rest) }
            return nil
        case .every:
            guard case .array(_, let elements) = value else { throw ValueMisfit(description: "(\(value.signature)) is no array") }
            var found: [DBusValue] = []
            for element in elements {
                let element =
                    if case .dictEntry(let key, let value) = element { DBusValue.structure([key, value]) } else { element.unwrapped }
                if let value = try descend(element, rest) { found.append(value) }
            }
            return .array(element: found.first?.signature ?? Signature(verified: "v"), found)
        }
    }

    private func apply(_ conversion: Conversion, to value: Intermediate) throws(ValueMisfit) -> Intermediate {
        if case .null(let constants) = conversion { return isNull(value, constants) ? .cim(.null) : withoutNulls(value, constants) }
        guard case .dbus(let source) = value else { return try applyToCIM(conversion, value) }
        switch conversion {
        case .null: return value
        case .json: return .cim(.string(JSONRendering.text(source)))
        case .text: return .cim(try text(source))
        case .hexadecimal:
            guard case .bytes(let bytes) = source else { throw misfit(source, "bytes") }
            return .cim(.string(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()))
        case .join(let separator):
            guard let elements = source.elements else { throw misfit(source, "an array") }
            return .cim(.string(elements.map(JSONRendering.plainText).joined(separator: separator)))
        case .keys:
            guard case .array(_, let entries) = source else { throw misfit(source, "a dictionary") }
            let keys = entries.compactMap { if case .dictEntry(let key, _) = $0 { key } else { nil } }
            return .dbus(.array(element: keys.first?.signature ?? Signature(verified: "s"), keys))
        case .count:
            guard let elements = source.elements else { throw misfit(source, "an array") }
            return .cim(.uint64(UInt64(elements.count)))
        case .embedded(let className): return .cim(try each(source) { value throws(ValueMisfit) in try self.embedded(value, className) })
        default: return .cim(try each(source) { value throws(ValueMisfit) in try self.scalar(conversion, value) })
        }
    }

    /// A conversion after one that has made a CIM value: only those of texts and numbers go on.
    private func applyToCIM(_ conversion: Conversion, _ value: Intermediate) throws(ValueMisfit) -> Intermediate {
        guard case .cim(let cim) = value else { return value }
        let back: DBusValue? =
            switch cim {
            case .string(let text): .string(text)
            case .array(.string, let texts): .strings(texts.compactMap(\.stringValue))
            default: cim.uint64Value.map { .uint64($0) } ?? cim.int64Value.map { .int64($0) }
            }
        guard let back else { throw ValueMisfit(description: "nothing is made of \(cim)") }
        return try apply(conversion, to: .dbus(back))
    }

    /// Element by element where it is an array; elements that become NULL are left out.
    private func each(_ source: DBusValue, _ convert: (DBusValue) throws(ValueMisfit) -> CIMValue) throws(ValueMisfit) -> CIMValue {
        guard case .array(let element, let elements) = source, !element.text.hasPrefix("{") else { return try convert(source) }
        var values: [CIMValue] = []
        for element in elements {
            let value = try convert(element.unwrapped)
            if !value.isNull { values.append(value) }
        }
        return .array(of: values.first?.scalarType ?? .string, values)
    }

    private func scalar(_ conversion: Conversion, _ source: DBusValue) throws(ValueMisfit) -> CIMValue {
        switch conversion {
        case .since1970(let unit):
            let time = try microseconds(source, unit)
            guard let signed = Int64(exactly: time) else { throw misfit(source, "a time") }
            return try datetime(signed, source)
        case .sinceBoot(let unit):
            guard let signed = Int64(exactly: try microseconds(source, unit)) else { throw misfit(source, "a time") }
            let (time, overflow) = bootTime.addingReportingOverflow(signed)
            guard !overflow else { throw misfit(source, "a time") }
            return try datetime(time, source)
        case .interval(let unit):
            guard let interval = CIMDateTime(intervalMicroseconds: try microseconds(source, unit)) else {
                throw misfit(source, "an interval")
            }
            return .datetime(interval)
        case .reference(let className, let key):
            guard let text = source.text ?? source.integer(Int64.self).map(String.init), let path = reference(className, key, text) else {
                throw misfit(source, "a reference to \(className)")
            }
            return .reference(path)
        case .label:
            guard let text = source.text, let label = BusLabel.unescape(text) else { throw misfit(source, "an escaped text") }
            return .string(label)
        case .map(let pairs):
            for (from, to) in pairs where Self.isEqual(source, from) { return to.value }
            return try fit(.dbus(source), to: CIMTypeReference(.string), [])
        default: throw misfit(source, "a value for this conversion")
        }
    }

    private func microseconds(_ source: DBusValue, _ unit: Conversion.TimeUnit) throws(ValueMisfit) -> UInt64 {
        let count: UInt64? = if case .double(let value) = source { UInt64(exactly: value.rounded(.down)) } else { source.integer() }
        guard let count, let time = unit.microseconds(count) else { throw misfit(source, "a number of \(unit.rawValue)") }
        return time
    }

    private func datetime(_ microseconds: Int64, _ source: DBusValue) throws(ValueMisfit) -> CIMValue {
        guard microseconds >= 0,
            let time = CIMDateTime(secondsSince1970: microseconds / 1_000_000, microseconds: Int(microseconds % 1_000_000))
        else { throw misfit(source, "a time") }
        return .datetime(time)
    }

    private func text(_ source: DBusValue) throws(ValueMisfit) -> CIMValue {
        switch source {
        case .bytes(let bytes):
            guard let text = String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self) else { throw misfit(source, "UTF-8") }
            return .string(text)
        case .array(let element, let elements) where element.text == "ay":
            var texts: [CIMValue] = []
            for element in elements { texts.append(try text(element)) }
            return .array(of: .string, texts)
        default: return .string(JSONRendering.plainText(source))
        }
    }

    private func embedded(_ source: DBusValue, _ className: String) throws(ValueMisfit) -> CIMValue {
        guard let declaration = declaration(className) else { throw ValueMisfit(description: "there is no class \(className)") }
        var instance = CIMInstance(className: declaration.name)
        switch source {
        case .structure(let fields):
            for (property, field) in zip(declaration.properties, fields) {
                instance[property.name] = try fit(.dbus(field.unwrapped), to: property.type, property.qualifiers)
            }
        case .array(let element, let entries) where element.text.hasPrefix("{"):
            for case .dictEntry(let key, let value) in entries {
                guard let name = key.text, let property = declaration.property(named: name) else { continue }
                instance[property.name] = try fit(.dbus(value.unwrapped), to: property.type, property.qualifiers)
            }
        default: throw misfit(source, "a structure or a dictionary")
        }
        return .object(instance)
    }

    func misfit(_ source: DBusValue, _ wanted: String) -> ValueMisfit {
        ValueMisfit(description: "a value of type (\(source.signature)) is not \(wanted)")
    }
}
