import CIMBusCore
import CIMBusWire
import DBus

/// Changes of properties that are told on the bus: of one object at most once a second, and of all objects so many a second. A change that has
/// been undone by then is not told.
///
/// Whoever subscribes to signals and reads none has the bus hold them, and the bus stops reading the broker when it holds too many of the
/// broker's. Signals are in nobody's account, so they are few.
struct Announcements {
    /// Whose properties they are.
    enum Subject: Hashable {
        case registration(RegistrationID)
        case connections
        case namespaces
        case eventSink(EventSourceID)
    }

    private struct Object {
        var told: [DBusValue?]
        var isWaiting = false
    }

    private var objects: [Subject: Object] = [:]
    /// Those whose turn comes with the next second, in order.
    private var waiting: [Subject] = []
    private var left = Self.most
    /// Whether a second is under way, at whose end ``second()`` is called.
    private var isCounting = false

    static let interval = Duration.seconds(1)
    /// Of all objects, in a second.
    private static let most = 64

    /// - Parameter values: those that the properties have now.
    /// - Parameter hold: whether nothing is to be told now, since the bus holds too much.
    /// - Returns: whether they are to be told now. If not, they are what was told last, or are asked for again (``second()``).
    mutating func tells(_ values: [DBusValue?], of subject: Subject, hold: Bool = false) -> Bool {
        if objects[subject]?.isWaiting == true || objects[subject]?.told == values { return false }
        guard !hold, left > 0, objects[subject] == nil || !isCounting else {
            objects[subject, default: Object(told: [])].isWaiting = true
            waiting.append(subject)
            return false
        }
        left -= 1
        objects[subject] = Object(told: values)
        return true
    }

    /// - Returns: whether ``second()`` is to be called in a second; true once.
    mutating func begins() -> Bool {
        guard !isCounting, left < Self.most || !waiting.isEmpty else { return false }
        isCounting = true
        return true
    }

    /// A second is over. Those that wait are asked for again, as many as there is room for.
    mutating func second() -> [Subject] {
        isCounting = false
        left = Self.most
        let next = Array(waiting.prefix(Self.most))
        waiting.removeFirst(next.count)
        for subject in next { objects[subject]?.isWaiting = false }
        return next
    }

    /// The object is gone.
    mutating func forget(_ subject: Subject) {
        objects[subject] = nil
        waiting.removeAll { $0 == subject }
    }
}

extension Broker {
    private static let registrationProperties = ["Owner", "ProcessID", "UserID", "Classes", "State", "Warnings", "Attachment"]

    /// Tells who listens that properties may have changed.
    func announce(_ subject: Announcements.Subject) {
        let (names, interface, path, values): ([String], InterfaceName, ObjectPath, [DBusValue?])
        var receiver: BusName?
        switch subject {
        case .registration(let id):
            guard let known = registrations.path(of: id) else { return }
            (names, interface, path) = (Self.registrationProperties, Contract.registration, known)
            values = names.map { registrationProperty($0, id) }
        case .connections:
            (names, interface, path, values) = (["Connections"], Contract.broker, Contract.rootPath, [.strings(connectionNames)])
        case .eventSink(let id):
            // What others ask for is nobody's but the provider's to know.
            guard let source = core.events.sources[id], let owner = peers.name(of: source.peer) else { return }
            (names, interface, path) = (["Queries"], Contract.eventSink, Contract.path(ofEventSink: id.number))
            values = [queries(of: source)]
            receiver = owner
        case .namespaces:
            (names, interface, path, values) = (["Namespaces"], Contract.broker, Contract.rootPath, [.strings(schema.names.map(\.text))])
        }
        if announcements.tells(values, of: subject, hold: burden.isAlarmed) {
            connection.assumeIsolated { $0.emitPropertiesChanged(names, of: interface, at: path, to: receiver) }
        }
        countSecond()
    }

    private func countSecond() {
        guard announcements.begins() else { return }
        loop.schedule(after: Announcements.interval) { [weak self] in
            self?.assumeIsolated { broker in
                for subject in broker.announcements.second() { broker.announce(subject) }
                broker.countSecond()
            }
        }
    }
}
