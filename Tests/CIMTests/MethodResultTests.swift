import CIM
import Testing

@Suite struct MethodResultTests {
    @Test("R104, R112, R113: the object of a result has the out parameters and ReturnValue, and reads back; nothing to say is no object")
    func object() {
        let result = MethodResult(returnValue: 0, ["Total": .uint32(3), "Names": .strings(["a"])])
        let object = result.object
        #expect(object?.className == "__PARAMETERS")
        #expect(object?.properties.map(\.name) == ["Total", "Names", "ReturnValue"])
        #expect(object.map { MethodResult($0) } == result)
        #expect(result["total"] == .uint32(3) && result["ReturnValue"] == nil)
        #expect(MethodResult().object == nil)
        #expect(MethodResult(returnValue: .null).object != nil)
        #expect(MethodResult(CIMInstance(className: "__PARAMETERS", ["returnvalue": .uint32(7)])).returnValue == .uint32(7))
    }

    @Test("the path of an instance is one expression: its class and its keys")
    func paths() throws {
        let name = "a\"b"
        let path = CIMObjectPath(className: "Sample_Part", ["Name": .string(name), "Number": 7, "IsNew": true, "Set": "small"])
        #expect(path.relativePath == #"Sample_Part.Name="a\"b",Number=7,IsNew=TRUE,Set="small""#)
        #expect(path == (try CIMObjectPath(parsing: path.relativePath)))
    }
}
