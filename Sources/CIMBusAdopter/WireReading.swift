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

    /// The wanted entries of an `a{sv}`. Of the others nothing is made, not even their names.
    static func entries(
        _ reader: inout BodyReader, wanted: WantedNames, _ take: (String, DBusValue?) -> Void
    ) throws(DBusDecodingError) {
        let end = try reader.enterArray(elementAlignment: 8)
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            if let name = wanted.name(try reader.readStringBytes()) {
                let type = try reader.readVariantSignature()
                take(name, try value(&reader, type))
            } else {
                let types = try reader.readSignatureBytes()
                try reader.skip(types: types)
            }
        }
        try reader.leaveArray(end)
    }
}

/// Names of properties that are wanted, to be found by their bytes.
struct WantedNames: Sendable {
    let count: Int
    /// At the place of each length the names that have it.
    private let byLength: [[(bytes: [UInt8], name: String)]]

    init(_ names: some Collection<String>) {
        count = names.count
        var byLength: [[(bytes: [UInt8], name: String)]] = []
        for name in names {
            while byLength.count <= name.utf8.count { byLength.append([]) }
            byLength[name.utf8.count].append((Array(name.utf8), name))
        }
        self.byLength = byLength
    }

    func name(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count < byLength.count, let text = bytes.baseAddress else { return nil }
        let candidates = byLength[bytes.count]
        for place in candidates.indices where memcmp(candidates[place].bytes, text, bytes.count) == 0 { return candidates[place].name }
        return nil
    }
}

extension ObjectRow {
    /// Takes the wanted properties of an interface from an `a{sv}`.
    mutating func take(_ reader: inout BodyReader, _ interface: InterfaceName, wanted: WantedNames) throws(DBusDecodingError) {
        properties.reserveCapacity(properties.count + wanted.count)
        try WireReading.entries(&reader, wanted: wanted) { name, value in
            let place = PropertyPlace(interface, name)
            if let value { properties[place] = value.unwrapped } else { oversized.insert(place) }
        }
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
    private let wanted: [InterfaceName: WantedNames]
    private let required: Set<String>
    private let byText: [String: InterfaceName]

    init?(_ reply: Message, wanted: [InterfaceName: WantedNames], required: [InterfaceName]) {
        guard reply.hasSignature("a{oa{sa{sv}}}") else { return nil }
        reader = reply.reader
        guard let end = try? reader.enterArray(elementAlignment: 8) else { return nil }
        self.end = end
        self.wanted = wanted
        self.required = Set(required.map(\.text))
        byText = Dictionary(uniqueKeysWithValues: wanted.keys.map { ($0.text, $0) })
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
                if let interface = byText[name], let wanted = wanted[interface] {
                    try row.take(&reader, interface, wanted: wanted)
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
