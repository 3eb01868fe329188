import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// Partial puts of what the broker itself stores (Semantics C.1.3).
    @Suite struct PartialPutTests {
        /// A stored class, and one instance of it: `A` is "a", `B` is "b".
        private func stored() async throws -> Scene {
            let scene = try await Scene.start()
            try await scene.client.mustCompile("class Test_Stored { [key] string Name; string A; string B = \"default\"; };")
            try await put(["A": "a", "B": "b"], scene)
            return scene
        }

        @discardableResult
        private func put(
            _ values: [String: String], _ scene: Scene, form: CallForm = .sync, context: [(String, DBusValue)] = [],
            expecting status: WBEMStatus = .noError, location: SourceLocation = #_sourceLocation
        ) async throws -> OperationResult {
            let instance: [(String, DBusValue)] =
                [("__CLASS", .string("Test_Stored")), ("Name", .string("n"))] + values.map { ($0.key, .string($0.value)) }
            let result = try await scene.client.run(.put(instance), form, context: context)
            #expect(result.status == status, "\(result.message)", sourceLocation: location)
            return result
        }

        private func values(_ scene: Scene) async throws -> [String?] {
            let read = try #require(try await scene.client.run(.get("Test_Stored.Name=\"n\"")).objects.first)
            return [read["A"]?.text, read["B"]?.text]
        }

        @Test("R68 R69: a stored instance is written whole unless __PUT_EXTENSIONS is there and TRUE", arguments: CallForm.allCases)
        func whole(form: CallForm) async throws {
            let scene = try await stored()
            let listed: [(String, DBusValue)] = [("__PUT_EXT_PROPERTIES", .strings(["A"])), ("__PUT_EXT_ATOMIC", .boolean(true))]
            try await put(["A": "1", "B": "1"], scene, form: form, context: listed)
            #expect(try await values(scene) == ["1", "1"])
            try await put(["A": "2", "B": "2"], scene, form: form, context: listed + [("__PUT_EXTENSIONS", .boolean(false))])
            #expect(try await values(scene) == ["2", "2"])
            try await put(["A": "3", "B": "3"], scene, form: form, context: listed + [("__PUT_EXTENSIONS", .boolean(true))])
            #expect(try await values(scene) == ["3", "2"])
            // That it is a partial one alone lists nothing: everything is written.
            try await put(["A": "4", "B": "4"], scene, form: form, context: [("__PUT_EXTENSIONS", .boolean(true))])
            #expect(try await values(scene) == ["4", "4"])
            try await expectQuiet(scene)
        }

        @Test("R70: what a partial put lists and has no value for becomes NULL, and not its class's default", arguments: CallForm.allCases)
        func strictNulls(form: CallForm) async throws {
            let scene = try await stored()
            let strict: [(String, DBusValue)] = [
                ("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(["B"])), ("__PUT_EXT_STRICT_NULLS", .boolean(true)),
            ]
            try await put(["A": "x"], scene, form: form, context: strict)
            #expect(try await values(scene) == ["a", nil])
            try await expectQuiet(scene)
        }

        @Test("R72: an atomic put of a stored instance that lists what the class has not writes nothing", arguments: CallForm.allCases)
        func atomic(form: CallForm) async throws {
            let scene = try await stored()
            var context: [(String, DBusValue)] = [
                ("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_ATOMIC", .boolean(true)),
                ("__PUT_EXT_PROPERTIES", .strings(["A", "Nothing", "B"])),
            ]
            let refused = try await put(["A": "x", "B": "x"], scene, form: form, context: context, expecting: .invalidProperty)
            #expect(refused.message.contains("Nothing"), "\(refused.message)")
            #expect(try await values(scene) == ["a", "b"])
            context[2].1 = .strings(["A", "B"])
            try await put(["A": "x", "B": "x"], scene, form: form, context: context)
            #expect(try await values(scene) == ["x", "x"])
            try await expectQuiet(scene)
        }
    }
}
