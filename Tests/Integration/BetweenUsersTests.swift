import CIM
import CIMBusTestKit
import CIMBusWire
import DBus
import Glibc
import Testing

extension Integration {
    /// What one user does must not hold up another's (L13). The other user is a process with uid 65534.
    @Suite(.enabled(if: getuid() == 0), .timeLimit(.minutes(1)))
    struct BetweenUsersTests {
        @Test(
            "L13: 640 calls of one user's ten connections hold up the call of another user, which came behind them, for a part of them only"
        )
        func turns() async throws {
            let scene = try await Scene.start(bus: try await PrivateBus.start(allUsers: true))
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            var flooders: [Connection] = []
            for _ in 0..<10 { flooders.append(try await scene.bus.connect()) }
            let path = "Test_Thing.Name=\"thing0\""
            scene.broker.process.stop()
            for connection in flooders {
                for number in 0..<64 {
                    let call = try Message.methodCall(
                        destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
                        member: MemberName(verified: "GetObjectAsync"), flags: .noReplyExpected,
                        values: [.string(path), .int32(0), .dictionary([]), .objectPath(ObjectPath(verified: "/sink\(number)"))])
                    try await connection.send(call)
                }
                // The bus has read what was sent before.
                _ = try await connection.busID()
            }
            let watcher = try await scene.bus.connect()
            let seen = Recorder<String>()
            await watcher.setInbound { message in
                seen.record(message.sender ?? "")
                return true
            }
            let rule = "type='method_call',interface='org.cimbus1.Services'"
            _ = try await watcher.call(
                Message.methodCall(
                    destination: .bus, path: ObjectPath(verified: "/org/freedesktop/DBus"),
                    interface: InterfaceName(verified: "org.freedesktop.DBus.Monitoring"), member: MemberName(verified: "BecomeMonitor"),
                    values: [.strings([rule]), .uint32(0)]))
            let bus = scene.bus
            async let answer = bus.callAsStranger(
                Contract.path(of: .cimv2), Contract.services, ["GetObjectAsync", "sia{sv}o", path, "0", "0", "/sink"])
            try await seen.wait("the stranger's call to be in the broker's line at the bus") { !$0.isEmpty }
            scene.broker.process.signal(SIGCONT)
            let text = try await answer
            let number = try #require(text.split(separator: "/").last.flatMap { UInt64($0.dropLast(2)) }, "\(text)")
            #expect(number < 400, "it is the \(number)th that was served")
            // Nothing of the others' is lost; the stranger has left with what was open.
            try await scene.eventually("all of them") {
                try await scene.client.property(Contract.rootPath, Contract.broker, "OpenOperations") == .uint32(640)
            }
        }
    }
}
