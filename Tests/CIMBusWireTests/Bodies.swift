import CIM
import CIMBusWire
import CIMMOF
import DBus

typealias Entries = [(String, DBusValue)]

/// A reader of a body with this one value.
func body(_ value: DBusValue) throws -> BodyReader {
    var writer = BodyWriter()
    writer.append(value)
    return try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
}

/// `aa{sv}`.
func objects(_ list: [Entries]) -> DBusValue {
    .array(element: Signature(verified: "a{sv}"), list.map { .dictionary($0) })
}

/// What the batch is on the wire, as `aa{sv}`.
func bytes(_ batch: ObjectBatch) throws -> [UInt8] {
    var writer = BodyWriter()
    let array = writer.beginArray(elementAlignment: 4)
    writer.append(objects: batch)
    writer.endArray(array)
    return try writer.finish()
}

extension ObjectBatch {
    /// Every object as what a receiver reads, without its class.
    func wire() throws -> [[String: DBusValue]] {
        var reader = try bytes(self).withUnsafeBytes { BodyReader(copying: $0) }
        return try reader.readValue(Signature(verified: "aa{sv}")).elements?.compactMap(\.stringDictionary) ?? []
    }
}

/// A schema of resolved classes, as the broker has one.
struct Schema: Sendable {
    static let namespace = CIMNamespaceName.cimv2
    private(set) var classes: [CIMClass] = []

    init(_ mof: String) throws {
        for declared in try MOFParser.parse(mof).classes {
            classes.append(try declared.resolved(with: declared.superclass.flatMap { self[$0] }))
        }
    }

    subscript(_ name: String) -> CIMClass? { classes.first { CIMName.equal($0.name, name) } }

    func layout(_ name: String) -> ObjectLayout? {
        self[name].map { ObjectLayout($0, namespace: Self.namespace, server: "HOST") }
    }

    /// What the broker makes of objects that should be of class `name`.
    func check(_ list: [Entries], of name: String, derived: Bool = true) throws -> ObjectBatch {
        try check(try body(objects(list)), of: name, derived: derived)
    }

    func check(_ reader: BodyReader, of name: String, derived: Bool = true) throws -> ObjectBatch {
        guard let layout = layout(name) else { throw ObjectFault("the test has no class \(name)") }
        var reader = reader
        var checker = ObjectChecker(.instances(of: layout), derivedSystemProperties: derived) { self.layout($0) }
        try checker.checkArray(&reader)
        return try checker.finish()
    }

    /// What is wrong with one object, if anything.
    func fault(_ object: Entries, of name: String) throws -> ObjectFault? {
        do {
            _ = try check([object], of: name)
            return nil
        } catch let fault as ObjectFault {
            return fault
        }
    }
}

/// A class with a property of every type, and what else a class may have.
let everyType = """
    [abstract, Description("the base") : ToSubclass DisableOverride]
    class T_Root { [MaxLen(32)] string Caption; };

    [dynamic, provider("Tester"), Version("1.2.3"), Values{"a", "b"}]
    class T_All : T_Root {
        [key, MaxLen(32)] string Name; [key] uint64 Number = 18446744073709551615;
        boolean Flag = TRUE; uint8 U8 = 255; sint8 S8 = -128; uint16 U16 = 65535; sint16 S16 = -32768;
        uint32 U32 = 4294967295; sint32 S32 = -2147483648; sint64 S64 = -9223372036854775808;
        real32 R32 = 0.5; real64 R64 = -1.25e300; char16 Letter = 'x'; datetime Born = "20260101000000.000000+000";
        string Text = "a \\"quoted\\" \\\\ text"; T_Root ref Other;
        [EmbeddedInstance("T_Leaf")] string Described;
        boolean Flags[] = {TRUE, FALSE}; uint8 U8s[]; sint8 S8s[3] = {-1, 0, 1}; uint16 U16s[]; sint16 S16s[]; uint32 U32s[] = {1, 2};
        sint32 S32s[]; uint64 U64s[]; sint64 S64s[]; real32 R32s[]; real64 R64s[]; char16 Letters[]; datetime Births[]; string Texts[] = {"", "x"};
        [Implemented, Static, Description("does it")]
        uint32 Do([in, Optional] string What, [in, out] sint8 Numbers[], [out] datetime When, [in] T_Root ref Whom);
        [Implemented] void Stop();
    };

    [dynamic, provider("Tester")]
    class T_More : T_All { string Extra; };

    class T_Leaf { sint8 Level; T_Leaf Inner; };
    class T_Nest { [key] uint32 ID; T_Leaf Leaf; T_Leaf Leaves[]; object Any; };
    [singleton] class T_Only { string Value; };
    class T_Keyless { string Value; };
    class T_Keys { [key] string A; [key] datetime B; [key] boolean C; [key] sint8 D; [key] T_Root ref E; };
    """
