import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// Qualifiers of stored instances.
extension Integration.StoredInstanceTests {
    private static let useAmended: Int32 = 0x20000

    private static func qualifier(_ name: String, _ value: DBusValue, _ flavor: UInt32 = 0, type: String? = nil) -> DBusValue {
        .dictionary(
            [("Name", .string(name)), ("Value", .variant(value)), ("Flavor", .uint32(flavor))]
                + (type.map { [("Type", .string($0))] } ?? []))
    }

    private static func list(_ elements: [DBusValue]) -> DBusValue { .array(element: .dictionary, elements) }

    /// One with qualifiers of its own and of a property, some of them localized.
    private static func qualified(_ name: String) -> RawOperation {
        base(
            name,
            more: [
                ("Number", .uint32(1)),
                ("__QUALIFIERS", list([qualifier("Owner", .string("me")), qualifier("Note", .string("Notiz"), 0x80)])),
                (
                    "__properties",
                    list([
                        .dictionary([
                            ("Name", .string("number")),
                            ("Qualifiers", list([qualifier("Since", .string("20260101000000.000000+000"), 1, type: "datetime")])),
                        ]),
                        .dictionary([("Name", .string("Text")), ("Qualifiers", list([qualifier("Description", .string("Text"), 0x80)]))]),
                    ])
                ),
            ])
    }

    /// `Name(Flavor)` of what an object carries: its own, then those of each property.
    private static func names(_ object: [String: DBusValue]?) -> [String] {
        func said(_ list: DBusValue?, _ place: String) -> [String] {
            (list?.elements ?? []).compactMap(\.stringDictionary).map { entry in
                let flavor: UInt32? = entry["Flavor"]?.integer()
                return "\(place)\(entry["Name"]?.text ?? "?")(\(flavor ?? 99))"
            }
        }
        let properties = (object?["__PROPERTIES"]?.elements ?? []).compactMap(\.stringDictionary)
        return said(object?["__QUALIFIERS"], "")
            + properties.flatMap { said($0["Qualifiers"], "\($0["Name"]?.text ?? "?").") }
    }

    private static let all = ["Owner(0)", "Note(128)", "Number.Since(1)", "Text.Description(128)"]

    @Test(
        "R49: without USE_AMENDED_QUALIFIERS a put stores all qualifiers of an instance, and every read gives them",
        arguments: CallForm.allCases)
    func kept(form: CallForm) async throws {
        let scene = try await Scene.start()
        let client = scene.client
        try await client.mustCompile(Self.mof)
        #expect(try await client.run(Self.qualified("x"), form).status == .noError)
        let reads: [RawOperation] = [
            .get("Test_Base=\"x\""), .enumerate("Test_Base"), .query("SELECT * FROM Test_Base WHERE Number = 1"),
        ]
        for read in reads {
            for context: [(String, DBusValue)] in [[], [("__DERIVED_SYSTEM_PROPERTIES", .boolean(false))]] {
                for flags in [Int32(0), Self.useAmended] {
                    let objects = try await client.run(read, form, flags: flags, context: context).objects
                    #expect(objects.count == 1 && Self.names(objects.first) == Self.all, "\(read): \(objects)")
                }
            }
        }
        let since = try await client.run(.get("Test_Base=\"x\""), form).objects.first?["__PROPERTIES"]?.elements?.first?.stringDictionary
        let qualifier = since?["Qualifiers"]?.elements?.first?.stringDictionary
        #expect(qualifier?["Type"]?.text == "datetime" && qualifier?["Value"]?.unwrapped.text == "20260101000000.000000+000")
        #expect(Set(qualifier?.keys.map { $0 } ?? []) == ["Name", "Type", "Value", "Flavor"])
        // What was read can be put, and a put without any takes them away.
        let read = try #require(try await client.run(.get("Test_Base=\"x\""), form).objects.first)
        #expect(try await client.run(.put(read.map { ($0.key, $0.value.unwrapped) }), form).status == .noError)
        #expect(Self.names(try await client.run(.get("Test_Base=\"x\""), form).objects.first) == Self.all)
        #expect(try await client.run(Self.base("x"), form).status == .noError)
        let bare = try await client.run(.get("Test_Base=\"x\""), form).objects.first
        #expect(bare?["__QUALIFIERS"] == nil && bare?["__PROPERTIES"] == nil && bare != nil)
        try await expectQuiet(scene)
    }

