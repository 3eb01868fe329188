import CIM
import CIMBusWire
import CIMRepository
import DBus

/// The instances of a class and of those below it, as one look found them.
struct PolledInstances {
    /// What tells an instance from the others: its class, and its keys as ``ObjectRow/appendKey(to:)`` writes them.
    typealias Key = [UInt8]

    private struct Place {
        let batch: Int
        let range: Range<Int>
    }

    private var batches: [BodyReader] = []
    private var places: [Key: Place] = [:]
    /// The instances in the order in which they came.
    private(set) var keys: [Key] = []
    /// About what it takes of memory.
    private(set) var bytes = 0
    /// The most that it may take.
    private let most: Int
    /// Why it is of no use.
    private(set) var failure: CIMError?

    /// What the entry of an instance takes beside its bytes: two keys, a place, and their share of the tables.
    private static let overhead = 160

    init(most: Int) { self.most = most }

    /// Takes what a provider, or the repository, hands out.
    mutating func add(_ objects: CheckedObjects, _ layouts: ObjectChecker.Lookup) {
        guard failure == nil else { return }
        let (reader, ranges) = ObjectBatch(verbatim: objects.contents.reader, ranges: objects.contents.ranges).contents
        batches.append(reader)
        var rows: [CIMName: ObjectRow] = [:]
        for range in ranges {
            let name = CIMName(ObjectRow.className(at: range, in: reader))
            var key = Array(CIMName.folded(name.text).utf8) + [0]
            guard var row = rows[name] ?? layouts(name.text).map({ ObjectRow($0, in: reader) }), row.read(range), row.appendKey(to: &key)
            else {
                failure = CIMError(.failed, "an instance of \(name) has no keys by which it could be known again")
                return
            }
            rows[name] = row
            if places.updateValue(Place(batch: batches.count - 1, range: range), forKey: key) == nil { keys.append(key) }
            bytes += range.count + 2 * key.count + Self.overhead
        }
        if bytes > most {
            failure = CIMError(
                .quotaViolation, "its instances take more than \(most) bytes, which is what one user may have of polled ones")
        }
    }

    func contains(_ key: Key) -> Bool { places[key] != nil }

    /// Where the instance's entries lie; nil where it is not there.
    func entries(of key: Key) -> (reader: BodyReader, range: Range<Int>)? {
        places[key].map { (batches[$0.batch], $0.range) }
    }

    /// Whether the instance is, byte for byte, what it was.
    func isSame(_ key: Key, as older: PolledInstances) -> Bool {
        guard let new = entries(of: key), let old = older.entries(of: key) else { return false }
        return new.range.count == old.range.count
            && new.reader.bytes(in: new.range).elementsEqual(old.reader.bytes(in: old.range))
    }

    /// The instance as a value, with the types of the wire.
    func instance(_ key: Key) -> CIMInstance? {
        guard let (reader, range) = entries(of: key) else { return nil }
        var selection = ObjectSelection()
        selection.append(whole: range, of: reader)
        return (try? selection.finish())?.instance
    }
}

/// A difference between two looks.
struct PolledChange {
    enum Kind: String {
        case creation = "__InstanceCreationEvent"
        case modification = "__InstanceModificationEvent"
        case deletion = "__InstanceDeletionEvent"
    }

    let kind: Kind
    let className: String
    let before: CIMInstance?
    let after: CIMInstance?
    /// The properties that differ, of a modification.
    var differing: [String] = []

    /// The event that tells of it, with the path of each object; nil where its class has gone.
    func event(in namespace: CIMNamespaceName, _ schema: Schema) -> CIMInstance? {
        guard let target = try? (after ?? before)?.placed(in: namespace, schema: schema) else { return nil }
        var event = CIMInstance(className: kind.rawValue, ["TargetInstance": .object(target)])
        if kind == .modification, let before = try? before?.placed(in: namespace, schema: schema) {
            event["PreviousInstance"] = .object(before)
        }
        return event
    }
}

extension PolledInstances {
    /// What is different: deletions first, so that an instance that took another's place comes after that one's end.
    func changes(since older: PolledInstances, _ layouts: ObjectChecker.Lookup) -> [PolledChange] {
        var changes: [PolledChange] = []
        for key in older.keys where !contains(key) {
            guard let before = older.instance(key) else { continue }
            changes.append(PolledChange(kind: .deletion, className: before.className, before: before, after: nil))
        }
        for key in keys {
            if !older.contains(key) {
                guard let after = instance(key) else { continue }
                changes.append(PolledChange(kind: .creation, className: after.className, before: nil, after: after))
            } else if !isSame(key, as: older), let before = older.instance(key), let after = instance(key) {
                let differing = differences(of: key, from: older, layouts(after.className))
                if differing.isEmpty { continue }
                changes.append(
                    PolledChange(kind: .modification, className: after.className, before: before, after: after, differing: differing))
            }
        }
        return changes
    }

    private func differences(of key: Key, from older: PolledInstances, _ layout: ObjectLayout?) -> [String] {
        guard let layout, let new = entries(of: key), let old = older.entries(of: key) else { return [] }
        var now = ObjectRow(layout, in: new.reader)
        var then = ObjectRow(layout, in: old.reader)
        guard now.read(new.range), then.read(old.range) else { return [] }
        let names = layout.declaration?.properties.map(\.name) ?? []
        return names.filter { name in layout.slot(named: name).map { now.value(ofSlot: $0) != then.value(ofSlot: $0) } ?? false }
    }
}
