import CIM
import CIMAdoption
import CIMBusProvider
import DBus
import Synchronization

/// How much of one service's objects is followed, of all classes together.
final class FollowedRoom: Sendable {
    static let mostBytes = 16 << 20

    private let bytes = Mutex(0)

    /// False where there is no room for so much more; less always fits.
    func take(_ growth: Int) -> Bool {
        bytes.withLock { bytes in
            guard growth <= 0 || bytes + growth <= Self.mostBytes else { return false }
            bytes += growth
            return true
        }
    }
}

/// The objects of one class of which somebody wants to know how they change, as they are known to be.
struct FollowedObjects {
    /// So much is followed of one class.
    static let most = 20_000

    struct Object {
        var row: ObjectRow
        var instance: CIMInstance
        /// The number of the reply that said so: older signals are in it.
        var number: UInt32?
    }

    enum Change {
        case created(CIMInstance)
        case modified(CIMInstance, from: CIMInstance)
        case deleted(CIMInstance)
    }

    let adopted: AdoptedClass
    let signals: ClassContext.Signals
    /// What is read of an object, and what a signal's own arguments tell of one.
    let plan: ReadPlan
    private let bare: ReadPlan
    private let events: AdoptedEvents
    private(set) var objects: [ObjectPath: Object] = [:]
    private let room: FollowedRoom
    private(set) var isFull = false

    init(_ adopted: AdoptedClass, _ events: AdoptedEvents, _ room: FollowedRoom) throws(CIMError) {
        guard let signals = adopted.context.signals,
            let plan = ReadPlan(adopted, names: nil, hasColumns: false, isExistenceKnown: false),
            let bare = ReadPlan(adopted, names: nil, hasColumns: true, isExistenceKnown: true)
        else { throw CIMError(.failed, "nothing tells of the objects of \(adopted.name)") }
        self.adopted = adopted
        self.signals = signals
        self.plan = plan
        self.bare = bare
        self.events = events
        self.room = room
    }

    private func reader(_ calls: NumberedCalls) -> ServiceReader { ServiceReader(calls, events.classes, events.misfits).now }

    private func target(_ owner: BusName) -> ServiceTarget { ServiceTarget(adopted.context, owner: owner).withoutStart }

    // MARK: - Reading

    /// All objects that are there.
    func read(_ calls: NumberedCalls, _ owner: BusName) async throws -> [ObjectPath: Object] {
        let reader = reader(calls)
        var isList = false
        if case .list = adopted.context.source { isList = true }
        let rows = Box<[ObjectRow]>([])
        var request = ServiceReader.Request(names: isList ? [] : nil)
        request.wantsObjectsAlone = false
        var operation = await Operation(reader, adopted, request, target(owner))
        try await operation.all(ObjectReceiver(rows: { row, _ in if rows.value.count <= Self.most { rows.value.append(row) } }))
        var managed: UInt32?
        if case .managed(let manager) = adopted.context.source { managed = calls.takeNumber(of: manager) }
        var found: [ObjectPath: Object] = [:]
        if !isList {
            for row in rows.value {
                guard let path = row.path, let instance = reader.builder.instance(row, plan) else { continue }
                found[path] = Object(row: row, instance: instance, number: managed ?? calls.takeNumber(of: path))
            }
            return found
        }
        // Their rows say what they were as they were listed: what signals change is in their properties.
        var paths = rows.value.compactMap(\.path)[...]
        while !paths.isEmpty {
            let some = paths.prefix(ServiceConnections.callsInFlight)
            paths = paths.dropFirst(some.count)
            let followed = self
            try await withThrowingTaskGroup(of: (ObjectPath, Object?).self) { group in
                for path in some { group.addTask { (path, try await followed.read(path, reader, calls, owner)) } }
                for try await (path, object) in group { found[path] = object }
            }
        }
        return found
    }

    /// One object; nil where it is not there, or is none of the class.
    func read(_ path: ObjectPath, _ calls: NumberedCalls, _ owner: BusName) async throws -> Object? {
        try await read(path, reader(calls), calls, owner)
    }

