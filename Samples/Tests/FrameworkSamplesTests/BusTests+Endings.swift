import Glibc
import Testing
import WireTestKit

/// How samples end that cannot serve: with the reason on standard error and status 1, without a crash and without a traceback.
extension BusTests {
    private static let programs = [
        ["UnixProcessProvider"], ["FrameworkSample", "owners"], ["FrameworkSample", "interfaces"], ["FrameworkSample", "ethernet"],
        ["FrameworkSample", "echo"], ["mounted-file-systems", "--labels", "/nowhere/labels.json"], ["ethernet-interfaces"],
        ["raise-events"],
    ]

    /// What it prints on both outputs until it ends.
    private func ending(_ words: [String], _ address: String, as user: [String] = []) async throws -> (text: String, end: ProcessEnd) {
        let command = user + (words[0].contains("-") ? Self.python(words[0]) : [BuildFolder.path(of: words[0])])
        return try await ChildProcess.output(
            "/bin/sh", ["-c", "yes | \"$@\" 2>&1", "sh"] + command + words.dropFirst() + ["--address", address])
    }

    @Test(
        "samples: without a bus a sample says so and ends with status 1",
        arguments: programs + [["watch-events", "SELECT * FROM Sample_Line"]])
    func withoutBus(words: [String]) async throws {
        for address in ["unix:path=/nowhere/at/all", "nonsense"] {
            let ended = try await ending(words, address)
            #expect(ended.end == .exited(1), "\(words) \(ended.text)")
            #expect(
                !ended.text.isEmpty && !ended.text.contains("Traceback") && !ended.text.contains("Fatal error"), "\(words) \(ended.text)")
        }
    }

    @Test(
        "samples: a sample whose registration is refused says why and ends with status 1",
        .enabled(if: getuid() == 0, "another user is needed, who may not register"), arguments: programs)
    func refused(words: [String]) async throws {
        let scene = try await Scene.start(bus: try await PrivateBus.start(allUsers: true))
        let ended = try await ending(
            words, scene.bus.address, as: ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])
        #expect(ended.end == .exited(1), "\(words) \(ended.text)")
        #expect(!ended.text.contains("Traceback") && !ended.text.contains("Fatal error"), "\(words) \(ended.text)")
        #expect(ended.text.contains("has not the right Register"), "\(words) \(ended.text)")
    }
}
