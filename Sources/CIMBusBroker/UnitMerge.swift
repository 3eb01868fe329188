import CIM
import CIMBusWire
import DBus

/// Completes the objects of one unit of a hierarchy by what the unit above says about the same instances (Semantics C.3, C.4).
struct UnitMerge {
    private let layouts: ObjectChecker.Lookup
    /// The row of the ancestor's class that came last.
    private var ancestor: ObjectRow?
    private var merges: [Pair: ObjectMerge] = [:]

    /// An object's class and the one of its ancestor's object.
    private struct Pair: Hashable {
        let derived: ObjectIdentifier
        let ancestor: ObjectIdentifier
    }

    init(_ layouts: @escaping ObjectChecker.Lookup) { self.layouts = layouts }

    /// A batch, each object with what is in the table about it, which is taken out; all of it as it is where there is no table.
    ///
    /// Where classes below are still to come, what has a key goes `into` their table, and only the rest is returned.
    mutating func completed(_ objects: CheckedObjects, from above: MergeTable?, into table: MergeTable?) throws(CIMError) -> CheckedObjects?
    {
        if above == nil, table == nil { return objects }
        var selection = ObjectSelection()
        var keys: [[UInt8]?] = []
        var key: [UInt8] = []
        var failure: CIMError?
        try forEach(objects) { row, merge in
            guard failure == nil else { return }
            key.removeAll(keepingCapacity: table == nil)
            let hasKey = row.appendKey(to: &key)
            if table != nil { keys.append(hasKey ? key : nil) }
            guard let above else { return }
            do throws(CIMError) {
                if hasKey, let theirs = try above.remove(key) {
                    merge.append(row, theirs, to: &selection)
                } else {
                    selection.append(whole: row)
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        let result = above == nil ? objects : try Self.finish(selection)
        guard let table else { return result }
        let (bytes, ranges) = result.contents
        try table.insert(zip(keys, ranges).compactMap { key, range in key.map { ($0, range) } }, of: bytes)
        let others = zip(keys, ranges).compactMap { key, range in key == nil ? range : nil }
        if others.isEmpty { return nil }
        do throws(ObjectFault) { return try result.keeping(others) } catch { throw CIMError(error.resultStatus, error.description) }
    }

    /// One object, with what an ancestor's object says about the same instance.
    mutating func completed(_ object: CheckedObjects, with ancestor: CheckedObjects) throws(CIMError) -> CheckedObjects {
        let (reader, ranges) = ancestor.contents
        guard let range = ranges.first else { return object }
        var selection = ObjectSelection()
        try forEach(object) { row, merge in merge.append(row, (reader, range), to: &selection) }
        return try Self.finish(selection)
    }

    private mutating func forEach(
        _ objects: CheckedObjects, _ body: (borrowing ObjectRow, inout UnitMerge) -> Void
    ) throws(CIMError) {
        do throws(ObjectFault) {
            try objects.forEach(layouts, prepare: { _ in }) { row, _, _ in body(row, &self) }
        } catch {
            throw CIMError(error.resultStatus, error.description)
        }
    }

    private mutating func append(
        _ row: borrowing ObjectRow, _ theirs: (reader: BodyReader, range: Range<Int>), to selection: inout ObjectSelection
    ) {
        if ancestor?.read(theirs.range, in: theirs.reader) != true {
            ancestor = layouts(ObjectRow.className(at: theirs.range, in: theirs.reader)).map { ObjectRow($0, in: theirs.reader) }
            guard ancestor?.read(theirs.range) == true else { return selection.append(whole: row) }
        }
        guard let ancestor else { return }
        let pair = Pair(derived: ObjectIdentifier(row.layout), ancestor: ObjectIdentifier(ancestor.layout))
        let merge = merges[pair] ?? ObjectMerge(of: row.layout, with: ancestor.layout)
        merges[pair] = merge
        selection.append(copy row, merging: ancestor, merge)
    }

    private static func finish(_ selection: consuming ObjectSelection) throws(CIMError) -> CheckedObjects {
        do throws(ObjectFault) { return .rewritten(try selection.finish()) } catch { throw CIMError(error.resultStatus, error.description) }
    }
}

/// The merge of a whole hierarchy, one unit after the other, each after the unit above it.
final class HierarchyMerge {
    /// Of the units that have others below them.
    let tables: [Int: MergeTable]
    private var merge: UnitMerge

    init(_ inner: Set<Int>, _ budget: MergeBudget, _ merge: UnitMerge) {
        tables = Dictionary(uniqueKeysWithValues: inner.map { ($0, MergeTable(budget)) })
        self.merge = merge
    }

    /// A batch of a unit, completed by what the unit above it has; nil where units below it are still to complete all of it.
    func completed(_ objects: CheckedObjects, of unit: Int, below above: Int?) throws(CIMError) -> CheckedObjects? {
        try merge.completed(objects, from: above.flatMap { tables[$0] }, into: tables[unit])
    }
}
