import WireTestKit

/// A run of the program that is under way. It is killed with the last reference to it.
final class OpenRun: Sendable {
    let process: ChildProcess
    /// What it has written to standard output so far.
    let lines = Recorder<String>()
    private let output = Event<String>("the end of cimctl's output")
    private let folder: ScratchFiles

    /// One at a time in a folder.
    /// - Parameter environment: added to that of the tests; where it says which bus, `bus` is nil.
    init(_ arguments: [String], on bus: PrivateBus?, in folder: ScratchFiles, environment: [String: String] = [:]) throws {
        self.folder = folder
        try folder.write("open", "")
        let script = "exec \"$0\" \"$@\" 2>'\(folder.path("open"))'"
        let command = ["-c", script, BuildFolder.path(of: "cimctl")] + arguments + (bus.map { ["--address", $0.address] } ?? [])
        process = try ChildProcess("/bin/sh", command, environment: environment)
        let (written, lines, output) = (process.lines, lines, output)
        Task {
            var text = ""
            for await line in written {
                text += line + "\n"
                lines.record(line)
            }
            output.send(text)
        }
    }

    /// Waits until it has written so many lines to standard output.
    func wait(forLines count: Int) async throws { try await lines.wait("cimctl to write \(count) lines") { $0.count >= count } }

    /// Waits until it has ended.
    func end() async throws -> ProgramTests.Run {
        let end = try await process.waitForEnd()
        return ProgramTests.Run(output: try await output.value(), errors: try folder.read("open"), end: end)
    }
}
