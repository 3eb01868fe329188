import DBus
import Glibc

/// What stands between a client and a service and does nothing: it passes each call on and each reply back, bodies unread, with the connection
/// library that the broker uses. No broker on the bus can be faster.
enum Relay {
    static func run(_ address: String, to service: String) async throws {
        let connection = try await Connection.connect(to: .address(address), on: EventLoop(name: "relay"))
        let name = BusName(verified: service)
        await connection.setInbound { call in
            guard call.interface == benchInterface.text else { return false }
            connection.assumeIsolated { pass(call, to: name, on: $0) }
            return true
        }
        print(connection.uniqueName.text)
        fflush(nil)
        _ = await connection.closed
    }

    private static func pass(_ call: Message, to service: BusName, on connection: isolated Connection) {
        let answer = connection.methodCall(call)
        guard let forward = try? call.forwarded(to: service) else { return }
        connection.call(forward) { result in
            switch result {
            case .success(let reply):
                let client = call.sender.map { BusName(verified: $0) }
                if let back = try? reply.forwarded(to: client, replySerial: call.serial) { answer.reply(with: back) }
            case .failure(let error): answer.fail(error)
            }
        }
    }
}
