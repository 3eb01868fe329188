import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// What an administrator sees of operations and bounds: the flight recorder, quotas, changes that are announced.
    @Suite(.timeLimit(.minutes(1)))
    struct ObservationTests {
        private static let path = "Test_Thing.Name=\"thing0\""

        private static func trace(_ scene: Scene, _ number: UInt64) async throws -> [(
            time: UInt64, name: String, details: [String: DBusValue]
        )] {
            let values = try await scene.client.call(Contract.rootPath, Contract.broker, "Trace", [.uint64(number)])
            return try #require(values.first?.elements).map { step in
                let parts = try #require(step.elements)
                return (try #require(parts[0].integer()), try #require(parts[1].text), try #require(parts[2].stringDictionary))
            }
        }

        private static func number(_ operation: RawOpenOperation) throws -> UInt64 {
            try #require(operation.path.flatMap { Contract.number(in: $0.text, below: Contract.operationsPath) })
        }

        @Test(
            "Trace: an operation's way is told while it is open and after its end: who was called, the first objects, the status, the end")
        func trace() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let go = Event<Void>("the provider to go on")
            provider.on("CreateInstanceEnumAsync") { call in
                try await go.value()
                call.provider.serveFromMemory(call)
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async)
            let id = try Self.number(open)
            try await scene.eventually("the call") { try await Self.trace(scene, id).last?.name == "called" }
            let before = try await Self.trace(scene, id)
            #expect(before.map(\.name) == ["accepted", "called"])
            #expect(before[0].details["Method"]?.text == "CreateInstanceEnum" && before[0].details["Target"]?.text == "Test_Thing")
            #expect(before[1].details["Provider"]?.text == "Raw" && before[1].details["ProcessID"] == .uint32(UInt32(getpid())))
            #expect(before[1].details["Peer"]?.text == provider.connection.uniqueName.text)
            go.send(())
            _ = try await open.result()
            let after = try await Self.trace(scene, id)
            #expect(after.contains { $0.name == "first-objects" })
            let end = try #require(after.last)
            #expect(end.name == "ended" && end.details["Status"] == .uint32(0) && end.details["Objects"] == .uint64(3))
            #expect(after.map(\.time) == after.map(\.time).sorted())
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            #expect(end.time / 1_000_000 + 60 > UInt64(now.tv_sec) && end.time / 1_000_000 <= UInt64(now.tv_sec))
        }

        @Test("Trace: a call that waits says behind how many, and a status with references held says so")
        func waits() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            var numbers: [UInt64] = []
            for _ in 0..<6 { numbers.append(try Self.number(try await scene.client.start(.get(Self.path), .async))) }
            let last = try await Self.trace(scene, try #require(numbers.last))
            #expect(last.map(\.name) == ["accepted", "waits-for-call"] && last[1].details["Ahead"] == .uint64(1))
        }

        @Test("Trace and ListQuotas: nobody sees another user's; root sees everybody's", .enabled(if: getuid() == 0))
        func others() async throws {
            let scene = try await Scene.start(bus: try await PrivateBus.start(allUsers: true))
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            let mine = try Self.number(try await scene.client.start(.get(Self.path), .async))
            let answer = try await scene.bus.callAsStranger(Contract.rootPath, Contract.broker, ["Trace", "t", "\(mine)"])
            #expect(answer.contains("0x80041002"), "\(answer)")
            // The stranger has what it has to read of the broker, at most.
            let own = try await scene.bus.callAsStranger(Contract.rootPath, Contract.broker, ["ListQuotas"])
            #expect(own.hasPrefix("a(sutt)") && !own.contains("operations") && !own.contains("registrations"), "\(own)")
            let quotas = try await scene.client.call(Contract.rootPath, Contract.broker, "ListQuotas")
            let uses = (quotas.first?.elements ?? []).compactMap(\.elements)
            #expect(uses.contains([.string("operations"), .uint32(0), .uint64(1), .uint64(2_000)]), "\(uses)")
            #expect(uses.contains([.string("registrations"), .uint32(0), .uint64(1), .uint64(256)]), "\(uses)")
        }

        @Test("a registration that comes and goes many times a second is announced at most once a second, and its last state is")
        func announcements() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let states = Recorder<String>()
            let rule = MatchRule(interface: .properties, member: MemberName(verified: "PropertiesChanged"), path: provider.registrationPath)
            _ = try await scene.client.connection.addMatch(rule) { message in
                if let state = (try? message.values())?.dropFirst().first?.stringDictionary?["State"]?.text { states.record(state) }
            }
            for _ in 0..<40 {
                for member in ["Suspend", "Resume"] {
                    _ = try await scene.client.call(provider.registrationPath, Contract.registration, member)
                }
            }
            _ = try await scene.client.call(provider.registrationPath, Contract.registration, "Suspend")
            try await states.wait("the last state") { $0.last == "suspended" }
            #expect(states.all.count <= 6, "\(states.all)")
        }

        @Test("an absent provider's UserID is no user")
        func absent() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            await provider.connection.close()
            try await scene.eventually("its end") {
                try await scene.client.property(provider.registrationPath, Contract.registration, "State") == .string("absent")
            }
            #expect(try await scene.client.property(provider.registrationPath, Contract.registration, "UserID") == .uint32(.max))
        }

        @Test("a call without an interface is refused, whatever its member: rules of the bus by interface would not see it")
        func interface() async throws {
            let scene = try await Scene.start()
            for member in ["ListOperations", "Introspect", "GetAll", "Ping"] {
                let message = try Message.methodCall(
                    destination: BusName(Contract.busName), path: Contract.rootPath, interface: nil, member: MemberName(verified: member),
                    values: [])
                let error = await #expect(throws: DBusError.self) { try await scene.client.connection.call(message) }
                #expect(error?.name == .unknownInterface, "\(member): \(String(describing: error))")
            }
        }

        @Test("L13: large contexts count: a user whose calls wait with 64 KiB each is refused more long before the number of operations")
        func contexts() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            let context: [(String, DBusValue)] = [("Large", .string(String(repeating: "x", count: 60_000)))]
            var refused: DBusError?
            for _ in 0..<100 where refused == nil {
                let values: [DBusValue] = [.string(Self.path), .int32(0), .dictionary(context), .objectPath(scene.client.makeSink().path)]
                do throws(any Error) {
                    _ = try await scene.client.call(RawClient.cimv2, Contract.services, "GetObjectAsync", values)
                } catch {
                    refused = error as? DBusError
                }
            }
            #expect(refused?.message.contains("contexts waiting for providers") == true, "\(String(describing: refused))")
            // Small ones do not.
            _ = try await scene.client.start(.get(Self.path), .async)
        }
    }
}
