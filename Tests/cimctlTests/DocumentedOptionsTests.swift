import Testing
import WireTestKit

@Suite struct DocumentedOptionsTests {
    @Test("Administration.md has every option of cimbusd")
    func documentedOptions() async throws {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let (page, _) = try await ChildProcess.output("cat", [root + "/Docs/Administration.md"])
        let start = try #require(page.firstRange(of: "\n## Options of cimbusd\n"))
        let section = page[start.upperBound...].prefix(upTo: page[start.upperBound...].firstRange(of: "\n## ")?.lowerBound ?? page.endIndex)
        let (help, end) = try await ChildProcess.output(BuildFolder.path(of: "cimbusd"), ["--help"])
        #expect(end == .exited(0))
        let options = help.split(separator: "\n").compactMap { try? /\s+(?:-h, )?(--[a-z-]+).*/.wholeMatch(in: $0)?.1 }
        #expect(options.count >= 18, "\(options)")
        for option in options { #expect(section.contains("`\(option)"), "\(option)") }
    }
}
