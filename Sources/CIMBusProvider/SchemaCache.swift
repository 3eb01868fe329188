import CIM
import CIMBusWire
import DBus
import Synchronization

/// The classes of the broker's repository that a provider decodes with; each is fetched once in the life of a broker.
final class SchemaCache: Sendable {
    private struct Key: Hashable {
        var namespace: CIMNamespaceName
        var className: CIMName
    }

    private struct Entry {
        var declaration: CIMClass
        var layout: ObjectLayout
    }

    private let connection: Connection
    private let broker: BusName
    private let entries = Mutex<[Key: Entry]>([:])

    init(_ connection: Connection, _ broker: BusName) {
        self.connection = connection
        self.broker = broker
    }

    /// Nil when the broker does not know the class: then objects keep the types of the wire.
    func layout(of className: String, in namespace: CIMNamespaceName) async -> ObjectLayout? {
        await entry(className, namespace)?.layout
    }

    func layout(ofParameters method: String, of className: String, in namespace: CIMNamespaceName) async -> ObjectLayout? {
        guard let method = await entry(className, namespace)?.declaration.method(named: method) else { return nil }
        return ObjectLayout(parameters: method.parameters.filter(\.isIn))
    }

    /// A class that was fetched already.
    func known(_ className: String, in namespace: CIMNamespaceName) -> ObjectLayout? {
        entries.withLock { $0[Key(namespace: namespace, className: CIMName(className))]?.layout }
    }

    /// Keeps a class as the one of that name.
    func keep(_ declaration: CIMClass, named className: String, in namespace: CIMNamespaceName) -> ObjectLayout {
        let entry = Entry(declaration: declaration, layout: ObjectLayout(decoding: declaration))
        entries.withLock { $0[Key(namespace: namespace, className: CIMName(className))] = entry }
        return entry.layout
    }

    private func entry(_ className: String, _ namespace: CIMNamespaceName) async -> Entry? {
        let key = Key(namespace: namespace, className: CIMName(className))
        if let entry = entries.withLock({ $0[key] }) { return entry }
        do {
            let message = try Message.methodCall(
                destination: broker, path: Contract.path(of: namespace), interface: Contract.services,
                member: MemberName(verified: "GetObject"), values: [.string(className), .int32(0), .dictionary([])])
            var reader = try await connection.call(message).reader
            let declaration = try reader.readClass()
            let entry = Entry(declaration: declaration, layout: ObjectLayout(decoding: declaration))
            entries.withLock { $0[key] = entry }
            return entry
        } catch {
            return nil
        }
    }
}
