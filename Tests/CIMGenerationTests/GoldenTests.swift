import CIMGeneration
import CIMMOFFiles
import Glibc
import Testing
import WireTestKit

/// What is generated stays as it is, until somebody means to change it: `CIMBUS_WRITE_GOLDEN=1` writes the files anew.
///
/// The files of Swift are a part of this target, so that they are compiled with every warning as an error.
@Suite struct GoldenTests {
    private func expect(_ text: String, in name: String) throws {
        let path = GeneratedSources.path(name)
        if getenv("CIMBUS_WRITE_GOLDEN") != nil { return try TextFile.write(text, to: path) }
        let old = String(decoding: TextFile.contents(path, upTo: 16 << 20) ?? [], as: UTF8.self)
        let lines = (
            old: old.split(separator: "\n", omittingEmptySubsequences: false),
            new: text.split(separator: "\n", omittingEmptySubsequences: false)
        )
        let first = zip(lines.old, lines.new).enumerated().first { $0.element.0 != $0.element.1 }
        #expect(old == text, "\(name):\((first?.offset ?? -1) + 1): was '\(first?.element.0 ?? "")', is '\(first?.element.1 ?? "")'")
    }

    @Test("Types of every type, qualifier and difficult name are the same each time, and as they were")
    func swift() throws {
        let files = try GeneratedSources.files("Tests/CIMGenerationTests/MOF/Torture.mof")
        let text = try GeneratedSources.swift(files)
        #expect(try GeneratedSources.swift(files) == text)
        try expect(text, in: "Golden/TortureTypes.swift")
    }

    @Test("Short names, internal access, and the types alone")
    func options() throws {
        var options = GenerationOptions()
        options.access = .internal
        options.names = .short
        options.forClients = false
        options.forProviders = false
        let files = try GeneratedSources.files("Samples/Sources/Clocks/Clock.mof")
        try expect(try GeneratedSources.swift(files, options), in: "Golden/ClockTypes.swift")
    }

    @Test("Dataclasses of every type, qualifier and difficult name are the same each time, and as they were")
    func python() throws {
        let files = try GeneratedSources.files("Tests/CIMGenerationTests/MOF/Torture.mof")
        try expect(try PythonGenerator(ClassSet(files)).whole(files), in: "MOF/torture.py")
    }

    @Test("The Python sample has the dataclasses of its MOF")
    func pythonSample() throws {
        let files = try GeneratedSources.files("Samples/python/Linux_MountedFileSystem.mof")
        try expect(try PythonGenerator(ClassSet(files)).whole(files), in: "../../Samples/python/mounted_file_system.py")
    }
}