    @Test("R48: with USE_AMENDED_QUALIFIERS a put stores no amended qualifier of an instance", arguments: CallForm.allCases)
    func localized(form: CallForm) async throws {
        let scene = try await Scene.start()
        let client = scene.client
        try await client.mustCompile(Self.mof)
        #expect(try await client.run(Self.qualified("x"), form, flags: Self.useAmended).status == .noError)
        #expect(Self.names(try await client.run(.get("Test_Base=\"x\""), form).objects.first) == ["Owner(0)", "Number.Since(1)"])
        let mof = "[Owner(\"you\"), Note(\"n\") : Amended] instance of Test_Base { Name = \"m\"; [Unit(\"kg\") : ToInstance] Number = 3; };"
        #expect(try await client.compile(mof, instanceFlags: Self.useAmended).phase == 0)
        #expect(Self.names(try await client.run(.get("Test_Base=\"m\""), form).objects.first) == ["Owner(0)", "Number.Unit(1)"])
        try await client.mustCompile(mof)
        #expect(
            Self.names(try await client.run(.get("Test_Base=\"m\""), form).objects.first) == ["Owner(0)", "Note(128)", "Number.Unit(1)"])
        try await expectQuiet(scene)
    }

    @Test("qualifiers that are none, or of a property that the class lacks, are refused, and nothing is stored")
    func illTyped() async throws {
        let scene = try await Scene.start()
        let client = scene.client
        try await client.mustCompile(Self.mof)
        let owner = Self.qualifier("Owner", .string("me"))
        func property(_ name: String, _ qualifiers: [DBusValue]) -> DBusValue {
            .dictionary([("Name", .string(name)), ("Qualifiers", Self.list(qualifiers))])
        }
        let faults: [([(String, DBusValue)], WBEMStatus)] = [
            ([("__QUALIFIERS", .string("Owner"))], .invalidObject), ([("__QUALIFIERS", .strings(["Owner"]))], .invalidObject),
            ([("__QUALIFIERS", Self.list([.dictionary([("Value", .variant(.string("x")))])]))], .invalidObject),
            ([("__QUALIFIERS", Self.list([Self.qualifier("Since", .string("yesterday"), type: "datetime")]))], .invalidObject),
            ([("__QUALIFIERS", Self.list([Self.qualifier("Since", .string("x"), type: "nothing")]))], .invalidObject),
            ([("__QUALIFIERS", Self.list([owner])), ("__qualifiers", Self.list([owner]))], .invalidObject),
            ([("__PROPERTIES", Self.list([property("Nothing", [owner])]))], .invalidObject),
            ([("__PROPERTIES", Self.list([.dictionary([("Qualifiers", Self.list([owner]))])]))], .invalidObject),
            ([("__QUALIFIERS", Self.list([owner, owner]))], .invalidQualifier),
            ([("__QUALIFIERS", Self.list([Self.qualifier("no name", .string("x"))]))], .invalidClass),
            ([("__PROPERTIES", Self.list([property("Text", [owner]), property("TEXT", [owner])]))], .invalidObject),
        ]
        for (more, status) in faults {
            let result = try await client.run(Self.base("x", more: more))
            #expect(result.status == status, "\(more): \(result.status) \(result.message)")
        }
        #expect(try await client.run(.get("Test_Base=\"x\"")).status == .notFound)
        try await expectQuiet(scene)
    }

    @Test("R71: a partial put writes the qualifiers of what it lists; the instance's own and the others stay")
    func partial() async throws {
        let scene = try await Scene.start()
        let client = scene.client
        try await client.mustCompile(Self.mof)
        #expect(try await client.run(Self.qualified("x")).status == .noError)
        let context: [(String, DBusValue)] = [("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(["Text"]))]
        #expect(try await client.run(Self.base("x", more: [("Text", .string("new"))]), context: context).status == .noError)
        let read = try await client.run(.get("Test_Base=\"x\"")).objects.first
        #expect(Self.names(read) == ["Owner(0)", "Note(128)", "Number.Since(1)"] && read?["Text"]?.text == "new")
        try await expectQuiet(scene)
    }

    @Test("qualifiers of an instance survive the broker")
    func durable() async throws {
        let state = try StateFolder()
        var scene = try await Scene.start("--state", state.path)
        try await scene.client.mustCompile(Self.mof)
        #expect(try await scene.client.run(Self.qualified("x")).status == .noError)
        scene = try await scene.restarted(on: state)
        #expect(Self.names(try await scene.client.run(.get("Test_Base=\"x\"")).objects.first) == Self.all)
        try await expectQuiet(scene)
    }

    @Test("instances of a provider have no qualifiers, neither on their way to it nor on their way back")
    func provided() async throws {
        let scene = try await Scene.start()
        let provider = try await scene.provider()
        let owner = Self.list([Self.qualifier("Owner", .string("me"))])
        let dynamic = RawOperation.put([("__CLASS", .string("Test_Thing")), ("Name", .string("thing0")), ("__QUALIFIERS", owner)])
        #expect(try await scene.client.run(dynamic).status == .noError)
        #expect(provider.calls.all.last?.input["__QUALIFIERS"] == nil && provider.calls.all.last?.input["Name"]?.text == "thing0")
        provider.on("GetObjectAsync") { $0.reply(.noError, [$0.provider.thing("thing0", 1) + [("__QUALIFIERS", owner)]]) }
        let read = try await scene.client.run(.get(thing("thing0"))).objects.first
        #expect(read?["Name"]?.text == "thing0" && read?["__QUALIFIERS"] == nil)
        try await expectQuiet(scene)
    }
}
