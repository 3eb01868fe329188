import CIM
import CIMMOF
import Testing

@Suite("Many errors in one text (issue: the compiler goes on to find the rest)")
struct MOFRecoveryTests {
    private func errors(_ text: String, limit: Int = 20) -> [String] {
        var context = MOFContext()
        context.limits.errors = limit
        do throws(MOFErrors) {
            _ = try MOFParser.parse(MOFSource(file: "x", text: text), in: context)
            return []
        } catch { return error.errors.map { "\($0.line):\($0.column) \($0.status.errorName ?? $0.status.hex)" } }
    }

    private func places(_ text: String) -> [String] { errors(text).map { String($0.prefix { $0 != " " }) } }

    @Test("Each of many mistakes is found once, at its place")
    func several() {
        let text = """
            class A {
                uint8 a = 256;
                uint8 1;
                string s = "x\\xq";
                string t = {1, 2};
                uint8 a;
                uin8 [x;
            };
            klass B { uint8 a; };
            instance of C { a = ; b = 2; b = 3; c = instance of D { e = 09; f }; };
            class D : { uint8 a; string b = {"x"}; };
            class E { void m([in] uint8 a, uint8 A); };
            @
            class F {};
            """
        #expect(
            places(text) == [
                "2:15", "3:11", "4:18", "5:16", "6:11", "7:5", "9:1", "10:21", "10:30", "10:61", "10:67", "11:11", "12:38", "13:1",
            ], "\(errors(text).joined(separator: "\n"))")
    }

    @Test(
        "One mistake is one error",
        arguments: [
            ("class A {\n uint8 a\n uint8 b;\n};\nclass B {};", "3:2"), ("class A { uint8 a;\nclass B {};", "2:1"),
            ("class A { uint8 a; }\nclass B {};", "2:1"), ("instance of A { a = 1\n b = 2; };", "2:2"),
            ("class A { string s = \"no end; };\nclass B {};", "1:22"), ("class A { string s = {\"x\", ; uint8 b; };\nclass B {};", "1:28"),
            ("class A { string s = {\"x\", }; uint8 b; };\nclass B {};", "1:28"),
            ("[Key class A { uint8 a; }; class B {};", "1:6"), ("class A { [Key uint8 a; uint8 b; }; class B {};", "1:16"),
            ("class A B { uint8 a; uint8 b; }; class C {};", "1:9"),
            ("instance of A { a = instance of B { b = ; c = 1; }; d = 2; }; class C {};", "1:41"),
            ("instance of A { a = instance of B { b = 1; \n instance of C {};", "2:2"),
            ("class A { [V{\"a\"}, W(\"b\"}] uint8 a; uint8 b; }; class B {};", "1:25"), ("}; class B {};", "1:1"),
            ("class 1 { uint8 a; }; }; }; class B {};", "1:7"), ("class A { uint8 a; b c; }; }; };", "1:28"),
            ("class A { uint8 m(; uint8 b; }; class B {};", "1:19"),
            ("Qualifier Q : boolean Scope(class); class B {};", "1:23"), ("class A { uint8 a = 12x; uint8 b; };", "1:21"),
            ("class A { char16 a = 'xy'; uint8 b; };", "1:22"), ("class A { uint8 a $ = 5; };", "1:19"),
            ("#pragma deleteclass(\"A\", NOFAIL; class B {};", "1:32"), ("class { uint8 a; }; class B {};", "1:7"),
            ("class A { uint8 a; }; }; class B {};", "1:23"), ("class A { uint8 a; } class B {};", "1:22"),
        ])
    func single(text: String, place: String) {
        #expect(places(text) == [place], "\(text): \(errors(text))")
    }

    @Test("After the limit the compiler stops and says so")
    func limit() throws {
        let text = String(repeating: "class 1 {};\n", count: 100)
        #expect(errors(text).count == 20)
        let failure = #expect(throws: MOFErrors.self) { try MOFParser.parse(MOFSource(file: "x", text: text), in: MOFContext()) }
        #expect(failure?.isTruncated ?? false && failure?.first.line == 1 && failure?.errors.last?.line == 20)
    }

    @Test("A hundred thousand unreadable bytes on one line cost no more than the line")
    func oneLongLine() {
        #expect(errors(String(repeating: "@ ", count: 100_000)).count == 20)
        #expect(errors("class A { string s = \"" + String(repeating: "\\xq", count: 100_000) + "\"; };").count == 20)
    }
}
