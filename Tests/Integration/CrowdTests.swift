import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// As many providers and clients as a large machine has.
    @Suite struct CrowdTests {
        private static let count = 1_000

        /// Whether this process, the bus and the broker may have as many connections as that: each has a descriptor for each.
        private static var isPossible: Bool {
            var limit = rlimit()
            return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 && limit.rlim_cur >= 4 * count
        }

        @Test(
            "L13: 1,000 providers and 1,000 clients: each call comes to its provider, and nothing is left of them",
            .enabled(if: getuid() == 0 && isPossible, "only root may have so many registrations"), .timeLimit(.minutes(5)))
        func crowd() async throws {
            let scene = try await Scene.start(bus: try await PrivateBus.start(limits: BusLimits(connections: 3 * Self.count)))
            let loops = (0..<8).map { EventLoop(name: "crowd \($0)") }
            defer { for loop in loops { loop.shutdown() } }
            var providers: [RawProvider] = []
            for number in 0..<Self.count {
                let provider = try await RawProvider.start(
                    on: scene.bus, name: "Crowd\(number)", className: "Test_Crowd\(number)", things: 1, on: loops[number % loops.count])
                providers.append(provider)
            }
            var clients: [Connection] = []
            for number in 0..<Self.count { clients.append(try await scene.bus.connect(on: loops[number % loops.count])) }
            // All ask at once, each somebody else.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, client) in clients.enumerated() {
                    group.addTask {
                        let asked = (number * 7) % Self.count
                        let message = try Message.methodCall(
                            destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
                            member: MemberName(verified: "GetObject"),
                            values: [.string("Test_Crowd\(asked).Name=\"thing0\""), .int32(0), .dictionary([])])
                        let values = try await client.call(message, timeout: .seconds(60)).values()
                        #expect(values.first?.stringDictionary?["__CLASS"] == .string("Test_Crowd\(asked)"))
                    }
                }
                try await group.waitForAll()
            }
            #expect(providers.allSatisfy { $0.calls.all.count == 1 })
            for client in clients { await client.close() }
            for provider in providers { await provider.connection.close() }
            try await scene.eventually("no operation") { try await scene.client.brokerProperty("OpenOperations") == 0 }
        }
    }
}
