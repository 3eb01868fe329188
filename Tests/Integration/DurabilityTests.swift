import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// What was answered is there, whatever happens to the broker (Design L11).
    @Suite struct DurabilityTests {
        /// What a client did until the broker was gone, as far as it was answered.
        private struct Answered: Sendable {
            var instances: Set<String> = []
            var classes: Set<String> = []
            var pairs: Set<String> = []
        }

        @Test("L11: SIGKILL at random moments: what was answered is there after a restart, and nothing is half there")
        func killed() async throws {
            let state = try StateFolder()
            var scene = try await Scene.start("--state", state.path)
            try await scene.client.mustCompile(
                "class Test_Base { [key] string Name; uint32 Number; string Text; }; class Test_Pair { [key] string Name; [key] boolean Half; };"
            )
            var all = Answered()
            for round in 0..<8 {
                let bus = scene.bus
                let answers = Recorder<Void>()
                let tasks = [
                    Task { try await Self.putInstances(bus, "\(round)", answers) },
                    Task { try await Self.putClasses(bus, "\(round)", answers) },
                    Task { try await Self.compilePairs(bus, "\(round)", answers) },
                ]
                let moment = Int.random(in: 0...40)
                try await answers.wait("\(moment) answers") { $0.count >= moment }
                scene.broker.process.signal(SIGKILL)
                for task in tasks {
                    let answered = try await task.value
                    all.instances.formUnion(answered.instances)
                    all.classes.formUnion(answered.classes)
                    all.pairs.formUnion(answered.pairs)
                }
                scene = try await scene.restarted(on: state)
                try await check(all, scene.client)
            }
            let counts = [all.instances.count, all.classes.count, all.pairs.count]
            #expect(counts.allSatisfy { $0 > 8 }, "\(counts)")
            try await expectQuiet(scene, next: .put([("__CLASS", .string("Test_Base")), ("Name", .string("last"))]))
        }

        private func check(_ answered: Answered, _ client: RawClient) async throws {
            let instances = try await client.run(.enumerate("Test_Base"), .async).objects
            #expect(answered.instances.isSubset(of: instances.compactMap { $0["Name"]?.text }))
            for instance in instances { #expect(instance["Text"]?.text == Self.text && instance["Number"] == .uint32(7)) }
            let classes = try await client.run(.classes(""), .async, flags: 1).objects.map { try CIMClass(wire: $0) }
            let own = classes.filter { $0.name.hasPrefix("Test_C") }
            #expect(answered.classes.isSubset(of: own.map(\.name)))
            for declaration in own { #expect(declaration.properties.count == 20 && declaration.methods.count == 1) }
            let pairs = try await client.run(.enumerate("Test_Pair"), .async).objects
            let halves = [true, false].map { half in Set(pairs.filter { $0["Half"] == .boolean(half) }.compactMap { $0["Name"]?.text }) }
            #expect(halves[0] == halves[1])
            #expect(answered.pairs.isSubset(of: halves[0]))
        }

        private static let text = String(repeating: "text ", count: 200)

        private static func putInstances(_ bus: PrivateBus, _ prefix: String, _ answers: Recorder<Void>) async throws -> Answered {
            var answered = Answered()
            try await work(on: bus, answers) { client, number in
                let name = "\(prefix)-\(number)"
                let entries: [(String, DBusValue)] = [
                    ("__CLASS", .string("Test_Base")), ("Name", .string(name)), ("Number", .byte(7)), ("Text", .string(text)),
                ]
                _ = try await client.services("PutInstance", [.dictionary(entries), .int32(0), .dictionary([])])
                answered.instances.insert(name)
            }
            return answered
        }

        private static func putClasses(_ bus: PrivateBus, _ prefix: String, _ answers: Recorder<Void>) async throws -> Answered {
            var answered = Answered()
            let properties = (0..<20).map { "[Description(\"\(text)\")] string P\($0);" }.joined()
            try await work(on: bus, answers) { client, number in
                let name = "Test_C\(prefix)_\(number)"
                let declared = try CIMClass.parsed("class \(name) { \(properties) void M(); };")
                _ = try await client.services("PutClass", [try declared.wire, .int32(0), .dictionary([])])
                answered.classes.insert(name)
            }
            return answered
        }

        private static func compilePairs(_ bus: PrivateBus, _ prefix: String, _ answers: Recorder<Void>) async throws -> Answered {
            var answered = Answered()
            try await work(on: bus, answers) { client, number in
                let name = "\(prefix)-\(number)"
                let halves = ["TRUE", "FALSE"].map { "instance of Test_Pair { Name = \"\(name)\"; Half = \($0); };" }
                let result = try await client.compile(halves.joined())
                guard result.phase == 0 else { throw ProcessError(description: result.message) }
                answered.pairs.insert(name)
            }
            return answered
        }

        /// One request after the other, until the broker is gone.
        private static func work(
            on bus: PrivateBus, _ answers: Recorder<Void>, _ request: (RawClient, Int) async throws -> Void
        ) async throws {
            let client = try await RawClient.connect(to: bus)
            for number in 0... {
                do {
                    try await request(client, number)
                    answers.record(())
                } catch let error as DBusError where error.name.text.hasPrefix("org.freedesktop.DBus.Error.") {
                    return
                }
            }
        }

        // MARK: - Files that cannot be served

        /// A broker that must not start: what it says.
        private func refusal(_ bus: PrivateBus, _ folder: String, as prefix: [String] = []) async throws -> String {
            let command = prefix + [BuildFolder.path(of: "cimbusd"), "--address", bus.address, "--state", folder]
            let (text, end) = try await ChildProcess.output("/bin/sh", ["-c", "exec \"$@\" 2>&1", "sh"] + command)
            #expect(end == .exited(1), "\(text)")
            #expect(!text.contains("Fatal error"), "\(text)")
            #expect(text.contains(folder), "\(text)")
            return text
        }

        @Test("L11: a repository that is not what was written is refused by its name, and nothing of it is served")
        func corrupt() async throws {
            let state = try StateFolder()
            var scene = try await Scene.start("--state", state.path)
            try await scene.client.mustCompile(StoredInstanceTests.mof + StoredInstanceTests.instances(200))
            try await scene.broker.process.killAndWait()
            let size = state.size
            #expect(size > 8_192)
            try state.overwrite([UInt8](repeating: 0x5A, count: 4096), at: size / 2)
            #expect(try await refusal(scene.bus, state.path).contains("damaged"))
            try state.overwrite(Array("no database at all".utf8), at: 0)
            _ = try await refusal(scene.bus, state.path)
            guard truncate(state.repository, 0) == 0 else { throw ProcessError(description: "truncate: errno \(errno)") }
            _ = try await refusal(scene.bus, state.path)
            #expect(state.size == 0)
            // The bus was never without its one broker's name for long: another state serves.
            let other = try StateFolder()
            scene = try await Scene.start(options: ["--state", other.path], bus: scene.bus)
            try await expectQuiet(scene, next: .get("__Win32Provider"))
        }

        @Test("L11: two brokers on one state directory: the second is told so, and the first goes on")
        func twice() async throws {
            let state = try StateFolder()
            let scene = try await Scene.start("--state", state.path)
            try await scene.client.mustCompile(StoredInstanceTests.mof)
            let other = try await PrivateBus.start()
            #expect(try await refusal(other, state.path).contains("in use"))
            try await expectQuiet(scene, next: StoredInstanceTests.base("x"))
        }

        @Test("--state makes the directories above it, too")
        func parents() async throws {
            let state = try StateFolder()
            defer {
                for name in ["repository.sqlite", "repository.sqlite-journal", "repository.sqlite.lock"] {
                    unlink("\(state.path)/a/b/\(name)")
                }
                for folder in ["a/b", "a"] { rmdir("\(state.path)/\(folder)") }
            }
            _ = try await Scene.start("--state", state.path + "/a/b")
            var information = stat()
            #expect(stat(state.path + "/a/b", &information) == 0 && information.st_mode & 0o7777 == 0o700)
        }

        @Test("W29: a state directory that is not there is made, for the broker's user alone; what is stored there outlives the broker")
        func made() async throws {
            let state = try StateFolder()
            try #require(rmdir(state.path) == 0)
            var scene = try await Scene.start("--state", state.path)
            var information = stat()
            #expect(stat(state.path, &information) == 0 && information.st_mode & 0o7777 == 0o700)
            try await scene.client.mustCompile(StoredInstanceTests.mof)
            scene = try await scene.restarted(on: state)
            try await expectQuiet(scene, next: StoredInstanceTests.base("x"))
        }

        @Test(
            "a state directory that cannot be made, is none, or cannot be written, is refused by its name",
            .enabled(if: getuid() == 0))
        func unwritable() async throws {
            let bus = try await PrivateBus.start(allUsers: true)
            let missing = try await refusal(bus, "/dev/null/state")
            #expect(missing.contains("Not a directory") && missing.contains("that this user may make or write"), "\(missing)")
            #expect(try await refusal(bus, "/dev/null").contains("no directory"))
            let state = try StateFolder()
            chmod(state.path, 0o555)
            chown(state.path, 65534, 65534)
            let stranger = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
            #expect(try await refusal(bus, state.path, as: stranger).contains("Permission denied"))
        }

        @Test("a state directory of another user, or that others may write, is refused, with what to do", .enabled(if: getuid() == 0))
        func othersDirectory() async throws {
            let bus = try await PrivateBus.start()
            let state = try StateFolder()
            chown(state.path, 65534, 65534)
            let theirs = try await refusal(bus, state.path)
            #expect(theirs.contains("belongs to uid 65534, and the broker runs as uid 0; run it as that user"), "\(theirs)")
            chown(state.path, 0, 0)
            for mode in [0o770, 0o707] as [mode_t] {
                chmod(state.path, mode)
                #expect(try await refusal(bus, state.path).contains("may be written by others; chmod go-w \(state.path)"))
            }
            chmod(state.path, 0o755)
            try await expectQuiet(try await Scene.start("--state", state.path), next: .get("__Win32Provider"))
        }

        @Test("a lock or a trace that is a symbolic link is not followed")
        func links() async throws {
            let bus = try await PrivateBus.start()
            let state = try StateFolder()
            try #require(symlink("/dev/null", state.repository + ".lock") == 0)
            #expect(try await refusal(bus, state.path).contains("symbolic links"))
            unlink(state.repository + ".lock")
            let trace = state.path + "/trace"
            try #require(symlink("/dev/null", trace) == 0)
            defer { unlink(trace) }
            let error = await #expect(throws: ProcessError.self) { try await BrokerProcess.start(on: bus, ["--record", trace]) }
            #expect(error?.description.contains("cannot record to \(trace): it is a symbolic link") == true)
        }
    }
}
