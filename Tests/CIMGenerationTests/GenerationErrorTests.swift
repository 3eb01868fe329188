import CIM
import CIMGeneration
import Testing

@Suite struct GenerationErrorTests {
    @Test("A superclass that no file declares is an error with its place, which says to give that file, too")
    func missingSuperclass() throws {
        let errors = try GeneratedSources.errors("// first\n  class A_Thing : B_Thing { };")
        #expect(errors.count == 1)
        #expect(
            errors.first?.hasPrefix("0.mof:2:9: error: class A_Thing derives from B_Thing, which none of the files declares: give the file")
                == true, "\(errors)")
        #expect(try GeneratedSources.errors("class A_Thing : B_Thing { };", "class B_Thing { };").isEmpty)
    }

    @Test("What derives from a class that is missing is no error of its own")
    func missingAbove() throws {
        #expect(try GeneratedSources.errors("class A_C : A_B { }; class A_B : A_A { }; class A_D : A_C { };").count == 1)
    }

    @Test("A class that is its own ancestor is an error, and no endless loop")
    func cycle() throws {
        let errors = try GeneratedSources.errors("class A_A : A_B { }; class A_B : A_A { }; class A_C : A_A { };")
        #expect(errors.contains { $0.contains("is its own ancestor") }, "\(errors)")
    }

    @Test("A class that two files declare otherwise is an error at the second; one that both include is none")
    func twice() throws {
        let errors = try GeneratedSources.errors("class A_A { string X; };", "class A_A { string Y; };")
        #expect(
            errors.count == 1 && errors.first?.hasPrefix("1.mof:1:7: error: class A_A is declared otherwise at 0.mof:1") == true,
            "\(errors)")
        #expect(try GeneratedSources.errors("class A_A { string X; };", "class A_A { string X; };").isEmpty)
    }

    @Test("A class whose type would hide one of Swift's is an error with its place")
    func hiding() throws {
        let errors = try GeneratedSources.errors("class Reference { };\nclass String { };")
        #expect(errors.count == 2)
        #expect(errors.last?.hasPrefix("0.mof:2:7: error: class String would be the type String") == true, "\(errors)")
    }

    @Test("A class as a type that nobody declares is an error with its place; a reference to one, or an object of one, is not")
    func misspelt() throws {
        let errors = try GeneratedSources.errors("class A_A { uint33 X; };")
        #expect(errors.count == 1 && errors.first?.hasPrefix("0.mof:1:13: error: expected a type") == true, "\(errors)")
        #expect(
            try GeneratedSources.errors("class A_A { A_B X; A_C ref Y; [EmbeddedInstance(\"A_D\")] string Z; };", "class A_B { };").isEmpty)
    }

    @Test("Two classes that get one type by short names are an error with its place; by full names they are none")
    func shortNames() throws {
        var options = GenerationOptions()
        options.names = .short
        let errors = try GeneratedSources.errors("class A_Clock { };", "class B_Clock { };", options: options)
        #expect(
            errors.count == 1 && errors.first?.hasPrefix("1.mof:1:7: error: class B_Clock would have the type Clock") == true, "\(errors)")
        #expect(try GeneratedSources.errors("class A_Clock { };", "class B_Clock { };").isEmpty)
        let provider = try GeneratedSources.errors("class A_Clock { };", "class A_ClockProvider { };")
        #expect(provider.count == 1, "\(provider)")
    }

    @Test("What the class's own rules forbid is an error: a key below keys, an override of another type")
    func rules() throws {
        let errors = try GeneratedSources.errors(
            "class A_A { [key] string K; };\nclass A_B : A_A { [key] string L; };\nclass A_C : A_A { uint8 K; };")
        #expect(errors.count == 2, "\(errors)")
        #expect(errors.allSatisfy { $0.hasPrefix("0.mof:2:7: error: ") || $0.hasPrefix("0.mof:3:7: error: ") }, "\(errors)")
    }
}
