import Testing
import WireTestKit

@testable import cimctl

/// `cimctl new provider`: what lands in the folder, and what is refused.
extension ProgramTests {
    private func new(_ arguments: String...) async throws -> Run {
        try await run(["new", "provider"] + arguments, environment: ["CIMBUS_PACKAGE": CommandExample.root])
    }

    /// Runs the test with the path of a folder that is not there yet, and removes the folder.
    private func withFolder(_ test: (String) async throws -> Void) async throws {
        let path = "/tmp/\(folder.name)-new"
        let result: Result<Void, any Error>
        do { result = .success(try await test(path)) } catch { result = .failure(error) }
        _ = try await ChildProcess.output("rm", ["-rf", path])
        try result.get()
    }

    private func files(in path: String) async throws -> String { try await ChildProcess.output("find", [path, "-type", "f"]).text }

    @Test("new provider: a provider in Python works as it is, and passes its test")
    func newInPython() async throws {
        try await withFolder { made in
            let written = try await new("Clocks", "--language", "python", "--directory", made)
            #expect(written.end == .exited(0), "\(written.errors)")
            let test = try ChildProcess(
                "/bin/sh", ["-c", "exec /usr/bin/python3 \"$0\" -v 2>&1", made + "/test_clocks.py"],
                environment: ["CIMBUSD": BuildFolder.path(of: "cimbusd"), "CIMCTL": BuildFolder.path(of: "cimctl")])
            var said = ""
            for await line in test.lines { said += line + "\n" }
            #expect(try await test.waitForEnd() == .exited(0), "\(said)")
            #expect(said.contains("Ran 3 tests"), "\(said)")
            // Without a bus it says so.
            let alone = try await ChildProcess.output(
                "/bin/sh", ["-c", "exec \"$0\" --session 2>&1", made + "/clocks-provider"],
                environment: ["DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/at/all"])
            #expect(alone.end == .exited(1) && alone.text.hasPrefix("Clocks: ") && !alone.text.contains("Traceback"), "\(alone.text)")
        }
    }

    @Test("W29: the commands in the README of a new provider run, in their order", arguments: ProviderTemplate.Language.allCases)
    func newPage(language: ProviderTemplate.Language) async throws {
        let template = ProviderTemplate(name: try ProviderName("Clocks"), language: language)
        let page = try #require(template.files.first { $0.path == "README.md" }).text
        let lines = page.split(separator: "\n").filter { $0.hasPrefix("    cimctl ") }.map { $0.dropFirst(4) }
        #expect(lines.count == 4)
        try await withFolder { made in
            // Both languages serve the same classes alike; this one needs no build.
            #expect(try await new("Clocks", "--language", "python", "--directory", made).end == .exited(0))
            let (bus, broker) = try await open()
            let environment = ["DBUS_SESSION_BUS_ADDRESS": bus.address]
            let provider = try ChildProcess(made + "/clocks-provider", ["--session"], environment: environment)
            let (output, said) = (provider.lines, Recorder<String>())
            Task { for await line in output { said.record(line) } }
            try await said.wait("the provider to register") { $0.contains { $0.hasPrefix("registered") } }
            let build = BuildFolder.path(of: "cimctl").split(separator: "/").dropLast().map { "/" + $0 }.joined()
            for line in lines {
                let ran = try await ChildProcess.output("/bin/sh", ["-c", "PATH=\(build):$PATH; \(line) 2>&1"], environment: environment)
                #expect(ran.end == .exited(0) && !ran.text.isEmpty, "\(line)\n\(ran.text)")
            }
            withExtendedLifetime((broker, provider)) {}
        }
    }

    @Test("new provider: what is there is never written over, and a mistake writes nothing")
    func newRefused() async throws {
        try await withFolder { made in
            #expect(try await new("Clocks", "--directory", made).end == .exited(0))
            let before = try await files(in: made)
            #expect(before.contains("/Sources/Clocks/Clocks.mof\n"))
            let again = try await new("Clocks", "--language", "python", "--directory", made)
            #expect(
                again.end == .exited(1) && again.errors.contains("AlreadyExists") && again.errors.contains("--directory"), "\(again.errors)"
            )
            #expect(try await files(in: made) == before)

            for (words, reason) in [
                (["clocks"], "capital letter"), (["Clocks", "--language", "perl"], "perl"),
                (["Clocks", "--cimbus", "/nowhere"], "/nowhere"),
                (["Clocks", "--language", "python", "--cimbus", CommandExample.root], "Python needs no code"),
            ] {
                let none = folder.path("none")
                let refused = try await run(["new", "provider"] + words + ["--directory", none])
                #expect(refused.end == .exited(64) && refused.errors.contains(reason), "\(words) \(refused.errors)")
                #expect(try await ChildProcess.output("test", ["-e", none]).end == .exited(1))
            }
            let nowhere = try await new("Clocks", "--directory", "/proc/nothing")
            #expect(nowhere.end == .exited(1) && nowhere.errors.contains("/proc/nothing cannot be written"), "\(nowhere.errors)")
        }
    }
}
