import DBus
import Testing
import WireTestKit

extension BusTests {
    @Test("Types that the build makes of MOF serve a client that has them, and one that has not")
    func clocks() async throws {
        let scene = try await Scene.start()
        let provider = try await start("ClockProvider", on: scene)
        let (output, end) = try await ChildProcess.output(BuildFolder.path(of: "ClockClient"), ["--address", scene.bus.address])
        #expect(end == .exited(0))
        let lines = output.split(separator: "\n").map(String.init)
        #expect(lines.prefix(3) == ["hall: 0 minutes east, Running", "tower: 60 minutes east, Running", "bed: 0 minutes east, Running"])
        #expect(lines.dropFirst(3).first?.hasPrefix("bed strikes at 00000000063000.000000:000, set by ") == true, "\(output)")
        #expect(lines.last == "hall has struck 3 times; there are 2 clocks without an alarm", "\(output)")

        let one = try await scene.client.run(.get("Sample_Clock.Name=\"bed\""))
        #expect(one.objects.first?["__CLASS"]?.text == "Sample_AlarmClock", "\(one.message)")
        #expect(one.objects.first?["Alarm"]?.text == "00000000063000.000000:000")
        let struck = try await scene.client.run(.get("Sample_Clock.Name=\"hall\""))
        #expect(struck.objects.first?["Strikes"]?.integer() == UInt64(3))

        let moved: [(String, DBusValue)] = [
            ("__CLASS", .string("Sample_Clock")), ("Name", .string("hall")), ("Offset", .int16(120)), ("Strikes", .uint64(3)),
        ]
        #expect(try await scene.client.run(.put(moved)).status == .noError)
        let cheated = try await scene.client.run(.put(moved.dropLast() + [("Strikes", .uint64(9))]))
        #expect(cheated.status == .readOnly && cheated.message.contains("Strikes"), "\(cheated.message)")
        #expect(try await scene.client.run(.delete("Sample_Clock.Name=\"bed\"")).status == .noError)
        #expect(try await scene.client.run(.get("Sample_Clock.Name=\"bed\"")).status == .notFound)
        withExtendedLifetime(provider) {}
    }
}
