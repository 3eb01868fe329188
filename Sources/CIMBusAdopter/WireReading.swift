import CIM
import CIMAdoption
import DBus
import Glibc

/// Reads what is wanted of a reply, and goes past the rest.
enum WireReading {
    /// A value that takes more is not read: it becomes NULL.
    static let largestValue = 1 << 20

    /// The value, nil where it is too large.
    static func value(_ reader: inout BodyReader, _ type: Signature) throws(DBusDecodingError) -> DBusValue? {
        var ahead = reader
        try ahead.skip(type)
        guard ahead.position - reader.position <= largestValue else {
            reader = ahead
            return nil
        }
        return try reader.readValue(type)
    }

    /// The value of a variant, nil where it is too large.
    static func variant(_ reader: inout BodyReader) throws(DBusDecodingError) -> DBusValue? {
        let start = reader
        let types = try reader.readSignatureBytes()
        if types.count == 1 {
            switch types[0] {
            case UInt8(ascii: "b"): return .boolean(try reader.readBoolean())
            case UInt8(ascii: "u"): return .uint32(try reader.readUInt32())
            case UInt8(ascii: "i"): return .int32(try reader.readInt32())
            case UInt8(ascii: "t"): return .uint64(try reader.readUInt64())
            case UInt8(ascii: "x"): return .int64(try reader.readInt64())
            default: break
            }
        }
        reader = start
        let type = try reader.readVariantSignature()
        return try value(&reader, type)
    }

    /// The variant as text, or as an array of texts, where it is one of these; else the reader has not moved, and there is nil.
    static func text(_ reader: inout BodyReader, isArray: Bool) throws(DBusDecodingError) -> CIMValue? {
        let start = reader
        let types = try reader.readSignatureBytes()
        if !isArray, types.count == 1, isText(types[0]) {
            let text = try reader.readStringBytes()
            if text.count <= largestValue { return .string(String(decoding: text, as: UTF8.self)) }
        } else if isArray, types.count == 2, types[0] == UInt8(ascii: "a"), isText(types[1]) {
            let end = try reader.enterArray(elementAlignment: 4)
            if end - reader.position <= largestValue {
                var texts: [CIMValue] = []
                while !reader.isAtEnd(of: end) { texts.append(.string(String(decoding: try reader.readStringBytes(), as: UTF8.self))) }
                try reader.leaveArray(end)
                return .array(of: .string, texts)
            }
        }
        reader = start
        return nil
    }

    private static func isText(_ type: UInt8) -> Bool { type == UInt8(ascii: "s") || type == UInt8(ascii: "o") }
}

/// Names of properties that are wanted, to be found by their bytes.
struct WantedNames: Sendable {
    struct Entry: Sendable {
        let name: String
        /// The place in the plan of the property whose value is made at once; nil: what the service says is kept.
        let property: Int?
        fileprivate let bytes: [UInt8]
    }

    static let none = WantedNames([])

    let count: Int
    /// Whether values are made at once.
    let makesValues: Bool
    /// At the place of each length the names that have it.
    private let byLength: [[Entry]]

    init(_ names: [(name: String, property: Int?)]) {
        count = names.count
        makesValues = names.contains { $0.property != nil }
        var byLength: [[Entry]] = []
        for (name, property) in names {
            while byLength.count <= name.utf8.count { byLength.append([]) }
            byLength[name.utf8.count].append(Entry(name: name, property: property, bytes: Array(name.utf8)))
        }
        self.byLength = byLength
    }

    func entry(_ bytes: UnsafeRawBufferPointer) -> Entry? {
        guard bytes.count < byLength.count, let text = bytes.baseAddress else { return nil }
        let candidates = byLength[bytes.count]
        for place in candidates.indices where memcmp(candidates[place].bytes, text, bytes.count) == 0 { return candidates[place] }
        return nil
    }
}

