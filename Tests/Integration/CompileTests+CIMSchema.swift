import CIM
import CIMBusWire
import CIMMOF
import DBus
import Glibc
import Testing
import WireTestKit

/// The directory that the DMTF's archive of the CIM schema 2.49 was unpacked into.
private let schemaDirectory = getenv("CIMBUS_CIM_SCHEMA").map { String(cString: $0) }

extension Integration.CompileTests {
    @Test(
        "Design 3: the CIM schema 2.49 compiles over the bus in one transaction; every class read back compiles to the same class",
        .enabled(if: schemaDirectory != nil, "set CIMBUS_CIM_SCHEMA to where the DMTF's archive is unpacked"))
    func cimSchema() async throws {
        let unit = try Self.schema()
        #expect(unit.classes.count == 1631)
        let state = try StateFolder()
        var scene = try await Scene.start("--state", state.path)
        let text = MOFWriter.write(unit)
        let result = try await scene.client.compile(text, timeout: .seconds(120))
        #expect(result.phase == 0 && result.message.isEmpty, "\(result)")
        let declared = Dictionary(unit.classes.map { (CIMName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        let read = try await Self.classes(scene.client).filter { declared[CIMName($0.name)] != nil }
        #expect(read.count == 1631)
        // As a text for whoever has the declarations of the qualifiers, which say the types of their values.
        let types = Dictionary(unit.qualifierTypes.map { (CIMName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        let context = MOFContext(qualifierType: { name, _ in types[CIMName(name)] })
        let written = read.map { MOFWriter.write($0) { types[CIMName($0)] } }
        for (declaration, text) in zip(read, written) {
            let again = try MOFParser.parse(MOFSource(file: declaration.name, text: text), in: context).classes
            let same = again.map(\.sorted) == [try #require(declared[CIMName(declaration.name)]).sorted]
            #expect(same, "\(declaration.name)")
        }
        // Compiled again from what was read they change nothing; and all of it is there after a restart.
        let again = try await scene.client.compile(written.joined(), classFlags: 1, timeout: .seconds(120))
        #expect(again.phase == 0, "\(again)")
        let unchanged = try await Self.classes(scene.client)
        scene = try await scene.restarted(on: state)
        let after = try await Self.classes(scene.client)
        for classes in [unchanged, after] {
            let same =
                classes.filter { declared[CIMName($0.name)] != nil }.sorted { $0.name < $1.name } == read.sorted { $0.name < $1.name }
            #expect(same)
        }
        try await expectQuiet(scene, next: .get("CIM_LogicalDisk"))
    }

    /// All classes, each as `GetObject` gives it and as the enumeration does.
    private static func classes(_ client: RawClient) async throws -> [CIMClass] {
        let listed = try await client.run(.classes(""), .async, within: .seconds(60))
        #expect(listed.status == .noError)
        let all = try listed.objects.map { try CIMClass(wire: $0) }
        for declaration in all {
            let same = try await client.declaration(declaration.name) == declaration
            #expect(same, "\(declaration.name)")
        }
        return all
    }

    /// The root file with all that it includes.
    private static func schema() throws -> MOFUnit {
        func read(_ name: String) throws(MOFError) -> MOFSource {
            let path = "\(schemaDirectory ?? "")/\(name)"
            guard let file = fopen(path, "r") else {
                throw MOFError(file: path, line: 0, column: 0, status: .mofErrorInvalidIncludeFile, message: "expected a file, found none")
            }
            defer { fclose(file) }
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
            return MOFSource(file: name, text: try MOFText.decode(bytes, file: name))
        }
        let context = MOFContext(include: { (name, _) throws(MOFError) in try read(name) })
        return try MOFParser.parse(try read("cim_schema_2.49.0.mof"), in: context)
    }
}

extension CIMClass {
    /// Its features by name: one that overrides another takes its place, wherever the text has it.
    fileprivate var sorted: CIMClass {
        var sorted = self
        sorted.properties.sort { $0.name < $1.name }
        sorted.methods.sort { $0.name < $1.name }
        return sorted
    }
}
