import CIM
import DBus
import Testing
import WireTestKit

extension Integration {
    /// Queries over classes whose instances several providers complete (Semantics C.3, C.4).
    @Suite struct HierarchyQueryTests {
        @Test("C.4: a condition sees the whole object, whoever said what of it", arguments: CallForm.allCases)
        func merged(form: CallForm) async throws {
            let family = try await HierarchyTests.Family.start()
            family.have(["A": ["x", "y"], "B": ["x"], "C": ["x"], "D": ["z"]])
            // Test_C says FromC alone, its ancestors the rest.
            let query = "SELECT FromA FROM Test_B WHERE FromA = 'A of x' AND FromB = 'B of x'"
            let result = try await family.scene.client.run(.query(query), form)
            #expect(result.status == .noError, "\(result.message)")
            #expect(result.objects.map { $0["__CLASS"]?.text } == ["Test_C"])
            #expect(result.objects.first?["FromA"]?.text == "A of x" && result.objects.first?["FromB"] == nil)
            let own = try await family.scene.client.run(.query("SELECT * FROM Test_A WHERE __CLASS = 'Test_A'"), form)
            #expect(own.objects.compactMap { $0["Name"]?.text } == ["y"])
            try await expectQuiet(family.scene)
        }

        @Test("I.7 C.3: a key lookup gets the most derived object, complete", arguments: CallForm.allCases)
        func lookup(form: CallForm) async throws {
            let family = try await HierarchyTests.Family.start()
            family.have(["A": ["1", "y"], "B": ["1"], "C": ["1"], "D": []])
            let result = try await family.scene.client.run(.query("SELECT * FROM Test_B WHERE Name = '1'"), form)
            #expect(result.objects.map { $0["__CLASS"]?.text } == ["Test_C"], "\(result.message)")
            #expect(result.objects.first?["FromA"]?.text == "A of 1" && result.objects.first?["FromC"]?.text == "C of 1")
            #expect(family.all.allSatisfy { $0.calls.all.allSatisfy { $0.method == "GetObjectAsync" } })
            let not = try await family.scene.client.run(.query("SELECT * FROM Test_B WHERE Name = '1' AND FromB = 'no'"), form)
            #expect(not.status == .noError && not.objects.isEmpty)
            try await expectQuiet(family.scene)
        }

        @Test(
            "W13: A text key with letters is looked for among all, complete; a family that can only get is asked for the key as it is written"
        )
        func keysWithLetters() async throws {
            let family = try await HierarchyTests.Family.start()
            family.have(["A": ["x", "y"], "B": ["x", "y"], "C": ["x"], "D": ["y"]])
            func classes(_ name: String) async throws -> [String?] {
                let query = "SELECT * FROM Test_B WHERE Name = '\(name)' AND FromA LIKE 'A of x'"
                let result = try await family.scene.client.run(.query(query))
                #expect(result.status == .noError, "\(result.message)")
                return result.objects.map { $0["__CLASS"]?.text }
            }
            for name in ["x", "X"] { #expect(try await classes(name) == ["Test_C"]) }
            for provider in family.all { provider.on("CreateInstanceEnumAsync") { $0.fail(.providerNotCapable, "no") } }
            #expect(try await classes("x") == ["Test_C"])
            #expect(try await classes("X").isEmpty)
            try await expectQuiet(family.scene)
        }
    }
}
