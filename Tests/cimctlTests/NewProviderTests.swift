import CIMMOF
import Testing

@testable import cimctl

/// What `cimctl new provider` writes, as values. `ProgramTests+New.swift` runs the program; `Tests/Scripts/check-new-provider` builds what it
/// writes in Swift, and runs its tests.
@Suite struct NewProviderTests {
    private func template(_ language: ProviderTemplate.Language) throws -> ProviderTemplate {
        ProviderTemplate(name: try ProviderName("Clocks"), language: language, cimbus: "/src/cimbus")
    }

    private func text(_ path: String, _ template: ProviderTemplate) throws -> String {
        try #require(template.files.first { $0.path == path }, "\(template.files.map(\.path))").text
    }

    @Test(
        "new provider: a name is one word that begins with a capital and hides no library",
        arguments: [
            ("", "capital letter"), ("clocks", "capital letter"), ("Ünits", "capital letter"), ("Two Words", "other characters"),
            ("A/../B", "other characters"), ("Clock$", "other characters"), (String(repeating: "A", count: 41), "at most 40"),
            ("Testing", "name of a library"), ("CIMBusProvider", "name of a library"),
        ])
    func names(text: String, reason: String) throws {
        let fault = #expect(throws: ProviderName.Fault.self) { try ProviderName(text) }
        #expect(fault?.description.contains(reason) == true, "\(String(describing: fault))")
        #expect(try ProviderName("A" + String(repeating: "b", count: 39)).program.hasSuffix("-provider"))
    }

    @Test(
        "new provider: its MOF compiles, and has a key, a property to put, a method and an association",
        arguments: ProviderTemplate.Language.allCases)
    func declarations(language: ProviderTemplate.Language) throws {
        let template = try template(language)
        let unit = try MOFParser.parse(template.mof, file: "Clocks.mof")
        #expect(unit.classes.map(\.name) == ["Clocks_Item", "Clocks_Group", "Clocks_ItemInGroup"])
        #expect(unit.classes.first?.keyProperties.map(\.name) == ["Name"])
        #expect(unit.classes.first?.methods.map(\.name) == ["Use"])
        #expect(unit.classes.last?.keyProperties.map(\.name) == ["Group", "Item"])
        _ = try MOFParser.parse(try text("service/activation.mof", template), file: "activation.mof")
        #expect(Set(template.files.map(\.path)).count == template.files.count)
        for file in template.files {
            #expect(file.text.hasSuffix("\n") && !file.text.contains("\\#("), "\(file.path)")
            #expect(!file.text.split(separator: "\n").contains { $0.last == " " }, "\(file.path)")
        }
    }

    @Test("new provider: a path of the package cimbus is written as a path, a URL as a URL")
    func dependencies() throws {
        var template = try template(.swift)
        #expect(try text("Package.swift", template).contains(#".package(name: "cimbus", path: "/src/cimbus")"#))
        template.cimbus = "https://example.org/forks/bus.git"
        let manifest = try text("Package.swift", template)
        #expect(manifest.contains(#".package(url: "https://example.org/forks/bus.git", branch: "main")"#))
        #expect(manifest.contains(#"package: "bus")"#))
    }

    @Test("new provider: the package cimbus is what the command line says, else the environment, else that in whose .build the program is")
    func packages() throws {
        let files = try ScratchFiles()
        try files.write("Package.swift", "// a package\n")
        let package = String(files.path("").dropLast())
        var place = CIMBusPackage(given: nil, environment: nil, executable: package + "/.build/debug/cimctl")
        #expect(try place.location?.get() == package)
        place.executable = "/usr/bin/cimctl"
        #expect(place.location == nil)
        place.environment = package
        #expect(try place.location?.get() == package)
        place.given = "https://example.org/cimbus"
        #expect(try place.location?.get() == "https://example.org/cimbus")
        place.given = package + "/nothing"
        #expect(throws: (any Error).self) { try place.location?.get() }
    }
}
