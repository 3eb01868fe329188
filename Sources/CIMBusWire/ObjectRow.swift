import CIM
import DBus

/// A checked object of one class as it lies on the wire: where its properties are. A value is decoded when it is asked for, and no other is.
///
/// One row serves many objects, one after the other, so that nothing is allocated for each of them.
public struct ObjectRow {
    public let layout: ObjectLayout
    fileprivate private(set) var reader: BodyReader
    fileprivate private(set) var start = 0
    fileprivate private(set) var end = 0
    /// Where the entries lie, in order, with the slot of each or one of the numbers below.
    private var entries: [(range: Range<Int>, slot: Int)] = []
    /// Where the value of each slot starts; 0 where it is NULL, since no value stands there.
    private var values: [Int]
    /// Where the entry of each slot lies; of no use where it is NULL.
    private var places: [Range<Int>]
    private var relativePathAt = 0
    private var pathAt = 0

    private enum Entry {
        /// `__CLASS`, perhaps with the other constants of the class.
        static let head = -1
        static let path = -2
        static let other = -3
        static let relativePath = -4
        /// What no class says of the object: its qualifiers.
        static let qualifiers = -5
    }

    /// - Parameter reader: of the bytes in which the objects lie.
    public init(_ layout: ObjectLayout, in reader: BodyReader) {
        self.layout = layout
        self.reader = reader
        values = Array(repeating: 0, count: layout.slots.count)
        places = Array(repeating: 0..<0, count: layout.slots.count)
    }

    /// The class that the checked object at `range` says it is of.
    public static func className(at range: Range<Int>, in reader: BodyReader) -> String {
        var reader = reader
        reader.move(to: range.lowerBound)
        guard let name = try? reader.className(before: range.upperBound) else { return "" }
        return String(decoding: name, as: UTF8.self)
    }

    /// The same for an object in other bytes.
    public mutating func read(_ range: Range<Int>, in reader: BodyReader) -> Bool {
        self.reader = reader
        return read(range)
    }

    /// Goes to the object whose entries lie at `range`. False when it is of another class, or not as the checker leaves objects; the row is
    /// then of no use.
    public mutating func read(_ range: Range<Int>) -> Bool {
        reader.move(to: range.lowerBound)
        start = range.lowerBound
        end = range.upperBound
        entries.removeAll(keepingCapacity: true)
        for index in values.indices { values[index] = 0 }
        relativePathAt = 0
        pathAt = 0
        guard
            layout.constants.withUnsafeBytes({ reader.skip(ifNext: $0) }) || layout.classEntry.withUnsafeBytes({ reader.skip(ifNext: $0) })
        else { return false }
        entries.append((range.lowerBound..<reader.position, Entry.head))
        do {
            var likely = 0
            while !reader.isAtEnd(of: end) {
                try reader.enterDictEntry()
                let start = reader.position
                if let slot = layout.match(&reader, from: likely) {
                    let at = reader.position
                    try reader.skip(layout.slots[slot].extent)
                    keep(start..<reader.position, slot, at)
                    likely = slot + 1
                } else {
                    likely = try readOther(start, likely)
                }
            }
            return true
        } catch {
            return false
        }
    }

    private mutating func keep(_ range: Range<Int>, _ slot: Int, _ value: Int) {
        values[slot] = value
        places[slot] = range
        entries.append((range, slot))
    }

    /// A system property, or a property out of the class's order. Returns the slot that likely comes next.
    private mutating func readOther(_ start: Int, _ likely: Int) throws(DBusDecodingError) -> Int {
        let name = try reader.readStringBytes()
        let types = try reader.readSignatureBytes()
        let at = reader.position
        try reader.skip(types: types)
        let range = start..<reader.position
        if ObjectLayout.equal(name, SystemProperty.relativePath.rawValue) {
            relativePathAt = at
            entries.append((range, Entry.relativePath))
        } else if ObjectLayout.equal(name, SystemProperty.path.rawValue) {
            pathAt = at
            entries.append((range, Entry.path))
        } else if let slot = layout.slot(named: name, likely: likely) {
            keep(range, slot, at)
            return slot + 1
        } else if FeatureList.qualifierList(named: name) != nil {
            entries.append((range, Entry.qualifiers))
        } else {
            entries.append((range, Entry.other))
        }
        return likely
    }

    // MARK: - Values

