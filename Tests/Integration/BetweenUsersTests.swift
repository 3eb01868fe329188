import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

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

        @Test("L13: while root asks, 1,000 calls of another user that are there at once have a quarter of the broker's time")
        func shares() async throws {
            // A client that this machine does not let run asks nothing meanwhile: one undisturbed attempt is enough.
            var served: [UInt64] = []
            while served.count < 5, served.last ?? .max >= 500 { served.append(try await servedWhileRootAsks()) }
            #expect(served.last ?? .max < 500, "\(served) of 1,000 were served during 60 calls of root's")
        }

        private func servedWhileRootAsks() async throws -> UInt64 {
            // Root's calls are not behind the flood in the bus.
            let scene = try await Scene.start(options: [], bus: try await PrivateBus.start(allUsers: true), client: .private)
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            let flooder = try ChildProcess(
                "/usr/bin/setpriv",
                [
                    "--reuid", "65534", "--regid", "65534", "--clear-groups", BuildFolder.path(of: "Torture"), "crowd", "flooder",
                    scene.bus.address, "1000", "Test_Thing.Name=\"thing0\"",
                ])
            let lines = Recorder<String>()
            Task { for await line in flooder.lines { lines.record(line) } }
            defer { flooder.signal(SIGKILL) }
            _ = try await lines.wait("the one who floods") { $0.contains("known") }
            scene.broker.process.stop()
            flooder.signal(SIGCONT)
            _ = try await lines.wait("the flood") { $0.contains("sent") }
            let client = scene.client
            async let first = client.brokerProperty("OpenOperations")
            scene.broker.process.signal(SIGCONT)
            var open = UInt64(try await first)
            for _ in 0..<60 { open = UInt64(try await scene.client.brokerProperty("OpenOperations")) }
            try await scene.eventually("all of them", within: .seconds(60)) {
                try await scene.client.brokerProperty("OpenOperations") == 1_000
            }
            return open
        }

        @Test(
            "L13: who makes one call after the other and reads no answer is answered nothing more, before the bus stops reading the broker",
            .enabled(if: BusProgram.ofTests == .dbusDaemon, "dbus-broker cuts off who does not read"))
        func silentReader() async throws {
            let scene = try await Scene.start(bus: try await PrivateBus.start(allUsers: true))
            try await scene.client.mustCompile("class Test_Large { [key] string Name; string Text; };")
            let large = String(repeating: "x", count: 1 << 20)
            _ = try await scene.client.run(
                .put([("__CLASS", .string("Test_Large")), ("Name", .string("a")), ("Text", .string(large))]))
            let silent = try ChildProcess(
                "/usr/bin/setpriv",
                [
                    "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c", Self.silentClient,
                    scene.bus.address,
                    RawClient.cimv2.text, "Test_Large.Name=\"a\"",
                ])
            let rounds = Recorder<String>()
            Task { for await line in silent.lines { rounds.record(line) } }
            #expect(try await scene.broker.count(of: "MiB that clients of uid 65534 have not read") == 1)
            // It goes on asking, 1 MiB each time; nobody else notices.
            let (before, asked) = (try await held(on: scene.bus), rounds.all.count)
            try await rounds.wait("five more rounds of six calls") { $0.count > asked + 5 }
            let after = try await held(on: scene.bus)
            #expect(after < before + 6 << 20)
            #expect(try await scene.client.run(.get("Test_Large.Name=\"a\"")).status == .noError)
            try await silent.killAndWait()
            #expect(try await scene.broker.count(of: "of uid 65534 have read what the bus held") == 1)
            let answer = try await scene.bus.callAsStranger(
                Contract.path(of: .cimv2), Contract.services, ["GetObject", "sia{sv}", "__Win32Provider", "0", "0"])
            #expect(answer.hasPrefix("a{sv}"), "\(answer)")
        }

        @Test(
            "L13: a text that is checked and stored nowhere leaves the broker hardly larger than it was: what it needed goes back to the system"
        )
        func memory() async throws {
            let scene = try await Scene.start()
            let declarations = (0..<30_000).map {
                "class Test_Large\($0) { [key, Description(\"one of many\")] string Name; uint32 Size; };"
            }
            let text = declarations.joined(separator: "\n")
            let before = try scene.broker.process.residentBytes()
            // More classes than a namespace has room for.
            #expect(try await scene.client.compile(text, options: 1).phase == 3)
            #expect(try scene.broker.process.residentBytes() > before + 16 << 20)
            try await scene.eventually("most of what the text needed to be given back") {
                try scene.broker.process.residentBytes() < before + 12 << 20
            }
        }

        @Test(
            "D.5, L13: what one user's providers bring is bounded in bytes, and a text that is there already is brought as often as it likes"
        )
        func broughtBytes() async throws {
            let rights = try RightsFolder("allow everyone Register root/cimv2 provider Bringer\n")
            let scene = try await Scene.start("--rights", rights.path, bus: try await PrivateBus.start(allUsers: true))
            let (text, end) = try await ChildProcess.output(
                "/usr/bin/setpriv",
                [
                    "--reuid", "65534", "--regid", "65534", "--clear-groups", BuildFolder.path(of: "Torture"), "crowd", "bringer",
                    scene.bus.address, "10", "7",
                ])
            let outcomes = text.split(separator: "\n")
            #expect(end == .exited(0) && outcomes.count == 11, "\(text)")
            #expect(outcomes.indices.filter { outcomes[$0] == "accepted" } == Array(0..<9) + [10], "\(text)")
            #expect(outcomes[9].contains("uid 65534 has changed what is stored by "), "\(text)")
        }

        /// How many bytes the bus holds of what the broker sent: they are charged to the broker until their receivers have read them.
        private func held(on bus: PrivateBus) async throws -> Int {
            let answer = try await bus.busctl(
                "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Debug.Stats", "GetConnectionStats", "s",
                Contract.busName.text)
            let words = answer.split(separator: " ")
            let place = try #require(words.firstIndex(of: "\"IncomingBytes\""))
            return try #require(Int(words[place + 2]))
        }

        /// Connects to the bus at the first argument's address six times, and asks for the object at the third, in the namespace at the second, again and
        /// again, so slowly that each answer is on its way before the connection asks again.
        private static let silentClient = #"""
            import os, socket, struct, sys, time
            def pad(data, to): return data + bytes(-len(data) % to)
            def text(value): return struct.pack("<I", len(value)) + value.encode() + bytes(1)
            def message(serial, destination, path, interface, member, signature="", body=b""):
                fields = b""
                for code, kind, value in ((1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination), (8, "g", signature)):
                    if not value: continue
                    fields = pad(fields, 8) + bytes([code, 1]) + kind.encode() + bytes(1)
                    fields += bytes([len(value)]) + value.encode() + bytes(1) if kind == "g" else text(value)
                return pad(struct.pack("<cBBBIII", b"l", 1, 0, 1, len(body), serial, len(fields)) + fields, 8) + body
            def connect():
                bus = socket.socket(socket.AF_UNIX)
                bus.connect(sys.argv[1].partition("path=")[2])
                bus.sendall(bytes(1) + b"AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
                bus.recv(100)
                bus.sendall(b"BEGIN\r\n" + message(1, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"))
                return bus
            connections = [connect() for _ in range(6)]
            body = pad(pad(text(sys.argv[3]), 4) + struct.pack("<iI", 0, 0), 8)
            for serial in range(2, 1 << 31):
                for bus in connections:
                    bus.sendall(message(serial, "org.cimbus1", sys.argv[2], "org.cimbus1.Services", "GetObject", "sia{sv}", body))
                    time.sleep(0.08)
                print(serial, flush=True)
            """#
    }
}