    private func read(_ path: ObjectPath, _ reader: ServiceReader, _ calls: NumberedCalls, _ owner: BusName) async throws -> Object? {
        let operation = await Operation(reader, adopted, .init(), target(owner))
        guard let row = try await operation.fetch(ObjectRow(path: path), plan), let instance = reader.builder.instance(row, plan),
            RowConditions.hold(adopted.context.conditions, instance)
        else { return nil }
        return Object(row: row, instance: instance, number: calls.takeNumber(of: path))
    }

    /// The properties of one interface, anew.
    func refreshed(_ object: Object, _ interface: InterfaceName, _ calls: NumberedCalls, _ owner: BusName) async throws -> ObjectRow? {
        let operation = await Operation(reader(calls), adopted, .init(), target(owner))
        return try await operation.fetch(object.row, plan, [.all(interface)])
    }

    // MARK: - Changes

    /// What was looked at takes the place of what was known. The first time nobody is told anything: what is there is no event.
    mutating func replace(with found: [ObjectPath: Object]) -> [Change] {
        let before = objects
        let isFirst = !hasLooked
        forgetAll()
        hasLooked = true
        var changes: [Change] = []
        for (path, object) in found.sorted(by: { $0.key.text < $1.key.text }) {
            guard put(object, path), !isFirst else { continue }
            guard let old = before[path] else {
                changes.append(.created(object.instance))
                continue
            }
            if old.instance != object.instance { changes.append(.modified(object.instance, from: old.instance)) }
        }
        for (path, object) in before.sorted(by: { $0.key.text < $1.key.text }) where found[path] == nil {
            changes.append(.deleted(object.instance))
        }
        return changes
    }

    private var hasLooked = false

    private mutating func put(_ object: Object, _ path: ObjectPath) -> Bool {
        let size = object.instance.roughSize
        let old = objects[path]?.instance.roughSize ?? 0
        guard objects[path] != nil || objects.count < Self.most, room.take(size - old) else {
            isFull = true
            forget(path)
            return false
        }
        objects[path] = object
        return true
    }

    private mutating func forget(_ path: ObjectPath) {
        if let gone = objects.removeValue(forKey: path) { _ = room.take(-gone.instance.roughSize) }
    }

    mutating func forgetAll() { for path in Array(objects.keys) { forget(path) } }

    /// An object has come; nothing where it was known.
    mutating func came(_ object: Object, _ path: ObjectPath) -> [Change] {
        guard objects[path] == nil, put(object, path) else { return [] }
        return [.created(object.instance)]
    }

    /// An object has other properties.
    mutating func changed(_ row: ObjectRow, _ path: ObjectPath) -> [Change] {
        guard var object = objects[path], let instance = events.builder.instance(row, plan) else { return [] }
        let before = object.instance
        (object.row, object.instance) = (row, instance)
        guard put(object, path), instance != before else { return [] }
        return [.modified(instance, from: before)]
    }

    mutating func went(_ path: ObjectPath) -> [Change] {
        guard let object = objects[path] else { return [] }
        forget(path)
        return [.deleted(object.instance)]
    }

    /// What a signal's own arguments say of an object that cannot be asked any more; nil where they do not say whether it is one of the class.
    func bareInstance(_ row: ObjectRow) -> CIMInstance? {
        let instance = events.builder.earlyInstance(row, bare)
        guard adopted.keys.allSatisfy({ !(instance[$0.name]?.isNull ?? true) }), mayBe(row) else { return nil }
        return instance
    }

    /// Whether an object may be one of the class, as far as that can be told without asking it.
    func mayBe(_ row: ObjectRow) -> Bool {
        adopted.context.conditions.isEmpty || RowConditions.hold(adopted.context.conditions, events.builder.earlyInstance(row, bare))
    }
}

extension FollowedObjects.Change {
    var event: CIMInstance {
        switch self {
        case .created(let instance): CIMInstance(className: "__InstanceCreationEvent", ["TargetInstance": .object(instance)])
        case .modified(let instance, let before):
            CIMInstance(
                className: "__InstanceModificationEvent", ["TargetInstance": .object(instance), "PreviousInstance": .object(before)])
        case .deleted(let instance): CIMInstance(className: "__InstanceDeletionEvent", ["TargetInstance": .object(instance)])
        }
    }
}

extension ServiceTarget {
    /// Whoever listens does not start the service.
    var withoutStart: ServiceTarget {
        var target = self
        target.starts = false
        return target
    }
}
