import ArgumentParser
import CIMBusTestKit

@testable import cimctl

/// The commands that the pages and the help texts show.
struct CommandExample: Hashable, Sendable, CustomStringConvertible {
    /// Where it stands.
    var place: String
    /// As one would type it; the comment behind it is left out.
    var line: String

    var description: String { "\(place): \(line)" }

    static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    /// The pages that show commands of this program, or what is done with `busctl`.
    static let pages = [
        "README.md", "Docs/Administration.md", "Docs/Architecture.md", "Docs/Contributing.md", "Docs/FailureModel.md", "Docs/Protocol.md",
        "Docs/TypesFromMOF.md", "Docs/WritingAProvider.md", "Samples/README.md", "Samples/python/README.md",
    ]

    /// In the order of the pages.
    static func inPages() async throws -> [CommandExample] {
        var examples: [CommandExample] = []
        for page in pages { examples += commands(in: try await lines(of: page), page) }
        return examples
    }

    /// In the order of the commands.
    static func inHelp() -> [CommandExample] {
        commands(below: CimCtl.self).flatMap { command in
            let text = CimCtl.helpMessage(for: command, columns: 200)
            return text.split(separator: "\n").map(trimmed).filter { isCommand($0) }.map {
                CommandExample(place: "help \(command._commandName)", line: withoutComment($0))
            }
        }
    }

    /// The root and what is below it.
    static func commands(below command: ParsableCommand.Type) -> [ParsableCommand.Type] {
        [command] + command.configuration.subcommands.flatMap { commands(below: $0) }
    }

    static func lines(of page: String) async throws -> [String] {
        try await ChildProcess.output("cat", ["\(root)/\(page)"]).text.split(separator: "\n", omittingEmptySubsequences: false).map {
            String($0)
        }
    }

    /// What stands in fences and in indented blocks.
    private static func commands(in lines: [String], _ page: String) -> [CommandExample] {
        var examples: [CommandExample] = []
        var isFenced = false
        var open: String?
        for line in lines {
            if line.hasPrefix("```") {
                isFenced.toggle()
                continue
            }
            guard isFenced || line.hasPrefix("    ") else { continue }
            var text = trimmed(line[...])
            if text.hasPrefix("$ ") { text = trimmed(text.dropFirst(2)[...]) }
            if let begun = open { text = begun + text } else if !isCommand(text) { continue }
            if text.hasSuffix("\\") {
                open = String(text.dropLast())
            } else {
                open = nil
                examples.append(CommandExample(place: page, line: withoutComment(text)))
            }
        }
        return examples
    }

    private static func trimmed(_ line: Substring) -> String { String(line.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }

    /// Also what sets a variable that the commands behind it use.
    private static func isCommand(_ line: String) -> Bool {
        line.prefixMatch(of: /(sudo )?(cimctl|busctl) [^:·]/) != nil || line.prefixMatch(of: /[A-Z]="org\.cimbus1/) != nil
    }

    /// A comment begins with a # behind a space, outside of quotes.
    private static func withoutComment(_ line: String) -> String {
        var quote: Character?
        var last: Character = " "
        for index in line.indices {
            let next = line[index]
            if let open = quote {
                if next == open { quote = nil }
            } else if next == "'" || next == "\"" {
                quote = next
            } else if next == "#", last == " " {
                return trimmed(line[..<index])
            }
            last = next
        }
        return line
    }

    // MARK: - In the middle of sentences

    /// `cimctl …` in backticks in the pages, and in apostrophes in the help texts and in what the program says. Capitals stand for a name.
    static func mentions() async throws -> [CommandExample] {
        var mentions: [CommandExample] = []
        for page in pages {
            for line in try await lines(of: page) {
                for match in line.matches(of: /`(?:sudo )?cimctl ([^`…]+)`/) {
                    mentions.append(CommandExample(place: page, line: String(match.1)))
                }
            }
        }
        let sources = try await ChildProcess.output("find", ["\(root)/Sources/cimctl", "-name", "*.swift"]).text
        for file in sources.split(separator: "\n") {
            for line in try await lines(of: String(file.dropFirst(root.count + 1))) {
                for match in line.matches(of: /'cimctl ([^'…]+)'/) {
                    mentions.append(CommandExample(place: String(file.dropFirst(root.count + 1)), line: String(match.1)))
                }
            }
        }
        return mentions
    }
}
