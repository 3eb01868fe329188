import DBus
import Testing
import WireTestKit

/// What is queued on a private connection when everything is to end.
@Suite(.timeLimit(.minutes(1)))
struct FlushTests {
    @Test("a flush waits for who reads nothing as long as its limit says, and no longer")
    func ends() async throws {
        let bus = try await PrivateBus.start()
        let connection = try await bus.connect(on: EventLoop(name: "flush"))
        let (here, there) = try PrivateConnection.makeSockets()
        let peer = UniqueName(verified: ":1.4242")
        let large = try Message.methodCall(
            destination: BusName(peer), path: testPath, interface: testInterface, member: MemberName(staticString: "Large"),
            values: [.string(String(repeating: "x", count: 8 << 20))])
        let made = Event<Bool>("a private connection")
        connection.loop.execute {
            guard let own = try? connection.speak(by: here, with: peer, to: [BusName(peer)], frameMembers) else { return made.send(false) }
            made.send((try? own.send(large)) != nil)
        }
        #expect(try await made.value())
        let start = ContinuousClock.now
        try await withDeadline(.seconds(10), "the flush") { await connection.flushPrivateConnections(within: .milliseconds(200)) }
        #expect(ContinuousClock.now - start >= .milliseconds(200))
        await connection.close()
        withExtendedLifetime(there) {}
    }
}
