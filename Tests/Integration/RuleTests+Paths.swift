import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// Paths that come back from a put, and those that go to a method (Semantics C.1.2, C.5).
extension Integration.RuleTests {
    @Test(
        "C.1.2: a put answers with a path of an instance of the class or one below; anything else the provider says is not passed on",
        arguments: CallForm.allCases)
    func putPath(form: CallForm) async throws {
        let (scene, provider) = try await start()
        try await scene.client.mustCompile("[dynamic, provider(\"Raw\")] class Test_Below : Test_Thing { };")
        let canonical = "Test_Thing.Name=\"a\""
        let cases = [
            ("", canonical), ("test_thing.name='a'", canonical), ("\\\\.\\root\\cimv2:Test_Thing=\"a\"", canonical),
            ("Test_Thing.Name=\"b\"", "Test_Thing.Name=\"b\""), ("Test_Below.Name=\"a\"", "Test_Below.Name=\"a\""),
            ("x", canonical), ("Test_Thing", canonical), ("Test_Other.Name=\"a\"", canonical), ("written it, thanks", canonical),
            ("Test_None.Name=\"a\"", canonical), ("root/other:Test_Thing.Name=\"a\"", canonical), ("Test_Thing.Nam=\"a\"", canonical),
        ]
        for (reported, expected) in cases {
            provider.on("PutInstanceAsync") { call in
                call.reply(references: 1)
                try await call.sink.setStatus(.noError, parameter: reported)
                try await call.sink.release()
            }
            let result = try await scene.client.run(.put(provider.thing("a")), form)
            #expect(result.status == .noError, "\(result.message)")
            #expect(result.parameter == expected, "\(reported)")
        }
        // The log comes by another way than the answers.
        try await scene.broker.log.wait("the last refused path") { $0.count { $0.contains("no path of one") } >= 7 }
        #expect(try await scene.broker.count(of: "no path of one", atLeast: 7) == 7)
        // Where nobody knows a path, none is made up.
        provider.on("PutInstanceAsync") { call in
            call.reply(references: 1)
            try await call.sink.setStatus(.noError, parameter: "x")
            try await call.sink.release()
        }
        #expect(try await scene.client.run(.put([("__CLASS", .string("Test_Thing"))]), form).parameter == "")
        try await expectQuiet(scene)
    }

    @Test(
        "R99 R100: in parameters are of no class, or of __PARAMETERS; a reference is the path of an instance of its class, or one below"
    )
    func referenceParameters() async throws {
        let (scene, provider) = try await start()
        let client = scene.client
        try await client.mustCompile(
            """
            class Test_Key { [key] string Name; };
            class Test_SubKey : Test_Key { };
            [dynamic, provider("Raw")] class Test_Lock
            {
                [key] string Name;
                [Implemented, Static] uint32 Turn([in] Test_Key ref With, [in, Optional] Test_Key ref Others[], [in, Optional] object ref Any, [out] Test_Key ref Was);
            };
            """)
        func status(_ input: [(String, DBusValue)]) async throws -> WBEMStatus? {
            try await client.run(.invoke("Test_Lock", "Turn", input)).status
        }
        let key = ("With", DBusValue.string("Test_Key.Name=\"a\""))
        for fine in [
            [key], [("__CLASS", .string("__parameters")), key], [("__CLASS", .string("")), key],
            [("With", .string("Test_SubKey.Name=\"a\""))], [("With", .string("root/other:Test_Elsewhere.Name=\"a\""))],
            [key, ("Others", .strings(["Test_Key=\"a\"", "Test_SubKey=\"b\""]))], [key, ("Any", .string("Test_Lock=\"x\""))],
        ] {
            #expect(try await status(fine) == .noError, "\(fine)")
        }
        let calls = provider.calls.all.count
        for wrong in [
            [("__CLASS", .string("Test_Lock")), key], [("__CLASS", .string("__PARAMETERS")), ("__GENUS", .int32(1)), key],
            [("With", .string("Test_Thing.Name=\"a\""))], [("With", .string("Test_Key"))], [("With", .string("Test_None=\"a\""))],
            [("With", .string("root/cimv2:Test_Thing.Name=\"a\""))],
            [key, ("Others", .strings(["Test_Key=\"a\"", "Test_Lock=\"b\""]))],
        ] {
            #expect(try await status(wrong) == .invalidMethodParameters, "\(wrong)")
        }
        #expect(provider.calls.all.count == calls)
        // What comes out is checked alike.
        for (path, expected) in [("Test_SubKey=\"a\"", WBEMStatus.noError), ("Test_Lock=\"a\"", .invalidObject)] {
            provider.on("ExecMethodAsync") { $0.reply(.noError, [[("ReturnValue", .uint32(0)), ("Was", .string(path))]]) }
            #expect(try await status([key]) == expected)
        }
        try await expectQuiet(scene)
    }
}
