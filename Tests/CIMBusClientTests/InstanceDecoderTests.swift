import CIM
import CIMBusWire
import DBus
import Testing

@testable import CIMBusClient

/// Decoding batches with the classes' types, each class asked for when it is first met.
@Suite struct InstanceDecoderTests {
    private static let base = CIMClass(
        name: "T_Base",
        properties: [
            CIMProperty(name: "Name", type: CIMTypeReference(.string), qualifiers: [CIMQualifier(name: "key")]),
            CIMProperty(name: "Born", type: CIMTypeReference(.datetime)),
        ])
    private static let derived = CIMClass(
        name: "T_Derived", superclass: "T_Base", derivation: ["T_Base"],
        properties: base.properties + [CIMProperty(name: "Level", type: CIMTypeReference(.sint8))])

    private func message(_ instances: [CIMInstance]) throws -> Message {
        try Message.methodCall(
            destination: nil, path: .root, interface: Contract.objectSink, member: MemberName("Indicate"), signature: Signature("aa{sv}")
        ) { (writer: inout BodyWriter) throws(DBusError) in writer.append(instances: instances) }
    }

    @Test("Subclasses are decoded with their own types; the class that is missing is named")
    func subclasses() throws {
        let message = try message([
            CIMInstance(className: "T_Base", ["Name": "a", "Born": "20260101000000.000000+000"]),
            CIMInstance(className: "T_Derived", ["Name": "b", "Level": .sint8(-3)]),
            CIMInstance(className: "T_Base", ["Name": "c"]),
        ])
        var decoder = InstanceDecoder(expectedClass: "T_Base")
        var asked: [String] = []
        var instances: [CIMInstance]?
        while instances == nil, asked.count < 5 {
            do {
                instances = try decoder.readInstances(message)
            } catch InstanceDecoder.Need.layout(let name) {
                asked.append(name)
                decoder.learn(ObjectLayout(decoding: name == "T_Base" ? Self.base : Self.derived), of: name)
            }
        }
        #expect(asked == ["T_Base", "T_Derived"])
        #expect(instances?.map(\.className) == ["T_Base", "T_Derived", "T_Base"])
        #expect(instances?[0]["Born"]?.dateTimeValue?.year == 2026)
        #expect(instances?[1]["Level"] == .sint8(-3))
        #expect(instances?.map { $0.path?.relativePath } == [#"T_Base.Name="a""#, #"T_Derived.Name="b""#, #"T_Base.Name="c""#])
    }

    @Test("A value that does not fit asks for a newer class, and has no path without its keys")
    func misfit() throws {
        var decoder = InstanceDecoder(expectedClass: "T_Base")
        decoder.learn(ObjectLayout(decoding: Self.base), of: "T_Base")
        let bad = try message([CIMInstance(className: "T_Base", ["Name": "a", "Born": "tomorrow"])])
        var refused: String?
        do {
            _ = try decoder.readInstances(bad)
        } catch InstanceDecoder.Need.newerLayout(let name, _) {
            refused = name
        }
        #expect(refused == "T_Base")
        let keyless = try decoder.readInstances(
            message([CIMInstance(className: "T_Base", ["Name": "a\nb"]), CIMInstance(className: "T_Base")]))
        #expect(keyless.map(\.path) == [nil, nil])
    }
}
