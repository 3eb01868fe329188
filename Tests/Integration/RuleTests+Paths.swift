import CIM
import CIMBusTestKit
import CIMBusWire
import DBus
import Testing

/// Paths that come back from a put (SEMANTICS C.1.2).
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
        #expect(scene.broker.log.all.count { $0.contains("no path of one") } == 7)
        // Where nobody knows a path, none is made up.
        provider.on("PutInstanceAsync") { call in
            call.reply(references: 1)
            try await call.sink.setStatus(.noError, parameter: "x")
            try await call.sink.release()
        }
        #expect(try await scene.client.run(.put([("__CLASS", .string("Test_Thing"))]), form).parameter == "")
        try await expectQuiet(scene)
    }
}
