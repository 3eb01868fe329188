import CIM
import Testing

@Suite("CIMInstance (Semantics C.1.2, Design 3, Objects)")
struct CIMInstanceTests {
    private let declared = CIMClass(
        name: "Disk",
        properties: [
            CIMProperty(name: "Name", type: .init(.string), qualifiers: [CIMQualifier(name: "key")]),
            CIMProperty(name: "Index", type: .init(.uint8), qualifiers: [CIMQualifier(name: "key")]),
            CIMProperty(name: "Size", type: .init(.uint64)),
        ])

    @Test("Properties are found in any case; absent and NULL differ; order is kept")
    func properties() {
        var instance = CIMInstance(className: "Disk", ["Name": "sda", "Size": .null])
        #expect(instance["NAME"] == .string("sda"))
        #expect(instance["size"] == .some(.null))
        #expect(instance["Label"] == nil)
        instance["LABEL"] = "root"
        instance["name"] = "sdb"
        #expect(instance.properties.map(\.name) == ["Name", "Size", "LABEL"])
        instance["Size"] = nil
        #expect(instance["Size"] == nil)
    }

    @Test("Design 3: names equal but for case are found, among few and among many", arguments: [3, 40])
    func duplicates(count: Int) {
        var instance = CIMInstance(className: "C", reservingCapacity: count)
        for number in 0..<count { instance.append(name: "p\(number)", value: 1) }
        #expect(instance.duplicateName == nil)
        instance.append(name: "P1", value: 2)
        #expect(instance.duplicateName == "P1")
    }

    @Test("C.1.2: the path comes from the key values, in declaration order, converted to their types")
    func path() throws {
        let instance = CIMInstance(className: "Disk", ["index": 7, "name": #"a"b\"#])
        #expect(try instance.path(in: declared).relativePath == #"Disk.Name="a\"b\\",Index=7"#)
    }

    @Test("C.1.2: a NULL or absent key is NoKey, a misfit TypeMismatch, a control character InvalidObjectPath")
    func pathFailures() {
        func status(_ properties: KeyValuePairs<String, CIMValue>) -> WBEMStatus? {
            do {
                _ = try CIMInstance(className: "Disk", properties).path(in: declared)
                return nil
            } catch { return error.status }
        }
        #expect(status(["Name": "a"]) == .noKey)
        #expect(status(["Name": .null, "Index": 1]) == .noKey)
        #expect(status(["Name": "a", "Index": 256]) == .typeMismatch)
        #expect(status(["Name": "a\u{1F}", "Index": 1]) == .invalidObjectPath)
        #expect(status(["Name": .string(String(repeating: "a", count: 9000)), "Index": 1]) == .invalidObjectPath)
        #expect(throws: CIMError.self) { try CIMInstance(className: "K").path(in: CIMClass(name: "K")) }
    }

    @Test("H.1: a singleton's path is =@")
    func singleton() throws {
        let declared = CIMClass(name: "S", qualifiers: [CIMQualifier(name: "singleton")])
        #expect(try CIMInstance(className: "S").path(in: declared).relativePath == "S=@")
    }

    @Test("Equality ignores the order of properties and the case of names, not values")
    func equality() {
        let one = CIMInstance(className: "C", ["a": 1, "b": "x"])
        let other = CIMInstance(className: "c", ["B": "x", "A": 1])
        #expect(one == other && one.hashValue == other.hashValue)
        #expect(one != CIMInstance(className: "C", ["a": 1, "b": "X"]))
        #expect(one != CIMInstance(className: "C", ["a": 1, "c": "x"]))
    }
}
