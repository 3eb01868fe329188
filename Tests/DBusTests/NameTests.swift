import DBus
import Testing

/// D-Bus specification, "Valid Names", "Valid Object Paths", "Type System".
@Suite struct NameTests {
    @Test(arguments: ["org.example", "org.example.A_1", "a.b", ":1.0", ":1.42-x", "org.ex-ample.x"])
    func acceptsBusNames(text: String) throws { #expect(try BusName(text).text == text) }

    @Test(arguments: [
        "", "org", ".org.x", "org..x", "org.x.", "org.1x", "org.é", ":", ":1", ":1.", "org.x y", "a.b\0",
        String(repeating: "a.", count: 128) + "b",
    ])
    func refusesBusNames(text: String) { #expect(throws: DBusNameError.self) { try BusName(text) } }

    @Test func interfaceNamesHaveNoHyphen() {
        #expect(throws: DBusNameError.self) { try InterfaceName("org.ex-ample.x") }
        #expect(throws: DBusNameError.self) { try InterfaceName(":1.4") }
    }

    @Test(arguments: ["", "1a", "a.b", "a-b", "é", String(repeating: "a", count: 256)])
    func refusesMembers(text: String) { #expect(throws: DBusNameError.self) { try MemberName(text) } }

    @Test(arguments: ["/", "/a", "/a/b_1", "/_", "/1"])
    func acceptsPaths(text: String) throws { #expect(try ObjectPath(text).text == text) }

    @Test(arguments: ["", "a", "//", "/a/", "/a//b", "/a-b", "/é", "/a\0"])
    func refusesPaths(text: String) { #expect(throws: DBusNameError.self) { try ObjectPath(text) } }

    @Test func pathsKnowTheirFamily() throws {
        let path = try ObjectPath("/a/b/c")
        #expect(path.parent == (try ObjectPath("/a/b")))
        #expect(try ObjectPath("/a").parent == .root)
        #expect(ObjectPath.root.parent == nil)
        #expect(path.isEqual(toOrBelow: try ObjectPath("/a/b")))
        #expect(path.isEqual(toOrBelow: .root))
        #expect(!path.isEqual(toOrBelow: try ObjectPath("/a/bb")))
        #expect(try !ObjectPath("/a/bc").isEqual(toOrBelow: ObjectPath("/a/b")))
        #expect(path.lastElement == "c")
    }

    /// Design 3: every byte outside [A-Za-z0-9] becomes _xx.
    @Test(arguments: ["", "cimv2", "_", "a_b", "Win32_Process.Handle=\"1\"", "é", "a/b"])
    func escapesAndBack(text: String) throws {
        let element = ObjectPath.escape(text)
        _ = try ObjectPath("/" + element)
        #expect(ObjectPath.unescape(element) == text)
    }

    @Test func escapesInLowerCase() {
        #expect(ObjectPath.escape("a_b-Z\u{FF}") == "a_5fb_2dZ_c3_bf")
        #expect(ObjectPath.unescape("a_5Fb") == nil)
        #expect(ObjectPath.unescape("a_5") == nil)
        #expect(ObjectPath.unescape("_ff") == nil)
    }

    @Test(arguments: [
        "", "s", "a{sv}", "aa{sv}", "(ii(s))", "a(oa{sv})", "v", String(repeating: "a", count: 32) + "y",
        String(repeating: "y", count: 255),
    ])
    func acceptsSignatures(text: String) throws { #expect(try Signature(text).text == text) }

    @Test(arguments: [
        "a", "()", "(", "(i", ")", "{sv}", "a{vs}", "a{s}", "a{sss}", "a{sv", "z", "r", "e", String(repeating: "a", count: 33) + "y",
        String(repeating: "y", count: 256), String(repeating: "(", count: 33) + "y" + String(repeating: ")", count: 33), "a{(i)s}",
    ])
    func refusesSignatures(text: String) { #expect(throws: DBusNameError.self) { try Signature(text) } }

    @Test func signaturesSplit() throws {
        #expect(try Signature("sa{sv}(ii)v").types.map(\.text) == ["s", "a{sv}", "(ii)", "v"])
        #expect(try Signature("a{sv}").isSingleType)
        #expect(try !Signature("ss").isSingleType)
        #expect(!Signature.empty.isSingleType)
    }
}