    /// The value of a slot in the class's type; NULL where there is none. What is inside an embedded object has the types of the wire.
    public func value(ofSlot slot: Int) -> CIMValue {
        guard values.indices.contains(slot), values[slot] > 0 else { return .null }
        var reader = reader
        reader.move(to: values[slot])
        return (try? reader.readValue(of: layout.slots[slot])) ?? .null
    }

    /// `__RELPATH`; NULL where the object has none, or was written without.
    public var relativePath: CIMValue { text(at: relativePathAt) }

    /// `__PATH`; NULL where the object has none, or was written without.
    public var path: CIMValue { text(at: pathAt) }

    private func text(at position: Int) -> CIMValue {
        guard position > 0 else { return .null }
        var reader = reader
        reader.move(to: position)
        return (try? reader.readString()).map { .string($0) } ?? .null
    }

    // MARK: - What is kept

    /// Which system properties an object keeps beside `__CLASS`, which it always has.
    public struct SystemProperties: OptionSet, Sendable {
        public let rawValue: UInt16

        public init(rawValue: UInt16) { self.rawValue = rawValue }

        public static let genus = Self(rawValue: 1 << 0)
        public static let superclass = Self(rawValue: 1 << 1)
        public static let dynasty = Self(rawValue: 1 << 2)
        public static let propertyCount = Self(rawValue: 1 << 3)
        public static let derivation = Self(rawValue: 1 << 4)
        public static let server = Self(rawValue: 1 << 5)
        public static let namespace = Self(rawValue: 1 << 6)
        public static let relativePath = Self(rawValue: 1 << 7)
        public static let path = Self(rawValue: 1 << 8)

        /// Those that say where it is.
        public static let location: Self = [.server, .namespace, .relativePath, .path]
        /// Those that are made from the keys.
        public static let paths: Self = [.relativePath, .path]
        /// Those it has.
        public static let all = Self(rawValue: .max)

        private static let bits: [SystemProperty: Self] = [
            .genus: .genus, .superclass: .superclass, .dynasty: .dynasty, .propertyCount: .propertyCount, .derivation: .derivation,
            .server: .server, .namespace: .namespace, .relativePath: .relativePath, .path: .path,
        ]

        /// One of them; none for `__CLASS`.
        init(_ property: SystemProperty) { self = Self.bits[property] ?? [] }

        /// Those with these names, in any case.
        public init(named names: [String]) {
            self = names.reduce(into: []) { if let property = SystemProperty(CIMName($1)) { $0.formUnion(Self(property)) } }
        }
    }

    /// Writes the object with the slots that are kept; nil keeps all.
    fileprivate func write(keeping kept: [Bool]?, _ system: SystemProperties, to writer: inout BodyWriter) {
        func append(_ bytes: UnsafeRawBufferPointer) { writer.append(entry: bytes) }
        for entry in entries {
            let isKept =
                switch entry.slot {
                case Entry.head, Entry.other: system == .all
                case Entry.path: system.contains(.path)
                case Entry.relativePath: system.contains(.relativePath)
                case Entry.qualifiers: true
                default: kept.map { entry.slot < $0.count && $0[entry.slot] } ?? true
                }
            if isKept {
                append(reader.bytes(in: entry.range))
            } else if entry.slot == Entry.head {
                layout.classEntry.withUnsafeBytes { append($0) }
                for (property, bytes) in layout.constantEntries where system.contains(property) { bytes.withUnsafeBytes { append($0) } }
            }
        }
    }

    // MARK: - A hierarchy

    /// Appends what tells the instance from the others, as bytes that are the same for all classes with these keys: values as on the wire, text
    /// in lower case, since paths compare without case (Semantics H.1). That is nothing for a singleton. False when a key is NULL, or the class
    /// has none.
    public func appendKey(to key: inout [UInt8]) -> Bool {
        if layout.keys.isEmpty { return layout.isSingleton }
        for slot in layout.keys {
            guard values[slot] > 0 else { return false }
            if layout.slots[slot].extent == .text {
                var reader = reader
                reader.move(to: values[slot])
                guard let text = try? reader.readStringBytes() else { return false }
                withUnsafeBytes(of: UInt32(truncatingIfNeeded: text.count)) { key.append(contentsOf: $0) }
                key.append(contentsOf: text.lazy.map(CIMName.fold))
            } else {
                key.append(contentsOf: reader.bytes(in: values[slot]..<places[slot].upperBound))
            }
        }
        return true
    }

