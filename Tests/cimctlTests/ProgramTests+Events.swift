import Testing
import WireTestKit

extension ProgramTests {
    @Test("EV49, EV57: events add stores a subscription, events shows it and why it is inactive, events remove takes it away")
    func events() async throws {
        let (bus, broker) = try await open()
        #expect(try await run(["events", "-o", "json"], on: bus.address).output.isEmpty)
        let add = try await run(
            ["events", "add", "alarms", "SELECT * FROM Test_Alarm WHERE Level > 4", "--journal", "alarm: %Place%", "--priority", "3"],
            on: bus.address)
        #expect(add.end == .exited(0), "\(add.errors)")
        #expect(add.errors.contains("it is stored, and inactive") && add.errors.contains("Test_Alarm"), "\(add.errors)")
        let source = try await EventSource.start(on: bus)
        let active = try await run(["events", "-o", "json"], on: bus.address).output
        #expect(active.contains(#""Filter":"alarms","State":"active""#), "\(active)")
        #expect(active.contains(#"CIMBus_JournalEventConsumer.Name=\"alarms\""#), "\(active)")
        let table = try await run(["events"], on: bus.address).output
        #expect(table.hasPrefix("Filter") && table.contains("SELECT * FROM Test_Alarm WHERE Level > 4"), "\(table)")
        for arguments in [
            ["--journal", "x", "--signal"], [], ["--unit", "a.service", "--text", "x"], ["--journal", "x", "--priority", "8"],
        ] {
            #expect(try await run(["events", "add", "x", "SELECT * FROM __Event"] + arguments, on: bus.address).end == .exited(64))
        }
        for (name, arguments) in [
            ("file", ["--file", "a.log", "--text", "%Place%"]), ("unit", ["--unit", "a@%Place%.service"]), ("signal", ["--signal"]),
        ] {
            let added = try await run(["events", "add", name, "SELECT * FROM Test_Alarm"] + arguments, on: bus.address)
            #expect(added.end == .exited(0), "\(added.errors)")
            let removed = try await run(["events", "remove", name], on: bus.address)
            #expect(removed.end == .exited(0), "\(removed.errors)")
        }
        #expect(try await run(["events", "remove", "alarms"], on: bus.address).end == .exited(0))
        #expect(try await run(["events", "-o", "json"], on: bus.address).output.isEmpty)
        let gone = try await run(["events", "remove", "alarms"], on: bus.address)
        #expect(gone.end != .exited(0) && gone.errors.contains("NotFound"), "\(gone.errors)")
        withExtendedLifetime((broker, source)) {}
    }
}
