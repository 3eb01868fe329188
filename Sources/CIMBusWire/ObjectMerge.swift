import CIM
import DBus

/// Puts together what the providers of a class and of its ancestors say about one instance (SEMANTICS C.3, C.4), without decoding a value.
///
/// A property that the derived class inherits as it is comes from the ancestor's provider, all others from the derived one's. What only one
/// of them has is taken from that one.
public struct ObjectMerge: Sendable {
    /// The names of the properties that are the ancestor's to say, in its spelling.
    private let inherited: Set<CIMName>

    public init(of derived: CIMClass, with ancestor: CIMClass) {
        let above = Set(([ancestor.name] + ancestor.derivation).map { CIMName($0) })
        inherited = Set(derived.properties.filter { above.contains(CIMName($0.origin)) }.map { CIMName($0.name) })
    }

    /// The entries of both objects as those of one. Both start at a multiple of 8 in the memory they lie in.
    public func merged(_ derived: UnsafeRawBufferPointer, _ ancestor: UnsafeRawBufferPointer) -> [UInt8] {
        let theirs = ObjectEntries(ancestor)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(derived.count + ancestor.count)
        func append(_ object: UnsafeRawBufferPointer, _ range: Range<Int>) {
            while bytes.count % 8 != 0 { bytes.append(0) }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: object[range]))
        }
        var taken: Set<CIMName> = []
        ObjectEntries(derived).forEach { name, range in
            let name = CIMName(name)
            if inherited.contains(name), let instead = theirs.range(of: name.text) {
                append(ancestor, instead)
            } else {
                append(derived, range)
            }
            taken.insert(name)
        }
        theirs.forEach { name, range in
            if inherited.contains(CIMName(name)), !taken.contains(CIMName(name)) { append(ancestor, range) }
        }
        return bytes
    }
}

/// Where the entries of one object lie in its bytes.
struct ObjectEntries {
    private var entries: [(name: String, range: Range<Int>)] = []

    init(_ object: UnsafeRawBufferPointer) {
        var reader = BodyReader(unowned: object)
        do {
            while !reader.isAtEnd {
                try reader.enterDictEntry()
                let start = reader.position
                let name = try reader.readString()
                let types = try reader.readSignatureBytes()
                try reader.skip(types: types)
                entries.append((name, start..<reader.position))
            }
        } catch {}
    }

    func range(of name: String) -> Range<Int>? { entries.first { CIMName.equal($0.name, name) }?.range }

    func forEach(_ body: (String, Range<Int>) -> Void) { for entry in entries { body(entry.name, entry.range) } }
}

extension ObjectBatch {
    /// Objects given as their entries, each as it lay at a multiple of 8.
    public init(objects: [[UInt8]]) {
        self.init()
        for object in objects { append(ObjectBatch(bytes: object, ranges: [0..<object.count])) }
    }

    /// Calls `body` with the bytes of each object's entries.
    public func forEachObject(_ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { bytes in
            for range in ranges { body(UnsafeRawBufferPointer(rebasing: bytes[range])) }
        }
    }
}

extension ObjectLayout {
    /// What an object says is its class.
    public static func className(of object: UnsafeRawBufferPointer) -> String? {
        var reader = BodyReader(unowned: object)
        while !reader.isAtEnd {
            guard (try? reader.enterDictEntry()) != nil, let name = try? reader.readStringBytes(),
                let types = try? reader.readSignatureBytes()
            else { return nil }
            if Self.equal(name, SystemProperty.className) { return types.first == UInt8(ascii: "s") ? try? reader.readString() : nil }
            guard (try? reader.skip(types: types)) != nil else { return nil }
        }
        return nil
    }

    public static func isOf(class name: String, _ object: UnsafeRawBufferPointer) -> Bool {
        className(of: object).map { CIMName.equal($0, name) } ?? false
    }

    /// What tells an instance of the class from the others, as bytes that are the same for all classes with these keys: values as on the wire,
    /// text in lower case, since paths compare without case (SEMANTICS H.1). Nil when a key is missing.
    public func key(of object: UnsafeRawBufferPointer) -> [UInt8]? {
        var values = [ArraySlice<UInt8>?](repeating: nil, count: keys.count)
        var reader = BodyReader(unowned: object)
        do {
            var likely = 0
            while !reader.isAtEnd {
                try reader.enterDictEntry()
                let name = try reader.readStringBytes()
                let slot = slot(named: name, likely: likely)
                if let slot { likely = slot + 1 }
                let types = try reader.readSignatureBytes()
                let isText = types.first == UInt8(ascii: "s")
                if let slot, let position = keys.firstIndex(of: slot) {
                    if isText {
                        values[position] = try reader.readStringBytes().map(CIMName.fold)[...]
                    } else {
                        let start = reader.position
                        try reader.skip(types: types)
                        values[position] = Array(object[min(start, reader.position)..<reader.position])[...]
                    }
                } else {
                    try reader.skip(types: types)
                }
            }
        } catch { return nil }
        var key: [UInt8] = []
        for value in values {
            guard let value else { return nil }
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: value.count)) { key.append(contentsOf: $0) }
            key += value
        }
        return key
    }
}
