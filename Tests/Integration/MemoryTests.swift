import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// R15: an allocation that could not be made is OutOfMemory, as far as anybody can know of it. The processes here are really out of memory: their
    /// address space is bounded.
    @Suite struct MemoryTests {
        private func run(_ script: String, _ form: CallForm, in scene: Scene) async throws -> OperationResult {
            try await scene.client.run(.enumerate("Faulty_Thing"), form, context: [("FaultyScript", .string(script))])
        }

        @Test(
            "R15: a provider that is really out of memory, and catches it: the client gets OutOfMemory, and the provider goes on serving",
            arguments: CallForm.allCases)
        func caught(form: CallForm) async throws {
            let scene = try await Scene.start()
            let faulty = try await FaultyProcess.start(on: scene.bus)
            // It has room for its work, and none for what it is told to take.
            let result = try await run("starve 268435456; allocate 1073741824", form, in: scene)
            #expect(result.status == .outOfMemory, "\(result.message)")
            #expect(result.details["ProviderName"]?.text == "Faulty", "\(result.details)")
            try await faulty.wait(for: "step allocate 1073741824 -> error no memory")
            let next = try await run("allocate 1048576; reply 0 0 auto", form, in: scene)
            #expect(next.status == .noError && next.objects.count == 3, "\(next.message)")
            try await expectQuiet(scene, next: .enumerate("Faulty_Thing"))
        }

        @Test(
            "R15: a message for which there is no memory is OutOfMemory of the library, not a message that is malformed",
            arguments: CallForm.allCases)
        func unwritten(form: CallForm) async throws {
            let scene = try await Scene.start()
            let faulty = try await FaultyProcess.start(on: scene.bus)
            // More than an arena of malloc has address space for in reserve (64 MiB), and less than the largest message (128 MiB).
            let result = try await run("write 120000000", form, in: scene)
            #expect(result.status == .outOfMemory, "\(result.message)")
            try await faulty.wait(for: "step write 120000000 -> error org.freedesktop.DBus.Error.NoMemory")
            try await expectQuiet(scene, next: .enumerate("Faulty_Thing"))
        }

        @Test(
            "R15 P4: what cannot be known: a provider in Swift whose allocation fails ends, and its client hears at once of its death",
            arguments: CallForm.allCases)
        func uncaught(form: CallForm) async throws {
            // A ping would take longer than the test waits: only the death itself tells.
            let scene = try await Scene.start("--ping", "60")
            let faulty = try await FaultyProcess.start(on: scene.bus)
            let process = faulty.process.processID
            let result = try await run("starve 268435456; reply 0 1; indicate 1 bytes 1073741824", form, in: scene)
            #expect(result.status == .providerFailure)
            #expect(result.message.contains("provider Faulty (process \(process)) left the bus"), "\(result.message)")
            guard case .signalled = try await faulty.process.waitForEnd() else {
                Issue.record("the provider did not die of it")
                return
            }
            let again = try await FaultyProcess.start(on: scene.bus)
            try await expectQuiet(scene, next: .enumerate("Faulty_Thing"))
            withExtendedLifetime(again) {}
        }

        /// dbus-python, with room for 96 MiB more than it has. The key of an object says what happens; an enumeration goes on after its reply.
        private static let python = """
            import dbus, dbus.mainloop.glib, dbus.service, resource, sys
            from gi.repository import GLib
            MOF = '[dynamic, provider("Starved")] class Test_Starved { [key] string Name; string Text; };'
            REPLY = "uuaa{sv}"

            def starve():
                with open("/proc/self/statm") as file:
                    size = int(file.read().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (size + (96 << 20), resource.RLIM_INFINITY))

            class Provider(dbus.service.Object):
                @dbus.service.method("org.cimbus1.Provider", "ssia{sv}o", REPLY)
                def GetObjectAsync(self, namespace, path, flags, ctx, sink):
                    name = path.split('"')[1]
                    if name == "exhausted":
                        bytearray(1 << 30)
                    if name == "named":
                        try:
                            bytearray(1 << 30)
                        except MemoryError:
                            raise dbus.DBusException("0x80041006 the table is too long", name="org.cimbus1.Error.OutOfMemory")
                    return 0, 0, [{"__CLASS": "Test_Starved", "Name": name}]

                @dbus.service.method("org.cimbus1.Provider", "ssia{sv}o", REPLY, sender_keyword="sender")
                def CreateInstanceEnumAsync(self, namespace, name, flags, ctx, sink, sender):
                    def go_on():
                        status = 0
                        try:
                            bytearray(1 << 30)
                        except MemoryError:
                            status = 0x80041006
                        bus.call_async(sender, sink, "org.cimbus1.ObjectSink", "SetStatus", "iusa{sv}", (0, status, "", {}), None, None)
                        bus.call_async(sender, sink, "org.cimbus1.SinkReference", "Release", "", (), None, None)
                    GLib.idle_add(go_on)
                    return 0, 1, [{"__CLASS": "Test_Starved", "Name": "first"}]

            dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
            bus = dbus.bus.BusConnection(sys.argv[1])
            provider = Provider(bus, "/starved")

            def registered(path):
                starve()
                print("registered", flush=True)

            bus.call_async("org.cimbus1", "/org/cimbus1", "org.cimbus1.DecoupledRegistrar", "Register", "ia{sv}sssso",
                           (0, {"MOF": MOF}, "", "", "", "Starved", "/starved"), registered, lambda error: print(error, flush=True))
            GLib.MainLoop().run()
            """

        @Test(
            "R15: a provider in Python really out of memory: MemoryError, its own error and SetStatus are OutOfMemory; it goes on serving",
            arguments: CallForm.allCases)
        func python(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try ChildProcess("/usr/bin/python3", ["-c", Self.python, scene.bus.address])
            let said = try await withDeadline(.seconds(20), "the provider in Python to register") {
                for await line in provider.lines { return line }
                return "it ended"
            }
            try #require(said == "registered")
            func get(_ name: String) -> RawOperation { .get("Test_Starved.Name=\"\(name)\"") }

            let thrown = try await scene.client.run(get("exhausted"), form)
            #expect(thrown.status == .outOfMemory, "\(thrown.message)")
            #expect(thrown.message.contains("MemoryError"), "\(thrown.message)")
            let named = try await scene.client.run(get("named"), form)
            #expect(named.status == .outOfMemory)
            #expect(named.message.contains("the table is too long"), "\(named.message)")
            #expect(named.details["ProviderName"]?.text == "Starved", "\(named.details)")
            let enumerated = try await scene.client.run(.enumerate("Test_Starved"), form)
            #expect(enumerated.status == .outOfMemory && enumerated.details["ProviderName"]?.text == "Starved", "\(enumerated.message)")
            if form != .sync { #expect(enumerated.objects.count == 1) }
            try await expectQuiet(scene, next: get("fine"))
        }

        /// The ways in which a provider says it.
        enum Way: String, CaseIterable, CustomTestStringConvertible {
            case name = "the error of its name"
            case number = "any error whose text starts with its number"
            case library = "the error of libdbus"
            case system = "the error of sd-bus"
            case hresult = "an hresult in its reply"
            case status = "SetStatus"
            case object = "SetStatus with an object"

            var testDescription: String { rawValue }

            func answer(_ call: ProviderCall) async throws {
                let text = "the table is too long"
                switch self {
                case .name: call.fail(.outOfMemory, text)
                case .number: call.call.fail(ErrorName(verified: "com.example.Mine"), "0x80041006 \(text)")
                case .library: call.call.fail(.noMemory, text)
                case .system: call.call.fail(ErrorName(verified: "System.Error.ENOMEM"), text)
                case .hresult: call.reply(.outOfMemory)
                case .status, .object:
                    let object: [(String, DBusValue)] = [("__CLASS", .string("__ExtendedStatus")), ("Description", .string(text))]
                    call.reply(references: 1)
                    try await call.sink.setStatus(.outOfMemory, object: self == .object ? object : [])
                    try await call.sink.release()
                }
            }
        }

        @Test(
            "R15: WBEM_E_OUT_OF_MEMORY that a provider says reaches the client unchanged, in every form",
            arguments: Way.allCases, CallForm.allCases)
        func stated(way: Way, form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.onEverything { try await way.answer($0) }
            let put: [(String, DBusValue)] = [("__CLASS", .string("Test_Thing")), ("Name", .string("x"))]
            for operation in [
                .enumerate("Test_Thing"), .get(thing("x")), .put(put), .delete(thing("x")),
                .invoke(thing("x"), "Echo", [("sInArg", .string("x"))]),
            ] as [RawOperation] {
                let result = try await scene.client.run(operation, form)
                #expect(result.status == .outOfMemory, "\(operation.member): \(result.message)")
                #expect(result.details["ProviderName"]?.text == "Raw", "\(result.details)")
                if way != .hresult, way != .status { #expect(result.message.contains("the table is too long"), "\(result.message)") }
            }
            try await expectQuiet(scene)
        }

        @Test("R15: the sources of an enumeration: one of them without memory is the end of the whole, and no success")
        func sources() async throws {
            let scene = try await Scene.start()
            try await scene.compile("[abstract] class Test_Any { [key] string Name; };")
            for name in ["One", "Two"] {
                let provider = try await RawProvider.start(on: scene.bus, name: name, className: "Test_\(name)", registers: false)
                try await provider.register(mof: "[dynamic, provider(\"\(name)\")] class Test_\(name) : Test_Any { uint32 Number; };")
                if name == "Two" { provider.on("CreateInstanceEnumAsync") { $0.call.fail(.noMemory, "no room for the table") } }
                scene.keep(provider)
            }
            for form in CallForm.allCases {
                let result = try await scene.client.run(.enumerate("Test_Any"), form)
                #expect(result.status == .outOfMemory && result.message.contains("no room for the table"), "\(result.message)")
                #expect(result.details["ProviderName"]?.text == "Two", "\(result.details)")
            }
            try await expectQuiet(scene)
        }

        @Test("R15 Design 3: an Indicate that is too large is refused with QuotaViolation: it is no end, and its provider may send less")
        func mayBeRepeated() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let refusals = Recorder<WBEMStatus?>()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for bytes in [9 << 20, 10] {
                    do {
                        try await call.sink.indicate(batch(1, bytes: bytes))
                    } catch let error as DBusError {
                        refusals.record(CIMError(error).status)
                    }
                }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            for form in CallForm.allCases {
                let result = try await scene.client.run(.enumerate("Test_Thing"), form)
                #expect(result.status == .noError && result.objects.count == 1, "\(result.message)")
            }
            #expect(refusals.all == [.quotaViolation, .quotaViolation, .quotaViolation])
            try await expectQuiet(scene)
        }
    }
}
