import DBus
import Testing
import WireTestKit

@Suite(.timeLimit(.minutes(1)))
struct IntrospectionTests {
    static let described = InterfaceDescription(
        InterfaceName(staticString: "org.example.All"),
        methods: [
            .init(
                MemberName(staticString: "Do"),
                inputs: [.init("a<b", Signature(staticString: "a{sv}")), .init("", Signature(staticString: "i"))],
                outputs: [.init("o", Signature(staticString: "(so)"))], annotations: ["org.freedesktop.DBus.Deprecated": "true"]),
            .init(MemberName(staticString: "Nothing")),
        ],
        signals: [.init(MemberName(staticString: "Happened"), arguments: [.init("what", Signature(staticString: "s"))])],
        properties: [
            .init(MemberName(staticString: "P"), Signature(staticString: "u"), access: .readWrite),
            .init(MemberName(staticString: "Q"), Signature(staticString: "as"), changes: .none, annotations: ["x.y": "a&\"b'>"]),
            .init(MemberName(staticString: "R"), Signature(staticString: "s"), changes: .invalidates),
            .init(MemberName(staticString: "S"), Signature(staticString: "s"), changes: .constant),
        ])

    @Test func readsWhatItWrites() throws {
        let object = ObjectDescription(interfaces: [Self.described], children: ["a", "b"])
        #expect(try ObjectDescription(xml: object.xml) == object)
    }

    @Test func passesOverWhatItDoesNotKnow() throws {
        let xml = """
            <?xml version="1.0"?><!-- > --><!DOCTYPE node PUBLIC "a>b" "c">
            <node xmlns:doc='http://x'><doc:para>text &unknown; <b/></doc:para>
             <interface name='a.b'><annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="false"/>
              <method name="M"><arg type="s"/><arg type="&#x73;" direction="out"/><![CDATA[ < ]]></method>
              <property name="P" type="s" access="read"/>
             </interface></node>
            """
        let object = try ObjectDescription(xml: xml)
        let interface = try #require(object.interfaces.first)
        #expect(interface.methods.first?.inputSignature.text == "s" && interface.methods.first?.outputSignature.text == "s")
        #expect(interface.properties.first?.changes == InterfaceDescription.Property.ChangeSignal.none)
    }

    @Test(arguments: [
        "", "x", "<node>", "<node", "<a/>", "<node/><node/>", "<node><interface/></node>", "<node><interface name='x'/></node>",
        "<node><interface name='a.b'><method name='M'><arg type='ss'/></method></interface></node>",
        "<node><interface name='a.b'><method name='M'><arg type='s' direction='up'/></method></interface></node>",
        "<node><interface name='a.b'><property name='P' type='s'/></interface></node>", "<node a='1' a='2'/>", "<node a='&x;'/>",
        "<node></nod>",
        "<node a=1/>", "<node a='<'/>", "<!DOCTYPE node [<!ENTITY a 'b'>]><node/>", "<node a='&#xD800;'/>",
        String(repeating: "<node>", count: 100),
    ])
    func refuses(xml: String) { #expect(throws: IntrospectionError.self) { try ObjectDescription(xml: xml) } }

    @Test func survivesTruncation() {
        let xml = Array(ObjectDescription(interfaces: [Self.described], children: ["a"]).xml.utf8)
        for length in 0..<(xml.count - 1) {
            #expect(throws: IntrospectionError.self) { try ObjectDescription(xml: String(decoding: xml[..<length], as: UTF8.self)) }
        }
    }

    /// What an independent implementation makes of an exported tree.
    @Test func busctlReadsTheTree() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect()
        let exported = ExportedInterface(
            Self.described,
            properties: [
                "P": PropertyImplementation { _ throws(DBusError) in .uint32(7) },
                "Q": PropertyImplementation { _ throws(DBusError) in .strings(["x"]) },
                "R": PropertyImplementation { _ throws(DBusError) in .string("r") },
                "S": PropertyImplementation { _ throws(DBusError) in .string("s") },
            ])
        await server.export(ExportedObject([exported]), at: ObjectPath(staticString: "/org/example/Thing"))
        let subtree = ObjectSubtree { path, _ in
            path.text == "/org/example/many/7" ? ExportedObject([exported]) : nil
        } childNames: { path, _ in
            path.text == "/org/example/many" ? ["7"] : []
        }
        await server.exportSubtree(subtree, at: ObjectPath(staticString: "/org/example/many"))
        let name = server.uniqueName.text
        let tree = try await bus.busctl("tree", "--list", name)
        let paths = tree.split(separator: "\n").map(String.init)
        for path in ["/", "/org", "/org/example", "/org/example/Thing", "/org/example/many", "/org/example/many/7"] {
            #expect(paths.contains(path), "\(path) is missing in \(tree)")
        }
        for path in ["/org/example/Thing", "/org/example/many/7"] {
            let lines = try await bus.busctl("introspect", name, path, "org.example.All").split(separator: "\n").map {
                $0.split(separator: " ").joined(separator: " ")
            }
            for line in [
                ".Do method a{sv}i (so) deprecated", ".Nothing method - - -", ".P property u 7 emits-change writable",
                ".Q property as 1 \"x\" -",
                ".R property s \"r\" emits-invalidation", ".S property s \"s\" const", ".Happened signal s - -",
            ] { #expect(lines.contains(line), "\(line) is missing in \(lines)") }
        }
        let xml = try await server.call(
            .methodCall(
                destination: BusName(server.uniqueName), path: ObjectPath("/org/example/Thing"), interface: .introspectable,
                member: MemberName("Introspect"))
        ).values()
        let read = try ObjectDescription(xml: xml.first?.text ?? "")
        #expect(read.interfaces.contains(Self.described))
        _ = server
    }
}
