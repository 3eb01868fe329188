import CIMBusProvider
import CIMBusWire
import DBus
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

/// The provider library's private connection, against a broker that does what the test says.
@Suite struct PrivateRegistrationTests {
    @Test("L6: a provider whose private connection ends early registers again, by the bus, and with the same broker asks for no other")
    func cutOff() async throws {
        let bus = try await PrivateBus.start()
        let connection = try await bus.connect(on: EventLoop(name: "broker"))
        // Whether each registration came by a socket.
        let registrations = Recorder<Bool>()
        let opened = Recorder<PrivateConnection>()
        let broker = ExportedInterface(
            Interfaces.broker,
            methods: [
                "OpenPrivateConnection": .immediate { call in
                    guard let (ours, theirs) = try? PrivateConnection.makeSockets(), let name = call.sender,
                        let own = try? connection.speak(by: ours, with: UniqueName(verified: name), PrivateContract.members)
                    else { return }
                    call.reply([.unixFD(theirs), .uint32(1), .dictionary([])])
                    opened.record(own)
                }
            ])
        let registrar = ExportedInterface(
            Interfaces.registrar,
            methods: [
                "Register": .immediate { call in
                    registrations.record(call.message.arrival != nil)
                    call.reply([.objectPath(Contract.path(ofProvider: "Things", in: .cimv2))])
                },
                "UnRegister": .immediate { call in call.reply() },
            ])
        _ = await connection.export(ExportedObject([broker, registrar]), at: Contract.rootPath)
        _ = try await connection.requestName(Contract.busName)
        let service = RunningService(ThingProvider.things(1), on: bus)
        try await registrations.wait("a registration") { !$0.isEmpty }
        let own = try await opened.wait("a private connection") { !$0.isEmpty }[0]
        connection.loop.execute { own.close() }
        try await registrations.wait("another registration") { $0.count == 2 }
        #expect(registrations.all == [true, false])
        #expect(opened.all.count == 1)
        withExtendedLifetime(service) {}
    }
}
