import Glibc
import Testing
import WireTestKit

extension Integration {
    /// The samples in Python that raise events and subscribe to them with D-Bus alone.
    @Suite struct EventSampleTests {
        static func sample(_ name: String) -> String {
            var folder = #filePath.split(separator: "/").map(String.init)
            folder.removeLast(3)
            return "/" + folder.joined(separator: "/") + "/Samples/python/" + name
        }

        /// What a process writes, as far as it has come.
        static func output(_ process: ChildProcess) -> Recorder<String> {
            let (lines, seen) = (process.lines, Recorder<String>())
            Task { for await line in lines { seen.record(line) } }
            return seen
        }

        @Test("EV91: a source and a subscriber in Python, written from the contract alone, at a real broker")
        func python() async throws {
            let scene = try await Scene.start()
            let folder = try StateFolder()
            let pipe = folder.path + "/lines"
            #expect(mkfifo(pipe, 0o600) == 0)
            // Open at both ends, so that neither waits for the other.
            let lines = open(pipe, O_RDWR)
            #expect(lines >= 0)
            defer { close(lines) }
            let address = ["--address", scene.bus.address]
            let source = try ChildProcess(
                "/bin/sh", ["-c", "exec /usr/bin/python3 \"$0\" \"$@\" < '\(pipe)'", Self.sample("raise-events")] + address)
            try await Self.output(source).wait("the source to be ready") { $0 == ["ready"] }
            let query = "SELECT * FROM Sample_Line WHERE Number > 1"
            let watch = try ChildProcess(
                "/bin/sh",
                ["-c", "exec /usr/bin/python3 \"$0\" \"$@\" 2>&1", Self.sample("watch-events"), query, "--count", "2"] + address)
            let seen = Self.output(watch)
            try await seen.wait("the subscription") { $0 == ["subscribed"] }
            let text = "one\ntwo\nthree\n"
            #expect(write(lines, text, text.utf8.count) == text.utf8.count)
            #expect(try await watch.waitForEnd() == .exited(0))
            let events = try await seen.wait("two events") { $0.count == 3 }
            #expect(events[1].contains(#""Text": "two""#) && events[1].contains(#""__CLASS": "Sample_Line""#), "\(events)")
            #expect(events[2].contains(#""Text": "three""#) && events[2].contains(#""Number": 3"#), "\(events)")
            withExtendedLifetime((scene, source)) {}
        }
    }
}
