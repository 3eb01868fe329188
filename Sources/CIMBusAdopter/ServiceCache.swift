import CIMAdoption
import DBus
import Synchronization

/// What is kept of one process's objects, for as long as it owns the service's name: it hears the process's signals.
public final class ServiceCache: Sendable {
    private struct State {
        var properties = PropertyCache()
        /// The interfaces that somebody has asked, or asks, the service to describe.
        var asked: Set<InterfaceName> = []
        /// The process does not own the name any more, or the connection has ended: nothing is kept or found from then on.
        var isOver = false
    }

    /// The process.
    let owner: BusName
    private let state = Mutex(State())

    init(owner: BusName) { self.owner = owner }

    func end() { state.withLock { $0 = State(isOver: true) } }

    private func with<Result: Sendable>(_ otherwise: Result, _ body: (inout PropertyCache) -> Result) -> Result {
        state.withLock { $0.isOver ? otherwise : body(&$0.properties) }
    }

    // MARK: - Reading

    func found(_ path: ObjectPath, _ interface: InterfaceName, _ wanted: Set<String>) -> PropertyCache.Found? {
        with(nil) { $0.found(path, interface, wanted) }
    }

    /// The rows of an object manager, with their wanted properties.
    func rows(of manager: ObjectPath, having required: [InterfaceName], _ wanted: [InterfaceName: Set<String>]) -> [ObjectRow]? {
        with(nil) { properties in
            properties.objects(of: manager, having: required, wanted)?.map { path in
                var row = ObjectRow(path: path)
                for (interface, names) in wanted { row.take(properties.found(path, interface, names)?.values ?? [:], interface) }
                return row
            }
        }
    }

    /// - Parameter path: nil for the objects of a manager.
    func ticket(for path: ObjectPath?) -> PropertyCache.Ticket? { with(nil) { $0.ticket(for: path) } }

    func giveBack(_ ticket: PropertyCache.Ticket) { with(()) { $0.giveBack(ticket) } }

    func keep(_ values: [String: PropertyCache.Value], _ path: ObjectPath, _ interface: InterfaceName, _ ticket: PropertyCache.Ticket) {
        with(()) { $0.keep(values, path, interface, ticket) }
    }

    func keep(_ value: PropertyCache.Value, of place: PropertyPlace, _ path: ObjectPath, _ ticket: PropertyCache.Ticket) {
        with(()) { $0.keep(value, of: place.name, path, place.interface, ticket) }
    }

    func keep(managed reply: Message, of manager: ObjectPath, _ ticket: PropertyCache.Ticket) {
        guard let all = try? WireReading.managedObjects(reply) else { return giveBack(ticket) }
        with(()) { $0.keep(all, of: manager, ticket) }
    }

    /// Whether the caller is the one to ask what the service says of an interface.
    func isToDescribe(_ interface: InterfaceName) -> Bool { state.withLock { !$0.isOver && $0.asked.insert(interface).inserted } }

    func describe(_ reply: Message) {
        guard reply.hasSignature("s"), let xml = try? reply.values().first?.text, let object = try? ObjectDescription(xml: xml) else {
            return
        }
        with(()) { properties in for interface in object.interfaces { properties.describe(interface) } }
    }

    // MARK: - Signals

    static let signals: [(interface: InterfaceName, member: MemberName)] = [
        (.properties, MemberName(verified: "PropertiesChanged")),
        (.objectManager, MemberName(verified: "InterfacesAdded")),
        (.objectManager, MemberName(verified: "InterfacesRemoved")),
    ]

    private static let names = Signature(verified: "as")

    /// A signal of the process. One that cannot be read means that nothing that is kept can be trusted.
    func hear(_ signal: Message) {
        guard signal.sender == owner.text else { return }
        do { try take(signal) } catch { with(()) { $0.forgetAll() } }
    }

    private func take(_ signal: Message) throws {
        guard let text = signal.path else { return }
        var reader = signal.reader
        switch signal.member {
        case "PropertiesChanged":
            guard signal.hasSignature("sa{sv}as") else { return }
            let path = try ObjectPath(text)
            let interface = try InterfaceName(try reader.readString())
            let new = try WireReading.properties(&reader)
            let names = try reader.readValue(Self.names).elements?.compactMap(\.text) ?? []
            with(()) { $0.changed(path, interface, new, invalidated: names) }
        case "InterfacesAdded":
            guard signal.hasSignature("oa{sa{sv}}") else { return }
            let path = try reader.readObjectPath()
            let interfaces = try WireReading.interfaces(&reader)
            let manager = try ObjectPath(text)
            with(()) { $0.added(path, interfaces, by: manager) }
        case "InterfacesRemoved":
            guard signal.hasSignature("oas") else { return }
            let path = try reader.readObjectPath()
            let interfaces = (try reader.readValue(Self.names).elements ?? []).compactMap { $0.text.flatMap { try? InterfaceName($0) } }
            let manager = try ObjectPath(text)
            with(()) { $0.removed(path, interfaces, by: manager) }
        default: return
        }
    }
}

extension ObjectRow {
    mutating func take(_ values: [String: PropertyCache.Value], _ interface: InterfaceName) {
        for (name, kept) in values {
            let place = PropertyPlace(interface, name)
            if let value = kept.value { properties[place] = value } else { oversized.insert(place) }
        }
    }
}

extension WireReading {
    /// All entries of an `a{sv}`, with their sizes.
    static func properties(_ reader: inout BodyReader) throws(DBusDecodingError) -> [String: PropertyCache.Value] {
        var values: [String: PropertyCache.Value] = [:]
        let end = try reader.enterArray(elementAlignment: 8)
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            let name = try reader.readString()
            let start = reader.position
            let type = try reader.readVariantSignature()
            let value = try Self.value(&reader, type)
            values[name] = PropertyCache.Value(value: value?.unwrapped, bytes: value == nil ? 0 : reader.position - start)
        }
        try reader.leaveArray(end)
        return values
    }

    /// An `a{sa{sv}}`.
    static func interfaces(_ reader: inout BodyReader) throws(DBusDecodingError) -> [InterfaceName: PropertyCache.Interface] {
        var interfaces: [InterfaceName: PropertyCache.Interface] = [:]
        let end = try reader.enterArray(elementAlignment: 8)
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            let name = try? InterfaceName(try reader.readString())
            let values = try properties(&reader)
            if let name { interfaces[name] = PropertyCache.Interface(values: values) }
        }
        try reader.leaveArray(end)
        return interfaces
    }

    /// A reply to GetManagedObjects.
    static func managedObjects(_ reply: Message) throws(DBusDecodingError) -> [ObjectPath: [InterfaceName: PropertyCache.Interface]] {
        var all: [ObjectPath: [InterfaceName: PropertyCache.Interface]] = [:]
        var reader = reply.reader
        let end = try reader.enterArray(elementAlignment: 8)
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            let path = try reader.readObjectPath()
            all[path] = try interfaces(&reader)
        }
        try reader.leaveArray(end)
        return all
    }
}
