import CIM
import CIMMOF
import Testing

@Suite("MOF errors (Semantics G.2, WBEMMOF_E)")
struct MOFErrorTests {
    @Test(
        "Each mistake has its code and its place",
        arguments: [
            ("class", 1, 6, WBEMStatus.mofExpectedClassName), ("class A", 1, 8, .mofExpectedOpenBrace),
            ("class A {", 1, 10, .mofExpectedCloseBrace),
            ("class A {}", 1, 11, .mofExpectedSemi), ("class A { uint8 }; ", 1, 17, .mofExpectedPropertyName),
            ("class A {\n  uint8 a\n};", 3, 1, .mofExpectedSemi), ("class A { uin8 1; };", 1, 11, .mofUnrecognizedType),
            ("class A { uint8 a = 256; };", 1, 21, .mofTypeMismatch), ("class A { uint8 a = \"1\"; };", 1, 21, .mofTypeMismatch),
            ("class A { uint8 a = {1}; };", 1, 21, .mofUnexpectedArrayInit), ("class A { uint8 a[] = 1; };", 1, 23, .mofTypeMismatch),
            ("class A { uint8 a[] = {1, null}; };", 1, 27, .mofNullArrayElem), ("class A { uint8 a = $b; };", 1, 21, .mofUnexpectedAlias),
            ("class A { uint8 a; string A; };", 1, 27, .mofDuplicateProperty), ("[a, A] class X {};", 1, 5, .mofDuplicateQualifier),
            ("[1] class X {};", 1, 2, .mofExpectedQualifierName), ("[a class X {};", 1, 4, .mofExpectedCloseBracket),
            ("[a : Sometimes] class X {};", 1, 6, .mofExpectedFlavorType), ("[a(1] class X {};", 1, 5, .mofExpectedCloseParen),
            ("[a : EnableOverride DisableOverride] class X {};", 1, 21, .mofIncompatibleFlavorTypes),
            ("class A { void a; };", 1, 17, .mofExpectedOpenParen), ("class A { uint8 a[](); };", 1, 17, .mofNoArraysReturned),
            ("class A { uint8 a([in] uint8 b, [in] uint8 B); };", 1, 44, .invalidDuplicateParameter),
            ("class A { uint8 a[0]; };", 1, 19, .mofOutOfRange), ("class A { sint64 a = 18446744073709551616; };", 1, 22, .mofOutOfRange),
            ("class A { sint64 a = 09; };", 1, 22, .mofIllegalConstantValue),
            ("class A { sint64 a = 1e5; };", 1, 22, .mofIllegalConstantValue),
            ("class A { string a = \"x\n; };", 1, 22, .mofIllegalConstantValue),
            ("class A { string a = \"\\xq\"; };", 1, 23, .mofIllegalConstantValue),
            ("class A { string a = \"\\xD800\"; };", 1, 23, .mofIllegalConstantValue),
            ("class A { char16 a = ''; };", 1, 22, .mofIllegalConstantValue),
            ("/* never closed", 1, 1, .mofUnrecognizedToken), ("\u{1}", 1, 1, .mofUnrecognizedToken),
            ("klass A {};", 1, 1, .mofUnrecognizedToken),
            ("#pragma namespace(\"\\\\\\\\far\\\\root\")", 1, 19, .mofInvalidNamespaceSyntax),
            ("#include", 1, 9, .mofErrorInvalidIncludeFile),
            ("#pragma namespace(root)", 1, 19, .mofInvalidNamespaceSyntax),
            ("#pragma x(", 1, 11, .mofExpectedCloseParen),
            ("class A as B {};", 1, 12, .mofExpectedDollar), ("instance of A { a = 1 };", 1, 23, .mofExpectedSemi),
            ("instance of A { a = 1; A = 2; };", 1, 24, .mofDuplicateProperty), ("instance A {};", 1, 10, .mofInvalidInstanceDeclaration),
            ("instance of A { a = instance of B { c = $d; }; };", 1, 21, .mofAliasesInEmbedded),
            ("instance of A as $x {}; instance of A as $X {};", 1, 42, .mofMultipleAliases),
            ("qualifier Key : ref;", 1, 17, .mofUnrecognizedType), ("instance of A { a = {1, \"b\"}; };", 1, 22, .mofTypeMismatch),
        ])
    func mistakes(text: String, line: Int, column: Int, status: WBEMStatus) {
        let error = #expect(throws: MOFError.self, "\(text)") { try MOFParser.parse(text, file: "x.mof") }
        #expect(error?.status == status, "\(text): \(error?.description ?? "")")
        #expect(error?.line == line && error?.column == column, "\(text): \(error?.description ?? "")")
        #expect(error?.file == "x.mof" && error?.message.contains("expected") ?? false)
    }

    @Test("A text cut at any byte is an error or a shorter unit, never a crash")
    func truncated() throws {
        let bytes = Array(sampleMOF.utf8)
        let whole = try MOFParser.parse(sampleMOF)
        var units = 0
        for end in 0..<bytes.count {
            if let unit = try? MOFParser.parse(String(decoding: bytes[..<end], as: UTF8.self)) {
                units += 1
                #expect(unit.declarations == Array(whole.declarations.prefix(unit.declarations.count)))
            }
        }
        #expect(units > 0 && units < bytes.count / 4)
    }

    @Test("A text with any byte replaced is a unit or an error, never a crash")
    func mutated() throws {
        let bytes = Array(sampleMOF.utf8)
        var errors = 0
        for index in stride(from: 0, to: bytes.count, by: 4) {
            for byte in Array("\"};".utf8) {
                var changed = bytes
                changed[index] = byte
                do { _ = try MOFParser.parse(String(decoding: changed, as: UTF8.self)) } catch { errors += 1 }
            }
        }
        #expect(errors > bytes.count / 8)
    }

    @Test("Nested instances end at 64, however deep the text goes")
    func nesting() {
        func nest(_ depth: Int) -> String {
            "instance of A { a = " + String(repeating: "instance of A { a = ", count: depth) + "1" + String(repeating: "; }", count: depth)
                + "; };"
        }
        #expect(throws: Never.self) { try MOFParser.parse(nest(64)) }
        #expect(#expect(throws: MOFError.self) { try MOFParser.parse(nest(65)) }?.status == .quotaViolation)
        #expect(#expect(throws: MOFError.self) { try MOFParser.parse(nest(100_000)) }?.status == .quotaViolation)
    }

    @Test("16 MiB are the limit, and less where the caller says so")
    func length() {
        let tooLong = String(repeating: " ", count: (16 << 20) + 1)
        #expect(#expect(throws: MOFError.self) { try MOFParser.parse(tooLong) }?.status == .quotaViolation)
        var context = MOFContext()
        context.limits.bytes = 11
        #expect(throws: Never.self) { try MOFParser.parse(MOFSource(file: "x", text: "class A {};"), in: context) }
        let errors = #expect(throws: MOFErrors.self) { try MOFParser.parse(MOFSource(file: "x", text: "class AB {};"), in: context) }
        #expect(errors?.errors.map(\.status) == [.quotaViolation])
    }
}
