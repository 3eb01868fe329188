import CIM
import Testing

@testable import CIMGeneration

@Suite struct NamingTests {
    @Test(
        "Names of MOF are members of Swift: words in one, the first of them small",
        arguments: [
            ("Name", "name"), ("MountID", "mountID"), ("CSName", "csName"), ("CSCreationClassName", "csCreationClassName"), ("ID", "id"),
            ("IDs", "ids"), ("my_flag", "myFlag"), ("_x", "x"), ("__", "value"), ("x", "x"), ("URL", "url"), ("A1", "a1"),
            ("IPv4Address", "iPv4Address"),
            ("Not Available", "notAvailable"), ("3.5 inch", "value35Inch"), ("", "value"), ("é", "ue9"),
        ])
    func members(name: String, expected: String) { #expect(SwiftNames.member(name) == expected) }

    @Test(
        "Names of MOF are fields of Python",
        arguments: [
            ("Name", "name"), ("MountID", "mount_id"), ("CSName", "cs_name"), ("FileSystemType", "file_system_type"),
            ("my_flag", "my_flag"),
            ("URLPath", "url_path"), ("class", "class_"), ("Class", "class_"), ("3", "value_3"), ("ReadOnly", "read_only"), ("IDs", "ids"),
        ])
    func fields(name: String, expected: String) { #expect(PythonModelBuilder.member(name) == expected) }

    private func names(_ type: CIMTypeReference, _ qualifiers: [String: [String]]) -> ValueNames? {
        ValueNames(type, qualifiers.map { CIMQualifier(name: $0.key, value: .strings($0.value)) })
    }

    @Test("ValueMap and Values: numbers in any notation, spans, and what does not fit is left out")
    func valueMaps() throws {
        let map = try #require(
            names(
                .init(.uint8),
                [
                    "valuemap": ["0", "0x10", "20..29", "..5", "250..", "..", "256", "x", "-1", "0"],
                    "Values": Array("abcdefghij").map(String.init),
                ]))
        #expect(map.values.map(\.number) == [0, 16])
        #expect(map.spans.map { "\($0.lower)-\($0.upper)\($0.name)" } == ["20-29c", "0-5d", "250-255e"])
        #expect(names(.init(.uint8), ["Values": ["a", "b"]])?.values.map(\.number) == [0, 1])
        #expect(names(.init(.uint8), ["ValueMap": ["1"]]) == nil)
        #expect(names(.init(.boolean), ["ValueMap": ["1"], "Values": ["a"]]) == nil)
        #expect(names(.init(.string), ["ValueMap": ["a", "a", "b"]])?.values.map(\.text) == ["a", "b"])
    }

    @Test("BitMap and BitValues: bits that the type has")
    func bits() {
        #expect(names(.init(.uint8), ["BitMap": ["0", "7", "8"], "BitValues": ["a", "b", "c"]])?.values.map(\.number) == [0, 7])
        #expect(names(.init(.sint8), ["BitMap": ["6", "7"], "BitValues": ["a", "b"]])?.values.map(\.number) == [6])
        #expect(names(.init(.uint8), ["BitValues": ["a", "b"]])?.kind == .bits)
    }

    @Test("A text of a qualifier cannot leave its literal or its comment")
    func literals() {
        #expect(CIMText.swiftLiteral("a\"\\(x)\n\u{0}\u{202E}") == #""a\"\\(x)\n\u{0}\u{202e}""#)
        #expect(CIMText.paragraphs("a\nb\r\n\u{2028}c  d\u{0}e") == ["a", "", "b", "", "c d e"])
    }
}
