import CIM
import CIMBusWire
import DBus

/// One mapping that is served for a while, in a namespace that is there for it alone: with the namespace everything goes that the broker has of it.
public struct MappingTrial: Sendable {
    public let file: String
    public let namespace: CIMNamespaceName

    public init(file: String, namespace: CIMNamespaceName) {
        self.file = file
        self.namespace = namespace
    }

    /// Removes the namespace. Nothing happens where it is gone, or no broker is there.
    public func remove(on bus: BusAddress) async {
        guard let parent = namespace.parent, let name = namespace.text.split(separator: "/").last,
            let connection = try? await Connection.connect(to: bus)
        else { return }
        let message = try? Message.methodCall(
            destination: BusName(Contract.busName), path: Contract.path(of: parent), interface: Contract.services,
            member: MemberName(verified: "DeleteInstance"), flags: .noAutoStart,
            values: [.string("__NAMESPACE.Name=\"\(name)\""), .int32(0), .dictionary([])])
        if let message { _ = try? await connection.call(message, timeout: .seconds(25)) }
        await connection.close()
    }
}
