import CIM
import CIMMOF
import Testing

@Suite("Formatter (cimctl mof format)")
struct MOFFormatterTests {
    @Test("Indentation and spaces are made, comments and line breaks kept")
    func layout() throws {
        let text = """
            // first


            #pragma namespace ( "root" ) #pragma autorecover
            [ abstract,Values { 1,2 },
            Description ( "a" // why
            "b") ]
            class A:B {uint8 a [ 4 ]={1,2}; // trailing
            /* block
               comment */
            [key]string k;void m([in]uint8 p,
            A ref q);


            };
            instance of A as $a {x=instance of B{y=1;};
            z = {}; };
            class Empty { };
            """
        let expected = """
            // first

            #pragma namespace("root")
            #pragma autorecover
            [abstract, Values{1, 2},
                Description("a" // why
                    "b")]
            class A : B {
                uint8 a[4] = {1, 2}; // trailing
                /* block
               comment */
                [key] string k;
                void m([in] uint8 p,
                    A ref q);
            };
            instance of A as $a {
                x = instance of B {
                    y = 1;
                };
                z = {};
            };
            class Empty {};

            """
        let formatted = try MOFFormatter.format(text)
        #expect(formatted == expected, "\(formatted)")
        #expect(try MOFFormatter.format(formatted) == formatted)
    }

    @Test("A brace on its own line stays there")
    func braces() throws {
        let text = "class A\n{\n    uint8 a;\n};\ninstance of B\n{\n    c = instance of D\n    {\n        e = 1;\n    };\n};\n"
        #expect(try MOFFormatter.format(text) == text)
    }

    @Test("500 random units mean the same when formatted, and formatting settles at once")
    func meaning() throws {
        var generator = SchemaGenerator(seed: 99)
        for _ in 0..<500 {
            let text = MOFWriter.write(generator.unit())
            let squeezed = text.split(separator: "\n").joined(separator: " ")
            let formatted = try MOFFormatter.format(squeezed)
            let before = try MOFParser.parse(text)
            let after = try MOFParser.parse(formatted)
            #expect(before.classes == after.classes && before.instances.map(\.instance) == after.instances.map(\.instance), "\(formatted)")
            #expect(try MOFFormatter.format(formatted) == formatted)
        }
    }

    @Test("What is no token is an error; what is no MOF is laid out")
    func errors() throws {
        let errors = #expect(throws: MOFErrors.self) { try MOFFormatter.format("class \"\\xq\"\n12b\n") }
        #expect(errors?.errors.map(\.line) == [1, 2])
        #expect(try MOFFormatter.format("}a{b c;]") == "} a {\n    b c;\n]\n")
        let broken = try MOFFormatter.format("#pragma c;d(\"e\")\nclass")
        #expect(try MOFFormatter.format(broken) == broken)
        #expect(try MOFFormatter.format("") == "" && MOFFormatter.format("// a") == "// a\n")
    }
}
