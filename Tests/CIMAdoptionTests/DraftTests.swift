import CIM
import CIMAdoption
import CIMMOF
import DBus
import Testing

@Suite("Drafts of mappings") struct DraftTests {
    static func object(_ path: String, _ xml: String, _ samples: [(String, String, DBusValue)] = []) throws -> AdoptionDraft.Object {
        AdoptionDraft.Object(
            path: ObjectPath(verified: path), description: try ObjectDescription(xml: "<node>\(xml)</node>"),
            samples: Dictionary(uniqueKeysWithValues: samples.map { (PropertyPlace(InterfaceName(verified: $0.0), $0.1), $0.2) }))
    }

    @Test("A service that has never been seen gets a mapping that compiles, with guessed keys and references, and says what it guessed")
    func draft() throws {
        let disk = """
            <interface name="com.example.Store.Disk"><property name="Size" type="t" access="read"/><property name="Shelf" type="o" access="read"/>
            <property name="Eject" type="b" access="read"/><property name="Label" type="s" access="readwrite"/>
            <method name="Eject"><arg type="a{sv}" name="options" direction="in"/><arg type="s" direction="out"/></method>
            <method name="Feed"><arg type="h" direction="in"/></method>
            <annotation name="org.gtk.GDBus.DocString" value="A &quot;disk&quot;."/></interface>
            """
        let shelf = #"<interface name="com.example.Store.Shelf"><property name="Name" type="s" access="read"/></interface>"#
        let root = #"<interface name="com.example.Store"><property name="Version" type="s" access="read"/></interface>"#
        let objects = [
            try Self.object("/com/example/Store", root),
            try Self.object(
                "/com/example/Store/disk/d1", disk,
                [("com.example.Store.Disk", "Shelf", .objectPath(ObjectPath(verified: "/com/example/Store/shelf/s1")))]),
            try Self.object("/com/example/Store/disk/d2", disk),
            try Self.object("/com/example/Store/shelf/s1", shelf),
            try Self.object("/com/example/Store/shelf/s2", shelf),
        ]
        let text = AdoptionDraft(BusName(verified: "com.example.Store"), objects, prefix: "Site").text
        let unit = try MOFParser.parse(text)
        #expect(unit.adoptionFaults() == [])
        let classes = AdoptedClasses(unit.classes)
        #expect(classes.faults == [])
        #expect(Set(classes.classes.values.map(\.name)) == ["Site_Store", "Site_StoreDisk", "Site_StoreShelf", "Site_StoreDiskShelf"])
        #expect(classes["Site_Store"]?.declaration.isSingleton == true)
        let adopted = try #require(classes["Site_StoreDisk"])
        #expect(adopted.declaration.property(named: "Shelf")?.type.className == "Site_StoreShelf")
        #expect(adopted.declaration.property(named: "EjectValue") != nil)
        #expect(adopted.methods[CIMName("Eject")]?.results.count == 1)
        #expect(classes["Site_StoreShelf"]?.declaration.keyNames == ["ObjectName"])
        #expect(classes["Site_StoreDiskShelf"]?.declaration.isAssociation == true)
        let references = classes.classes.values.flatMap(\.declaration.properties).filter { $0.type.base == .reference }
        #expect(references.count == 3)
        #expect(references.allSatisfy { $0.qualifier(named: "read") == nil }, "the CIM schema's qualifier is for others")
        #expect(text.contains("// Guessed: "))
        #expect(text.contains("// Feed is left out"))
        #expect(adopted.declaration.qualifier(named: "Description")?.value == .string("A \"disk\"."))
    }

    @Test("EV4: the signals of a service become classes of events, and objects below a manager tell when they come, change and go")
    func signals() throws {
        let manager = #"<interface name="org.freedesktop.DBus.ObjectManager"/>"#
        let disk = """
            <interface name="com.example.Store.Disk"><property name="Size" type="t" access="read"/>
            <signal name="Failed"><arg type="s" name="path"/><arg type="ay"/></signal></interface>
            """
        let root = #"<interface name="com.example.Store"><signal name="Full"/></interface>"#
        let objects = [
            try Self.object("/com/example/Store", root + manager), try Self.object("/com/example/Store/disk/d1", disk),
            try Self.object("/com/example/Store/disk/d2", disk),
        ]
        let text = AdoptionDraft(BusName(verified: "com.example.Store"), objects, prefix: "Site").text
        let unit = try MOFParser.parse(text)
        #expect(unit.adoptionFaults() == [], "\(text)")
        let classes = AdoptedClasses(unit.classes)
        #expect(classes["Site_StoreDisk"]?.context.signals?.eventClasses.count == 3)
        #expect(Set(classes.events.keys) == ["Site_StoreFull", "Site_StoreDiskFailed"])
        let failed = try #require(classes.events["Site_StoreDiskFailed"])
        #expect(failed.context.path == nil && failed.context.signal.arguments == [.named("Path"), .named("Argument2")])
        #expect(failed.adopted.declaration.property(named: "Sender")?.type.className == "Site_StoreDisk")
        #expect(classes.events["Site_StoreFull"]?.context.path?.root.text == "/com/example/Store")
    }
}
