import Testing
import WireTestKit

/// The commands of the pages that a newcomer pastes, in the order in which they stand there: on a bus of their own, with the programs as they are built.
@Suite(.timeLimit(.minutes(3))) struct PageTests {
    private static let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

    /// The blocks of a page with this language, below a heading; nil: the whole page.
    private static func blocks(_ page: String, _ language: String, below heading: String? = nil) async throws -> [[String]] {
        let text = try await ChildProcess.output("cat", ["\(root)/\(page)"]).text
        var blocks: [[String]] = []
        var isBelow = heading == nil
        var isOpen = false
        var isIndented = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map({ String($0) }) {
            if isOpen {
                if line.hasPrefix("```") { isOpen = false } else { blocks[blocks.count - 1].append(line) }
            } else if line.hasPrefix("#") {
                isBelow = heading.map { line.hasSuffix(" " + $0) } ?? true
            } else if isBelow, line == "```" + language {
                isOpen = true
                blocks.append([])
            } else if isBelow, language.isEmpty, line.hasPrefix("    ") {
                if !isIndented { blocks.append([]) }
                blocks[blocks.count - 1].append(String(line.dropFirst(4)))
            }
            isIndented = line.hasPrefix("    ")
        }
        return blocks
    }

    /// Runs each line with bash; what ends with & goes on, and the next line waits until it says that it is there.
    private static let runner = #"""
        pids=(); trap 'kill -KILL "${pids[@]}" 2>/dev/null; rm -rf "$scratch"' EXIT
        out=0; scratch=$(mktemp -d); cd "$1" || exit 1
        begin() {
            local line
            exec {out}< <(exec bash -c "$1" 2>&1); pids+=($!)
            while IFS= read -r -t 20 -u $out line; do
                echo "$line"; [[ $line =~ serving|registered|subscribed ]] && return 0
            done
            return 1
        }
        while IFS= read -r -u 3 line; do
            echo "\$ $line"; line=${line//\/tmp\//$scratch/}
            case $line in
                '') ;;
                *' &') begin "exec ${line% &}" || { echo "page: '$line' did not come up"; exit 1; } ;;
                *) eval "$line" </dev/null || { echo "page: '$line' ended with $?"; exit 1; } ;;
            esac
        done 3< <(printf '%s' "$2")
        """#

    /// What the lines print, run on a session bus of their own.
    private func run(_ lines: [String]) async throws -> String {
        let process = try ChildProcess(
            "dbus-run-session", ["--", "bash", "-c", "exec 2>&1\n" + Self.runner, "page", Self.root, lines.joined(separator: "\n") + "\n"])
        var said = ""
        for await line in process.lines { said += line + "\n" }
        #expect(try await process.waitForEnd() == .exited(0), "\(said)")
        return said
    }

    /// The lines behind the first, which opens the shell.
    private func behindShell(_ block: [String]?) throws -> [String] {
        let block = try #require(block)
        #expect(block.first?.hasPrefix("dbus-run-session -- bash") == true, "\(block)")
        return Array(block.dropFirst())
    }

    @Test("W29: the README's first quarter of an hour, pasted line by line, works; so do the pages that build on it")
    func firstHour() async throws {
        let blocks = try await Self.blocks("README.md", "sh", below: "The first quarter of an hour")
        #expect(blocks.count == 3)
        let begin = try behindShell(blocks.first)
        let client = try await Self.blocks("Docs/YourFirstClient.md", "sh")
        #expect(client.count == 2)
        let said = try await run(begin + blocks.dropFirst().joined() + client.joined())
        for words in ["UnixProcess", "MountedFileSystems", "\"Name\":\"/\"", "Ran 3 tests", "class Linux_MountedFileSystem", "# Clocks"] {
            #expect(said.contains(words), "no \(words) in\n\(said)")
        }
        // What the page shows in Python.
        let python = try #require(try await Self.blocks("Docs/YourFirstClient.md", "python").first)
        let quoted = python.joined(separator: "\n").replacing("\\", with: "\\\\").replacing("'", with: "\\'").replacing("\n", with: "\\n")
        let listed = try await run(begin + ["/usr/bin/python3 -c $'\(quoted)'"])
        #expect(listed.split(separator: "\n").contains("/"), "\(listed)")
    }

    @Test("W29: the commands of the page about the samples in Python work in its folder")
    func python() async throws {
        let begin = try behindShell(try await Self.blocks("README.md", "sh", below: "The first quarter of an hour").first)
        let blocks = try await Self.blocks("Samples/python/README.md", "sh")
        #expect(blocks.count == 2)
        // What was begun last prints the event that it waited for.
        let said = try await run(begin.prefix(2) + ["cd Samples/python"] + blocks.joined() + ["cat <&$out"])
        #expect(said.contains("Linux_MountedFileSystem.Name=\"/\"") && said.contains(#""Text": "two", "Number": 2"#), "\(said)")
    }

    private static var hasRuby: Bool {
        get async { (try? await ChildProcess.output("ruby", ["-e", "require 'dbus'"]).end) == .exited(0) }
    }

    @Test(
        "W29: the commands of the page about other languages work",
        .enabled("Samples/install-dependencies few installs Ruby's D-Bus library") { await hasRuby })
    func otherLanguages() async throws {
        let begin = try behindShell(try await Self.blocks("README.md", "sh", below: "The first quarter of an hour").first)
        let block = try await Self.blocks("Docs/WritingAProviderInAnyLanguage.md", "", below: "Trying one out").first
        let said = try await run(begin.prefix(1) + behindShell(block))
        #expect(said.contains("bolt") && said.contains("ReturnValue"), "\(said)")
    }
}
