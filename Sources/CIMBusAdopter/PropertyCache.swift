import CIMAdoption
import DBus

/// What is known of the properties of one service's objects: by its replies, and by the signals with which it says what has changed. It knows no
/// bus.
///
/// Replies and signals come in the order in which the service sent them, but a reply is looked at later than it came. So whoever asks takes a ticket
/// before. A signal about an object takes the tickets for it away, and what a reply without a ticket says is not kept.
struct PropertyCache {
    /// So much is kept. What would be more takes the place of all that was there.
    static let mostObjects = 20_000
    static let mostBytes = 32 << 20
    /// Tickets of operations that ended before they looked at a reply are not given back.
    static let mostTickets = 4096

    /// A value, and what it takes on the wire. Nil: the value is too large.
    struct Value {
        var value: DBusValue?
        var bytes: Int
    }

    /// The properties of one interface that an object has.
    struct Interface {
        var values: [String: Value] = [:]
        /// What a signal said that it changed, without the new value.
        var stale: Set<String> = []
        var bytes: Int { values.reduce(0) { $0 + $1.value.bytes + $1.key.utf8.count } }
    }

    /// The right to keep what a reply says.
    struct Ticket: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    /// What is kept of the wanted properties, and what is to be asked for.
    struct Found {
        var values: [String: Value]
        var missing: Set<String>
    }

    private struct Object {
        var interfaces: [InterfaceName: Interface] = [:]
        var bytes = 0
    }

    private var objects: [ObjectPath: Object] = [:]
    /// The objects of object managers whose every object is kept.
    private var managed: [ObjectPath: Set<ObjectPath>] = [:]
    /// Of each interface the properties of whose changes the service says nothing.
    private var silent: [InterfaceName: Set<String>] = [:]
    /// What the tickets are for; nil: all that an object manager has.
    private var tickets: [Ticket: ObjectPath?] = [:]
    private var lastTicket: UInt64 = 0
    private(set) var bytes = 0

    var objectCount: Int { objects.count }

    // MARK: - Questions

    mutating func ticket(for path: ObjectPath?) -> Ticket {
        if tickets.count >= Self.mostTickets { tickets = [:] }
        lastTicket += 1
        let ticket = Ticket(number: lastTicket)
        tickets[ticket] = .some(path)
        return ticket
    }

    /// Nobody will use it any more.
    mutating func giveBack(_ ticket: Ticket) { tickets[ticket] = nil }

    /// Whether it is known which properties of the interface change without a signal. Until then nothing of the interface is found.
    func isDescribed(_ interface: InterfaceName) -> Bool { silent[interface] != nil }

    mutating func describe(_ description: InterfaceDescription) {
        silent[description.name] = Set(description.properties.filter { $0.changes == .none }.map(\.name.text))
    }

    /// Nil where nothing is kept of the object's interface.
    func found(_ path: ObjectPath, _ interface: InterfaceName, _ wanted: Set<String>) -> Found? {
        guard let kept = objects[path]?.interfaces[interface], let silent = silent[interface] else { return nil }
        let missing = wanted.intersection(kept.stale.union(silent))
        var values: [String: Value] = [:]
        for name in wanted where !missing.contains(name) { values[name] = kept.values[name] }
        return Found(values: values, missing: missing)
    }

    /// The objects of a manager that have the interfaces; nil where they are not kept, or one of their wanted properties is not.
    func objects(of manager: ObjectPath, having required: [InterfaceName], _ wanted: [InterfaceName: Set<String>]) -> [ObjectPath]? {
        guard let all = managed[manager] else { return nil }
        var found: [ObjectPath] = []
        for path in all {
            guard let object = objects[path] else { return nil }
            guard required.allSatisfy({ object.interfaces[$0] != nil }) else { continue }
            for (interface, names) in wanted where object.interfaces[interface] != nil {
                guard let kept = self.found(path, interface, names), kept.missing.isEmpty else { return nil }
            }
            found.append(path)
        }
        return found.sorted { $0.text < $1.text }
    }

    // MARK: - Replies

    /// Keeps all properties of an object's interface.
    mutating func keep(_ values: [String: Value], _ path: ObjectPath, _ interface: InterfaceName, _ ticket: Ticket) {
        guard use(ticket) else { return }
        put(Interface(values: values), path, interface)
    }

