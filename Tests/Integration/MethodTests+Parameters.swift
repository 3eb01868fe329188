import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// In parameters (Semantics C.5, K.4).
extension Integration.MethodTests {
    @Test("R98: pInParams may be NULL where a method has no in parameters, or optional ones alone", arguments: CallForm.allCases)
    func noParameters(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        for name in ["Count", "Reset"] {
            let result = try await scene.client.run(.invoke("Test_Machine", name, []), form)
            #expect(result.status == .noError, "\(result.message)")
            let call = try #require(provider.calls.all.last)
            #expect(call.invoked == name && Self.plain(call.input).isEmpty)
        }
        try await expectQuiet(scene)
    }

    @Test(
        "R99: the properties of pInParams are the in parameters, those that come out again too, each in its declared spelling and type",
        arguments: CallForm.allCases)
    func properties(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        let when = "20200229123456.000007+060"
        let given: [(String, DBusValue)] = [
            ("first", .int64(7)), ("SECOND", .string("x")), ("Both", .boolean(true)), ("when", .string(when)),
        ]
        let result = try await scene.client.run(.invoke("Test_Machine", "Mix", given), form)
        #expect(result.status == .noError, "\(result.message)")
        let all = ["First": DBusValue.uint16(7), "Second": .string("x"), "Both": .boolean(true), "When": .string(when)]
        #expect(try Self.plain(#require(provider.calls.all.last).input) == all)
        // What is optional and not given is not there.
        #expect(try await scene.client.run(.invoke("Test_Machine", "Mix", Self.mixed), form).status == .noError)
        #expect(try Self.plain(#require(provider.calls.all.last).input) == all.filter { $0.key != "When" })
        try await expectQuiet(scene)
    }

    @Test(
        "R100: the provider gets an instance of __PARAMETERS with a property for each in parameter and none else, whatever the client says it sent",
        arguments: CallForm.allCases)
    func instanceOfParameters(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        let spellings: [[(String, DBusValue)]] = [
            [], [("__CLASS", .string("__Parameters"))], [("__CLASS", .string("")), ("__GENUS", .int32(2))],
        ]
        for system in spellings {
            let result = try await scene.client.run(.invoke("Test_Machine", "Mix", system + Self.mixed), form)
            #expect(result.status == .noError, "\(result.message)")
            let input = try #require(provider.calls.all.last?.input)
            #expect(input["__CLASS"] == .string("__PARAMETERS") && input["__GENUS"] == .int32(2))
            // All that the method declares; one is optional.
            #expect(input["__PROPERTY_COUNT"] == .int32(4))
            #expect(Set(Self.plain(input).keys) == ["First", "Second", "Both"])
        }
        for other in ["ReturnValue", "Numbers"] {
            let wrong = RawOperation.invoke("Test_Machine", "Mix", Self.mixed + [(other, .int16(1))])
            #expect(try await Self.refusal(of: wrong, form, scene, provider) == .invalidMethodParameters)
        }
        try await expectQuiet(scene)
    }

    @Test(
        "R101: IDs on parameters are ignored: whatever the class and the caller say of them, a parameter is what its name says",
        arguments: CallForm.allCases)
    func parameterIDs(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        // The caller's own idea of IDs, which is not the class's (2, 0, 1), as WMI's in parameters carry them.
        let qualified = zip(["First", "Second", "Both"], Int32(0)...).map { name, number -> [(String, DBusValue)] in
            let id: [(String, DBusValue)] = [("Name", .string("ID")), ("Value", .int32(number)), ("Flavor", .uint32(0))]
            return [("Name", .string(name)), ("Qualifiers", .objects([id]))]
        }
        for given in [Self.mixed, Self.mixed.reversed()] {
            for qualifiers in [[], [("__PROPERTIES", DBusValue.objects(qualified))]] {
                let result = try await scene.client.run(.invoke("Test_Machine", "Mix", qualifiers + given), form)
                #expect(result.status == .noError, "\(result.message)")
                #expect(Self.plain(result.objects.first)["Both"] == .boolean(false))
                let input = try #require(provider.calls.all.last?.input)
                #expect(Self.plain(input) == Dictionary(uniqueKeysWithValues: Self.mixed))
                #expect(input["__PROPERTIES"] == nil)
            }
        }
        try await expectQuiet(scene)
    }

    @Test(
        "R111: the call's own answer says whether the in parameters are valid: wrong ones are refused, their sink is not used, no provider is asked",
        arguments: CallForm.allCases)
    func validParameters(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        let wrong: [[(String, DBusValue)]] = [
            [], Array(Self.mixed.dropLast()), Self.mixed + [("Other", .uint16(1))], Self.mixed + [("first", .uint16(7))],
            [("First", .string("x"))] + Self.mixed.dropFirst(), [("First", .int32(65_536))] + Self.mixed.dropFirst(),
            [("First", .strings(["7"]))] + Self.mixed.dropFirst(), Self.mixed + [("When", .string("today"))],
            [("__CLASS", .string("Test_Machine"))] + Self.mixed,
        ]
        for given in wrong {
            let refused = try await Self.refusal(of: .invoke("Test_Machine", "Mix", given), form, scene, provider)
            #expect(refused == .invalidMethodParameters, "\(given)")
        }
        #expect(try await Self.refusal(of: .invoke("Test_Machine", "Mix", Self.mixed), form, scene, provider) == nil)
        try await provider.calls.wait("the valid call") { $0.count == 1 }
        try await scene.waitForOperations(0)
    }
}
