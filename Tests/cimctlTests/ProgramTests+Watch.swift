import DBus
import Glibc
import Testing
import WireTestKit

extension ProgramTests {
    @Test("cimctl watch: one line for each event, JSON with type and time, --count and --timeout, and a restart of the broker that it says")
    func watch() async throws {
        let (bus, broker) = try await open()
        let source = try await EventSource.start(on: bus)
        let watch = try OpenRun(["watch", "Test_Alarm", "--count", "3", "--output", "jsonl"], on: bus, in: folder)
        while try await !source.isActive() {}
        try await source.raise("roof", level: 7)
        try await watch.wait(forLines: 1)
        let first = watch.lines.all[0]
        #expect(
            first.hasPrefix(#"{"type":"event","time":"20"#) && first.contains(#""Place":"roof""#) && first.contains(#""Level":7"#),
            "\(first)")
        try await broker.process.killAndWait()
        await source.close()
        let next = try await BrokerProcess.start(on: bus)
        let second = try await EventSource.start(on: bus)
        while try await !second.isActive() {}
        try await second.raise("hall")
        try await second.raise("cellar")
        let run = try await watch.end()
        #expect(run.end == .exited(0), "\(run.errors)")
        let lines = run.output.split(separator: "\n")
        #expect(lines.count == 4 && lines[1].hasPrefix(#"{"type":"gap""#) && lines[1].contains(#""reason":"brokerRestarted""#))
        #expect(lines[2].contains("hall") && lines[3].contains("cellar"))

        let quiet = try await self.run(["watch", "SELECT * FROM Test_Alarm", "--timeout", "0.2"], on: bus.address)
        #expect(quiet.end == .exited(0) && quiet.output.isEmpty, "\(quiet.errors)")
        let missed = try await self.run(["watch", "Test_Alarm", "--count", "1", "--timeout", "0.2"], on: bus.address)
        #expect(missed.end == .exited(4) && missed.errors.contains("0 of 1 events came"))
        let wrong = try await self.run(["watch", "SELECT * FROM Test_Alarm WHERE Bogus = 1"], on: bus.address)
        #expect(wrong.end == .exited(1) && wrong.errors.contains("InvalidQuery"))
        let table = try OpenRun(["watch", "Test_Alarm", "--count", "1"], on: bus, in: folder)
        while try await !second.isActive() {}
        try await second.raise("roof", level: 7)
        let line = try await table.end().output
        #expect(line.hasSuffix("Z Test_Alarm Place=\"roof\" Level=7\n"), "\(line)")

        let explained = try await self.run(["explain", "SELECT * FROM Test_LoudAlarm"], on: bus.address)
        #expect(explained.output.contains("provider Alarms raises: SELECT * FROM Test_Alarm"), "\(explained.errors)")
        withExtendedLifetime((next, second)) {}
    }

    @Test("EV3, EV23: cimctl watch of a class of which no provider tells says that it polls, and how often; --within chooses")
    func watchPolled() async throws {
        let (bus, broker) = try await open()
        let provider = try await RawProvider.start(on: bus, things: 1)
        let watch = try OpenRun(["watch", "test_thing", "--within", "0.25", "--count", "1"], on: bus, in: folder)
        // The first look is what changes are compared with.
        try await provider.calls.wait("two looks") { $0.count >= 2 }
        let put = try await run(["put", "Test_Thing.Name=\"thing0\"", "Number=7"], on: bus.address)
        #expect(put.end == .exited(0), "\(put.errors)")
        let polled = try await watch.end()
        #expect(
            polled.output.contains(" __InstanceModificationEvent ") && polled.output.contains("TargetInstance=Test_Thing.Name=\"thing0\""),
            "\(polled.output)")
        func note(_ seconds: String) -> String {
            "cimctl: Test_Thing is polled every \(seconds) s, because no provider raises all events of the class; --within SECONDS chooses\n"
        }
        #expect(polled.errors == note("0.25"))
        let standard = try await run(["watch", "Test_Thing", "--timeout", "0.1"], on: bus.address)
        #expect(standard.end == .exited(0) && standard.errors == note("5"), "\(standard.errors)")

        // Of what is stored the broker itself tells.
        try folder.write("stored.mof", "class Test_Stored { [key] string Name; };")
        _ = try await run(["mof", "compile", folder.path("stored.mof")], on: bus.address)
        let told = try await run(["watch", "Test_Stored", "--timeout", "0.1", "--within", "1"], on: bus.address)
        #expect(told.end == .exited(0) && told.errors.isEmpty, "\(told.errors)")
        // A query says for itself how often.
        let query = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Thing'"
        let precise = try await run(["watch", query, "--within", "1"], on: bus.address)
        #expect(precise.end == .exited(1) && precise.errors.contains("RegistrationTooPrecise"), "\(precise.errors)")
        let never = try await run(["watch", "Test_Thing", "--within", "0"], on: bus.address)
        #expect(never.end == .exited(64) && never.errors.contains("--within takes seconds"), "\(never.errors)")
        withExtendedLifetime(broker) {}
    }
}
