import CIM
import CIMMOF
import Foundation
import Testing

/// The directory that the DMTF's archive of the CIM schema 2.49 was unpacked into.
private let schemaDirectory = ProcessInfo.processInfo.environment["CIMBUS_CIM_SCHEMA"]

@Suite("The DMTF CIM schema 2.49 (set CIMBUS_CIM_SCHEMA to where it is unpacked)", .enabled(if: schemaDirectory != nil))
struct CIMSchemaTests {
    private func read(_ name: String) throws(MOFError) -> MOFSource {
        let path = "\(schemaDirectory ?? "")/\(name)"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw MOFError(
                file: path, line: 0, column: 0, status: .mofErrorInvalidIncludeFile, message: "expected a file, found none: \(path)")
        }
        return MOFSource(file: name, text: try MOFText.decode(Array(data), file: name))
    }

    @Test("All of it compiles through its includes, and what is written of it compiles to the same")
    func whole() throws {
        let context = MOFContext(include: { (name, _) throws(MOFError) in try read(name) })
        let unit = try MOFParser.parse(try read("cim_schema_2.49.0.mof"), in: context)
        #expect(unit.classes.count == 1631 && unit.qualifierTypes.count == 70 && unit.warnings.isEmpty)
        let again = try MOFParser.parse(MOFSource(file: "again", text: MOFWriter.write(unit)), in: MOFContext())
        #expect(again.declarations.map(\.content) == unit.declarations.map(\.content))
    }
}
