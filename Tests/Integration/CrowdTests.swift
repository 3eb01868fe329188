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

        @Test(
            "L13: 1,000 providers of five users and 1,000 clients of five others, with the limits that a bus has when nobody changes them",
            .enabled(if: getuid() == 0 && isPossible, "only root can run processes of ten users"), .timeLimit(.minutes(5)))
        func stockLimits() async throws {
            let rights = try RightsFolder("allow everyone Register root/cimv2 provider Crowd*\n")
            let scene = try await Scene.start("--rights", rights.path, bus: try await PrivateBus.start(allUsers: true))
            let share = Self.count / 5
            // dbus-daemon takes nobody whom the system's user database does not know; these are Debian's daemon, bin, sys, sync, games, man, …
            func start(_ role: String, _ user: Int, _ more: [String] = []) throws -> (ChildProcess, Recorder<String>) {
                let identity = ["--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", BuildFolder.path(of: "Torture")]
                let process = try ChildProcess(
                    "/usr/bin/setpriv",
                    identity + ["crowd", role, scene.bus.address, "\((user - 1) % 5 * share)", "\(share)"] + more)
                let lines = Recorder<String>()
                Task { for await line in process.lines { lines.record(line) } }
                return (process, lines)
            }
            let providers = try (1...5).map { try start("providers", $0) }
            for (_, lines) in providers {
                try await lines.wait("200 providers", within: .seconds(120)) {
                    $0.contains("ready") || $0.contains { $0.hasPrefix("failed") }
                }
                #expect(lines.all == ["ready"])
            }
            let clients = try (6...10).map { try start("clients", $0, ["\(Self.count)"]) }
            for (process, lines) in clients {
                _ = try await lines.wait("200 answers", within: .seconds(120)) { $0.count == 2 || $0.contains { $0.hasPrefix("failed") } }
                #expect(lines.all == ["ready", "answered \(share)"])
                #expect(try await process.waitForEnd() == .exited(0))
            }
            for (process, _) in providers { try await process.killAndWait() }
            try await scene.eventually("no operation") { try await scene.client.brokerProperty("OpenOperations") == 0 }
        }
    }
}