    /// Keeps one property of an interface of which the others are kept.
    mutating func keep(_ value: Value, of name: String, _ path: ObjectPath, _ interface: InterfaceName, _ ticket: Ticket) {
        guard use(ticket), var kept = objects[path]?.interfaces[interface] else { return }
        kept.values[name] = value
        kept.stale.remove(name)
        put(kept, path, interface)
    }

    /// Keeps all that an object manager has.
    mutating func keep(_ all: [ObjectPath: [InterfaceName: Interface]], of manager: ObjectPath, _ ticket: Ticket) {
        guard use(ticket) else { return }
        for path in managed.removeValue(forKey: manager) ?? [] { remove(path) }
        let size = all.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.bytes } }
        guard all.count <= Self.mostObjects, size <= Self.mostBytes else { return }
        if objects.count + all.count > Self.mostObjects || bytes + size > Self.mostBytes { removeAll() }
        for (path, interfaces) in all {
            remove(path)
            for (interface, values) in interfaces { put(values, path, interface) }
        }
        managed[manager] = Set(all.keys)
    }

    private mutating func use(_ ticket: Ticket) -> Bool { tickets.removeValue(forKey: ticket) != nil }

    private mutating func put(_ kept: Interface, _ path: ObjectPath, _ interface: InterfaceName) {
        let size = kept.bytes
        var object = objects[path] ?? Object()
        let growth = size - (object.interfaces[interface]?.bytes ?? 0)
        if bytes + growth > Self.mostBytes || (objects[path] == nil && objects.count >= Self.mostObjects) {
            removeAll()
            guard size <= Self.mostBytes else { return }
            object = Object(interfaces: [interface: kept], bytes: size)
            (objects[path], bytes) = (object, size)
            return
        }
        object.interfaces[interface] = kept
        object.bytes += growth
        bytes += growth
        objects[path] = object
    }

    /// The object is not known any more, and a listing that has it is none.
    private mutating func remove(_ path: ObjectPath) {
        guard let object = objects.removeValue(forKey: path) else { return }
        bytes -= object.bytes
        for manager in Array(managed.keys) where managed[manager]?.contains(path) ?? false { managed[manager] = nil }
    }

    private mutating func removeAll() { (objects, managed, bytes) = ([:], [:], 0) }

    /// Something was not understood: nothing that is kept, or under way, can be trusted.
    mutating func forgetAll() {
        removeAll()
        tickets = [:]
    }

    // MARK: - Signals

    /// `PropertiesChanged`.
    mutating func changed(_ path: ObjectPath, _ interface: InterfaceName, _ new: [String: Value], invalidated: [String]) {
        revoke(path)
        guard var kept = objects[path]?.interfaces[interface] else { return }
        for (name, value) in new {
            kept.values[name] = value
            kept.stale.remove(name)
        }
        // One that nobody knew may have a value now: then the interface is asked for anew.
        guard invalidated.allSatisfy({ kept.values[$0] != nil }) else { return remove(path) }
        kept.stale.formUnion(invalidated)
        put(kept, path, interface)
    }

    /// `InterfacesAdded`, with the interfaces' properties.
    mutating func added(_ path: ObjectPath, _ interfaces: [InterfaceName: Interface], by manager: ObjectPath) {
        revoke(path)
        for (interface, values) in interfaces { put(values, path, interface) }
        managed[manager]?.insert(path)
    }

    /// `InterfacesRemoved`.
    mutating func removed(_ path: ObjectPath, _ interfaces: [InterfaceName], by manager: ObjectPath) {
        revoke(path)
        guard var object = objects[path] else { return }
        for interface in interfaces {
            guard let gone = object.interfaces.removeValue(forKey: interface) else { continue }
            object.bytes -= gone.bytes
            bytes -= gone.bytes
        }
        objects[path] = object.interfaces.isEmpty ? nil : object
        if object.interfaces.isEmpty { managed[manager]?.remove(path) }
    }

    private mutating func revoke(_ path: ObjectPath) {
        for (ticket, about) in tickets where about == nil || about == path { tickets[ticket] = nil }
    }
}