    /// Writes the object, with those properties as the ancestor's object has them that are the ancestor's to say.
    fileprivate func write(_ merge: ObjectMerge, with ancestor: ObjectRow, to writer: inout BodyWriter) {
        for entry in entries where [Entry.head, Entry.other, Entry.qualifiers].contains(entry.slot) {
            writer.append(entry: reader.bytes(in: entry.range))
        }
        for slot in values.indices {
            if let above = merge.counterparts[slot], ancestor.values[above] > 0 {
                writer.append(entry: ancestor.reader.bytes(in: ancestor.places[above]))
            } else if values[slot] > 0 {
                writer.append(entry: reader.bytes(in: places[slot]))
            }
        }
        for entry in entries where entry.slot == Entry.path || entry.slot == Entry.relativePath {
            writer.append(entry: reader.bytes(in: entry.range))
        }
    }
}

extension BodyWriter {
    /// An entry of an `a{sv}`, made for phase 0.
    fileprivate mutating func append(entry bytes: UnsafeRawBufferPointer) {
        beginDictEntry()
        append(block: bytes, phase: 0)
    }
}

/// Some objects of a batch, whole or in part, copied without being decoded.
public struct ObjectSelection: ~Copyable {
    private var writer = BodyWriter()
    private var ranges: [Range<Int>] = []
    /// The bytes of the largest object so far.
    private var largest = 0

    public init() {}

    /// The object whose entries lie at `range`.
    public mutating func append(whole range: Range<Int>, of reader: BodyReader) {
        writer.beginStruct()
        let start = writer.count
        writer.append(block: reader.bytes(in: range), phase: 0)
        keep(from: start)
    }

    /// The object a row is at, as it is.
    public mutating func append(whole row: borrowing ObjectRow) { append(whole: row.start..<row.end, of: row.reader) }

    /// The object a row is at, with the slots that are kept; nil keeps all.
    public mutating func append(_ row: ObjectRow, keeping kept: [Bool]?, system: ObjectRow.SystemProperties) {
        writer.beginStruct()
        let start = writer.count
        row.write(keeping: kept, system, to: &writer)
        keep(from: start)
    }

    /// The same, with further entries behind it.
    public mutating func append(
        _ row: ObjectRow, keeping kept: [Bool]?, system: ObjectRow.SystemProperties, adding entries: [(name: String, value: CIMValue)]
    ) {
        writer.beginStruct()
        let start = writer.count
        row.write(keeping: kept, system, to: &writer)
        for (name, value) in entries { writer.append(entryNamed: name, value) }
        keep(from: start)
    }

    /// The object whose entries lie at `range`, with further entries behind it.
    public mutating func append(whole range: Range<Int>, of reader: BodyReader, adding entries: [(name: String, value: CIMValue)]) {
        writer.beginStruct()
        let start = writer.count
        writer.append(block: reader.bytes(in: range), phase: 0)
        for (name, value) in entries { writer.append(entryNamed: name, value) }
        keep(from: start)
    }

    /// The object a row is at, completed by what the row of an ancestor's class says about the same instance.
    public mutating func append(_ row: ObjectRow, merging ancestor: ObjectRow, _ merge: ObjectMerge) {
        writer.beginStruct()
        let start = writer.count
        row.write(merge, with: ancestor, to: &writer)
        keep(from: start)
    }

    private mutating func keep(from start: Int) {
        ranges.append(start..<writer.count)
        largest = max(largest, writer.count - start)
    }

    /// How many bytes there are.
    public var byteCount: Int { writer.count }

    /// Throws where an object, put together from several, is too large for a message.
    public consuming func finish() throws(ObjectFault) -> ObjectBatch {
        let (ranges, largest) = (ranges, largest)
        guard largest <= ObjectChecker.largestBatch else {
            throw ObjectFault("it takes \(largest) bytes with what several providers say about it, too many for a message", kind: .tooLarge)
        }
        do { return ObjectBatch(bytes: try writer.finish(), ranges: ranges) } catch { throw ObjectFault(error) }
    }
}

extension BodyWriter {
    fileprivate mutating func append(entryNamed name: String, _ value: CIMValue) {
        beginDictEntry()
        append(string: name)
        append(variant: value)
    }
}
