import CIM
import CIMBusWire
import CIMQuery
import DBus
import Glibc

/// What is the same in all events of one class.
final class EventShape {
    let layout: ObjectLayout
    let declaration: CIMClass
    /// Those of the namespace.
    fileprivate let classes: ClassLookup
    fileprivate let time: Int?
    fileprivate let audience: Int?
    /// Where the object is that the event is about.
    fileprivate let targets: [Int]

    init(_ layout: ObjectLayout, classes: @escaping ClassLookup) throws(ObjectFault) {
        guard let declaration = layout.declaration else { throw ObjectFault("class \(layout.className) is not known") }
        self.layout = layout
        self.declaration = declaration
        self.classes = classes
        time = layout.slot(named: "TIME_CREATED")
        audience = layout.slot(named: "SECURITY_DESCRIPTOR")
        targets = ["TargetInstance", "TargetClass"].compactMap { layout.slot(named: $0) }
    }
}

/// One event on its way to whoever wants it: where it lies, in the forms in which subscribers get it, and what was decoded of it.
///
/// In an event the system properties that say where an object is are NULL (Semantics J.1); the objects embedded in it keep their own.
struct RaisedEvent {
    let shape: EventShape
    /// The class of its TargetInstance, or its TargetClass, where it has one that is there.
    let target: CIMClass?
    /// Who may have it, in words such as "uid:1000 gid:100"; nil: whoever could subscribe.
    let audience: EventAudience?
    private let row: ObjectRow
    /// With no system property but the class, as ``row`` lies in it.
    private let bare: ObjectBatch
    /// With the system properties that follow from the class.
    private var full: ObjectBatch?
    private var values: [Int: CIMValue] = [:]

    var declaration: CIMClass { shape.declaration }
    var layout: ObjectLayout { shape.layout }

    /// The system properties that an event has.
    private static let system: ObjectRow.SystemProperties = [.genus, .superclass, .dynasty, .propertyCount, .derivation]

    /// - Parameter source: a row at a checked object that has its system properties.
    init(_ source: borrowing ObjectRow, _ shape: EventShape) throws(ObjectFault) {
        self.shape = shape
        let isTimed = shape.time.map { !source.value(ofSlot: $0).isNull } ?? true
        var selection = ObjectSelection()
        selection.append(source, keeping: nil, system: [], adding: isTimed ? [] : [("TIME_CREATED", .uint64(Self.now))])
        bare = try selection.finish()
        let (reader, ranges) = bare.contents
        var row = ObjectRow(shape.layout, in: reader)
        guard let range = ranges.first, row.read(range) else {
            throw ObjectFault("an event of class \(shape.layout.className) cannot be read")
        }
        self.row = row
        var target: CIMClass?
        for slot in shape.targets { if case .object(let object) = row.value(ofSlot: slot) { target = shape.classes(object.className) } }
        self.target = target
        audience = try shape.audience.flatMap { (slot) throws(ObjectFault) in try EventAudience(descriptor: row.value(ofSlot: slot)) }
    }

    /// 100 ns since 1601, UTC.
    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec) + 11_644_473_600) * 10_000_000 + UInt64(time.tv_nsec) / 100
    }

    /// The value of a property, in the types of the classes.
    mutating func value(ofSlot slot: Int) -> CIMValue {
        if let known = values[slot] { return known }
        var value = row.value(ofSlot: slot)
        if case .object(let inner) = value { value = .object(ObjectTypes(classes: shape.classes).typed(inner)) }
        values[slot] = value
        return value
    }

    /// The value of a property by its name; NULL where the class has none.
    mutating func value(of property: String) -> CIMValue { layout.slot(named: property).map { value(ofSlot: $0) } ?? .null }

    /// The event as a subscriber gets it.
    /// - Parameter kept: the slots that the subscriber wants; nil: all.
    mutating func batch(isBare: Bool, keeping kept: [Bool]?) throws(ObjectFault) -> ObjectBatch {
        if kept == nil, isBare { return bare }
        if kept == nil, let full { return full }
        var selection = ObjectSelection()
        selection.append(row, keeping: kept, system: isBare ? [] : Self.system)
        let batch = try selection.finish()
        if kept == nil { full = batch }
        return batch
    }
}

extension ObjectBatch {
    /// The first object as an instance, with the types of the wire.
    var instance: CIMInstance? {
        var writer = BodyWriter()
        writer.append(object: self)
        guard let bytes = try? writer.finish() else { return nil }
        var reader = bytes.withUnsafeBytes { BodyReader(copying: $0) }
        return try? reader.readInstance()
    }
}

/// An event as a condition sees it.
struct EventRow: QueryRow {
    let values: [CIMValue]

    init(_ event: inout RaisedEvent, _ columns: [FilterShape.Column]) {
        values = columns.map { column in
            switch column {
            case .slot(let slot): event.value(ofSlot: slot)
            case .constant(let value): value
            case .relativePath, .path: .null
            }
        }
    }

    func value(at index: Int) -> CIMValue { index < values.count ? values[index] : .null }
}

/// Who may have events: some users and groups, and root (Semantics J.7). CIMBus reads descriptors as words, as it does those of providers.
struct EventAudience: Hashable, Sendable {
    private var users: Set<UInt32> = []
    private var groups: Set<UInt32> = []

    /// Throws for what is none of the words.
    init(_ text: String) throws(ObjectFault) {
        for word in text.split(whereSeparator: { " ,;".contains($0) }) {
            if word.hasPrefix("uid:"), let uid = UInt32(word.dropFirst(4)) {
                users.insert(uid)
            } else if word.hasPrefix("gid:"), let gid = UInt32(word.dropFirst(4)) {
                groups.insert(gid)
            } else {
                throw ObjectFault(
                    "\"\(String(word).clipped(40))\" says nothing about who may have an event; write words such as \"uid:1000 gid:100\"")
            }
        }
    }

    /// A SECURITY_DESCRIPTOR, whose bytes are the text; nil for NULL.
    init?(descriptor: CIMValue) throws(ObjectFault) {
        guard let bytes = descriptor.arrayValue else { return nil }
        try self.init(String(decoding: bytes.compactMap { $0.uint64Value.map { UInt8(truncatingIfNeeded: $0) } }, as: UTF8.self))
    }

    func includes(uid: UInt32, groups: [UInt32]) -> Bool {
        uid == 0 || users.contains(uid) || groups.contains { self.groups.contains($0) }
    }
}
