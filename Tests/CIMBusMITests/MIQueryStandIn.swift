import CIM
import CIMBusWire
import DBus
import WireTestKit

/// Stands in for a broker to see what a client asks: it owns the name, keeps the queries, and answers each with nothing, and a status.
final class MIQueryStandIn: Sendable {
    struct Query: Hashable, Sendable {
        var language: String
        var text: String
    }

    let queries = Recorder<Query>()
    private let connection: Connection

    init(on bus: PrivateBus, ending status: WBEMStatus = .noError, saying words: String? = nil) async throws {
        connection = try await bus.connect()
        let (queries, connection) = (queries, connection)
        let object = DBusValue.dictionary(
            words.map { [("__CLASS", .string("__ExtendedStatus")), ("Description", .string($0))] } ?? [])
        let method = MethodImplementation.immediate { call in
            guard let values = try? call.message.values(), values.count == 5, let sink = values[4].text else { return }
            call.reply([.objectPath(Contract.path(ofOperation: 1))])
            let message = try? Message.methodCall(
                destination: BusName(verified: call.sender ?? ""), path: ObjectPath(verified: sink), interface: Contract.objectSink,
                member: MemberName(verified: "SetStatus"), flags: .noReplyExpected,
                values: [.int32(StatusType.complete), .uint32(status.rawValue), .string(""), object])
            if let message { connection.loop.execute { connection.assumeIsolated { _ = try? $0.send(message) } } }
            queries.record(Query(language: values[0].text ?? "", text: values[1].text ?? ""))
        }
        let services = ExportedObject([ExportedInterface(Interfaces.services, methods: ["ExecQueryAsync": method])])
        _ = await connection.export(services, at: Contract.path(of: .cimv2))
        _ = try await connection.requestName(Contract.busName)
    }
}