extension ObjectRow {
    /// Takes the wanted properties of an interface from an `a{sv}`. Of the others nothing is made, not even their names.
    mutating func take(
        _ reader: inout BodyReader, _ interface: InterfaceName, _ plan: ReadPlan, _ builder: InstanceBuilder
    ) throws(DBusDecodingError) {
        let wanted = plan.names(of: interface)
        if wanted.makesValues, made.isEmpty { made = Array(repeating: nil, count: plan.properties.count) }
        let end = try reader.enterArray(elementAlignment: 8)
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            guard let entry = wanted.entry(try reader.readStringBytes()) else {
                let types = try reader.readSignatureBytes()
                try reader.skip(types: types)
                continue
            }
            if let property = entry.property {
                made[property] = try Self.value(&reader, plan.properties[property], in: plan.adopted.name, builder)
            } else {
                let place = PropertyPlace(interface, entry.name)
                if let value = try WireReading.variant(&reader) { properties[place] = value.unwrapped } else { oversized.insert(place) }
            }
        }
        try reader.leaveArray(end)
    }

    /// What a property's variant is as a CIM value.
    private static func value(
        _ reader: inout BodyReader, _ property: ReadPlan.Property, in className: String, _ builder: InstanceBuilder
    ) throws(DBusDecodingError) -> CIMValue {
        if property.isPlainText, let text = try WireReading.text(&reader, isArray: property.declaration.type.isArray) { return text }
        guard let value = try WireReading.variant(&reader) else {
            builder.recordOversized(property.declaration, in: className)
            return .null
        }
        return property.way.map { builder.value(value.unwrapped, $0, of: property.declaration, in: className) } ?? .null
    }
}

/// The rows of a listing method's reply, one after the other.
struct ListReader {
    private var reader: BodyReader
    private let end: Int
    private let types: [Signature]
    private let columns: [ClassContext.Column]
    private let needed: Set<String>
    private let isStructure: Bool

    /// Nil where the reply is none that the columns describe.
    init?(_ reply: Message, _ columns: [ClassContext.Column], needed: Set<String>) {
        guard let first = Signature(verified: reply.signature).types.first?.text, first.hasPrefix("a"), first != "ay" else { return nil }
        let element = first.dropFirst()
        var inner = element
        isStructure = element.hasPrefix("(") || element.hasPrefix("{")
        if isStructure { inner = element.dropFirst().dropLast() }
        var types = Signature(verified: String(inner)).types
        // Of a dictionary whose values are structures the fields of both are the columns.
        isNested = element.hasPrefix("{") && types.count == 2 && types[1].text.hasPrefix("(")
        if isNested { types = [types[0]] + Signature(verified: String(types[1].text.dropFirst().dropLast())).types }
        guard types.count == columns.count else { return nil }
        self.types = types
        self.columns = columns
        self.needed = needed
        reader = reply.reader
        guard let end = try? reader.enterArray(elementAlignment: isStructure ? 8 : types[0].alignment) else { return nil }
        self.end = end
    }

    private let isNested: Bool

    /// Nil at the end.
    mutating func next() throws(DBusDecodingError) -> ObjectRow? {
        guard !reader.isAtEnd(of: end) else { return nil }
        if isStructure { try reader.enterStruct() }
        var row = ObjectRow()
        for (position, column) in columns.enumerated() {
            if isNested, position == 1 { try reader.enterStruct() }
            switch column {
            case .ignored: try reader.skip(types[position])
            case .path:
                guard let text = try WireReading.value(&reader, types[position])?.text else { continue }
                row.path = try? ObjectPath(text)
            case .named(let name):
                if needed.contains(name) {
                    row.columns[name] = try WireReading.value(&reader, types[position])
                } else {
                    try reader.skip(types[position])
                }
            }
        }
        return row
    }
}

/// The objects of a reply to GetManagedObjects, one after the other.
struct ManagedReader {
    private var reader: BodyReader
    private let end: Int
    private let plan: ReadPlan
    private let builder: InstanceBuilder
    private let required: Set<String>
    private let byText: [String: InterfaceName]

    init?(_ reply: Message, _ plan: ReadPlan, _ builder: InstanceBuilder, required: [InterfaceName]) {
        guard reply.hasSignature("a{oa{sa{sv}}}") else { return nil }
        reader = reply.reader
        guard let end = try? reader.enterArray(elementAlignment: 8) else { return nil }
        self.end = end
        self.plan = plan
        self.builder = builder
        self.required = Set(required.map(\.text))
        byText = Dictionary(uniqueKeysWithValues: plan.wanted.keys.map { ($0.text, $0) })
    }

    /// The next object that has the required interfaces; nil at the end.
    mutating func next() throws(DBusDecodingError) -> ObjectRow? {
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            var row = ObjectRow()
            row.path = try reader.readObjectPath()
            var missing = required
            let interfacesEnd = try reader.enterArray(elementAlignment: 8)
            while !reader.isAtEnd(of: interfacesEnd) {
                try reader.enterDictEntry()
                let name = try reader.readString()
                missing.remove(name)
                if let interface = byText[name] {
                    try row.take(&reader, interface, plan, builder)
                } else {
                    try reader.skipArray(elementAlignment: 8)
                }
            }
            try reader.leaveArray(interfacesEnd)
            if missing.isEmpty { return row }
        }
        return nil
    }
}
