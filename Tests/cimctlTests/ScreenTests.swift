import DBus
import Glibc
import Testing
import WireTestKit

/// What `Docs/CommandLine.md` shows of the program is what the program shows.
extension ProgramTests {
    private static let screens = [
        "cimctl enumerate Site_Lamp", "cimctl get 'Site_Lamp.Name=\"desk\"'", "cimctl enumerate Site_Lamp --output list",
        "cimctl enumerate Site_Lamp --output json", "cimctl enumerate Site_Lamp --output csv", "cimctl enumerate Site_Lamp --output yaml",
        "cimctl enumerate Site_Lamp --output mof", "cimctl class show Site_Lamp", "cimctl class find lamp",
        "cimctl instance count Site_Lamp --where \"State = 1\"",
    ]
    /// Those that fail, to show how.
    private static let failures = ["cimctl enumerate Site_Lmap", "cimctl -o json get 'Site_Lamp.Name=\"attic\"'"]
    private static let page = "Docs/CommandLine.md"

    @Test("The screens in CommandLine.md are what cimctl shows")
    func screens() async throws {
        let (bus, broker) = try await lamps()
        let program = BuildFolder.path(of: "cimctl")
        let beside = String(program.prefix(upTo: program.lastIndex(of: "/") ?? program.startIndex))
        func shown(_ commands: [String], _ prompt: String) async throws -> String {
            var text = ""
            for command in commands {
                let script = "PATH='\(beside)':$PATH; \(command) 2>&1"
                let (said, _) = try await ChildProcess.output("/bin/sh", ["-c", script], environment: ["CIMBUS_BUS": bus.address])
                text += (text.isEmpty ? "" : "\n") + "\(prompt)\(command)\n" + said.replacing(bus.address, with: "system")
            }
            return "```text\n\(text)```\n"
        }
        let screens =
            try await shown(Self.screens, "$ ") + "\nWhat fails says so, and which name may have been meant:\n\n"
            + shown(Self.failures, "ada$ ")
        try await compare(screens, "screens")
        withExtendedLifetime(broker) {}
    }

    @Test("The terminals in CommandLine.md are what a person sees who types: the shell, its completion and history, bash, doctor and man")
    func terminals() async throws {
        let (bus, broker) = try await lamps()
        let program = BuildFolder.path(of: "cimctl")
        let beside = String(program.prefix(upTo: program.lastIndex(of: "/") ?? program.startIndex))
        let script = """
            trap 'rm -rf "$FOLDER/pages" "$FOLDER/cimbus"' EXIT
            "$0/Tests/Scripts/make-man-pages" "$1" "$FOLDER/pages" 2>&1 && "$0/Tests/Terminal/screens" "$1" "$FOLDER/pages" "$FOLDER" 2>&1
            """
        let typing = try ChildProcess(
            "/bin/sh", ["-c", script, CommandExample.root, beside],
            environment: ["DBUS_SESSION_BUS_ADDRESS": bus.address, "FOLDER": folder.path("")])
        let (shown, end) = try await withDeadline(.seconds(50), "the terminals") {
            var text = ""
            for await line in typing.lines { text += line + "\n" }
            return (text, try await typing.waitForEnd())
        }
        #expect(end == .exited(0), "\(shown)")
        try await compare(shown, "terminals")
        withExtendedLifetime(broker) {}
    }

    /// What a test writes is what stands in the page; or the page gets it, with `CIMBUS_WRITE_GOLDEN`.
    private func compare(_ text: String, _ name: String) async throws {
        let page = try await CommandExample.lines(of: Self.page).joined(separator: "\n")
        let head = "<!-- \(name): a test writes what is between here and the end of it, with CIMBUS_WRITE_GOLDEN=1 -->\n"
        let start = try #require(page.firstRange(of: head))
        let end = try #require(page.firstRange(of: "<!-- \(name) end -->\n"))
        if getenv("CIMBUS_WRITE_GOLDEN") != nil {
            let written = page[..<start.upperBound] + "\n\(text)\n" + page[end.lowerBound...]
            let file = try #require(fopen("\(CommandExample.root)/\(Self.page)", "w"))
            fputs(String(written), file)
            fclose(file)
        } else {
            #expect(page[start.upperBound..<end.lowerBound] == "\n\(text)\n", "\(text)")
        }
    }
}
