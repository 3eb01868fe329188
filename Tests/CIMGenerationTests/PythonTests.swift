import Testing
import WireTestKit

/// What Python says of the dataclasses.
@Suite(.timeLimit(.minutes(2))) struct PythonTests {
    @Test("Dataclasses of every type give the objects that they are made of, with the types of the bus")
    func roundTrip() async throws {
        let script = GeneratedSources.path("MOF/test_torture.py")
        let (output, end) = try await ChildProcess.output("/bin/sh", ["-c", "python3 -B '\(script)' 2>&1"])
        #expect(end == .exited(0), "\(output)")
    }
}
