import CIM
import DBus

extension ObjectRow {
    /// What the object's keys say otherwise than those of `path`, an instance's of its class or of one above or below: `ID = 2, Name = NULL`.
    /// Nil where they agree: it is the instance that the path names.
    ///
    /// Text compares without case, as in all keys (Semantics H.1); datetimes that are the same instant, and references to the same instance,
    /// are the same.
    /// - Parameter needsAll: whether a key that is NULL differs, too.
    public func keys(otherThan path: CIMObjectPath, needsAll: Bool, lookup: ObjectChecker.Lookup) -> String? {
        var differences: [String] = []
        for (property, slot) in zip(layout.keyProperties, layout.keys) {
            guard let wanted = path[key: property.name] else { continue }
            let value = value(ofSlot: slot)
            if value.isNull ? !needsAll : Self.isSame(value, wanted, lookup) { continue }
            differences.append("\(property.name) = \(value.briefDescription)")
        }
        return differences.isEmpty ? nil : differences.joined(separator: ", ")
    }

    fileprivate static func isSame(_ value: CIMValue, _ wanted: CIMObjectPath.KeyValue, _ lookup: ObjectChecker.Lookup) -> Bool {
        switch (value, value.scalarType.flatMap { wanted.value.read(asScalar: $0) }) {
        case (.datetime(let time), .datetime(let wanted)?): time.compared(to: wanted) == 0
        case (.reference(let path), .reference(let wanted)?): path.namesInstance(of: wanted, lookup: lookup)
        case (_, let wanted?): CIMObjectPath.KeyValue(value) == CIMObjectPath.KeyValue(wanted)
        case (_, nil): false
        }
    }
}

extension CIMObjectPath {
    /// Whether both name one instance: their namespaces and servers are the same where both say them, one class is that of the other or derived
    /// from it, and the keys are the same.
    public func namesInstance(of other: CIMObjectPath, lookup: ObjectChecker.Lookup) -> Bool {
        if let server, let theirs = other.server, server != ".", theirs != ".", !CIMName.equal(server, theirs) { return false }
        if let namespace, let theirs = other.namespace, CIMNamespaceName(namespace) != CIMNamespaceName(theirs) { return false }
        guard let mine = lookup(className)?.declaration, let others = lookup(other.className)?.declaration else {
            return CIMName.equal(className, other.className) && keys == other.keys
        }
        guard mine.isSameOrDerived(from: others.name) || others.isSameOrDerived(from: mine.name) else { return false }
        let canonical = ((try? canonicalized(for: mine)) ?? self, (try? other.canonicalized(for: others)) ?? other)
        if canonical.0.keys == canonical.1.keys { return true }
        guard case .keys(let ours) = canonical.0.keys, case .keys(let theirs) = canonical.1.keys else { return false }
        let declared = mine.keyProperties
        guard ours.count == declared.count, theirs.count == declared.count else { return false }
        // One time may be written in two zones, and one reference in two ways.
        return zip(declared, zip(ours, theirs)).allSatisfy { property, keys in
            keys.0.value.value.read(as: property.type).map { ObjectRow.isSame($0, keys.1.value, lookup) } ?? false
        }
    }
}

extension ObjectLayout {
    /// Whether an object of the class has the keys of `path`, an instance's of the class, told without decoding it: `range` is one of those that
    /// ``rangesIfVerbatim(_:)`` gave. False says nothing: a closer look may find that they are the same.
    public func evidentlyHasKeys(of path: CIMObjectPath, at range: Range<Int>, in reader: BodyReader) -> Bool {
        guard case .keys(let asked) = path.keys, asked.count == keys.count else { return false }
        var reader = reader
        reader.move(to: range.lowerBound)
        guard classEntry.withUnsafeBytes({ reader.skip(ifNext: $0) }) else { return false }
        do throws(DBusDecodingError) {
            var slot = 0
            // Both are in the order of the class: the path is in its canonical form, or is not taken for the same.
            for (key, wanted) in zip(asked, keys) {
                guard let name = key.name, CIMName.equal(name, slots[wanted].name) else { return false }
                while true {
                    if reader.position >= range.upperBound { return false }
                    try reader.enterDictEntry()
                    guard let next = match(&reader, from: slot), next <= wanted else { return false }
                    slot = next + 1
                    if next == wanted { break }
                    guard try skipValue(&reader, next) else { return false }
                }
                guard case .string(let text) = key.value, slots[wanted].wire.isPlain, slots[wanted].extent == .text,
                    Self.equalIgnoringCase(try reader.readStringBytes(), text)
                else { return false }
            }
            return true
        } catch { return false }
    }

    private static func equalIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ text: String) -> Bool {
        let utf8 = text.utf8
        return utf8.count == bytes.count && zip(utf8, bytes).allSatisfy { $0 == $1 || CIMName.fold($0) == CIMName.fold($1) }
    }
}
