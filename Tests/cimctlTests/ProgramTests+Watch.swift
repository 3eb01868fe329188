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
}
