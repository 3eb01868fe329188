import CIM

extension MOFParser {
    private enum Argument {
        case string(String)
        case word(String)

        var text: String {
            switch self {
            case .string(let text), .word(let text): text
            }
        }
    }

    /// `#pragma name(…)`, or WMI's `#include "file"`.
    mutating func directive(_ name: String) throws(MOFError) {
        let start = token.place
        if CIMName.equal(name, "include") {
            advance()
            return try include(isPragma: false)
        }
        guard CIMName.equal(name, "pragma") else {
            let error = unexpected(.mofInvalidPragma, expected: "'#pragma' or '#include'")
            advance()
            throw error
        }
        advance()
        let pragma = try self.name("the name of a pragma", .mofInvalidPragma, tooWide: .mofInvalidPragma)
        switch CIMName(pragma) {
        case "namespace": try namespacePragma()
        case "include": try include(isPragma: true)
        case "amendment": try amendmentPragma()
        case "locale", "instancelocale":
            _ = try arguments(.mofInvalidPragma, what: "a locale", counts: 1...1)
        case "classflags":
            if let flags = try flags(of: ChangeFlags.classWords) { classFlags = flags }
        case "instanceflags":
            if let flags = try flags(of: ChangeFlags.instanceWords) { instanceFlags = flags }
        case "deleteclass": try deleteClass(firstLine: start.line)
        case "deleteinstance": try deleteInstance(firstLine: start.line)
        case "autorecover":
            if token.isPunctuation("(") { try skipArguments() }
            unit.isAutorecovered = true
        default:
            if token.isPunctuation("(") { try skipArguments() }
            warn("#pragma \(Token.brief(pragma)) has no effect", at: start)
        }
    }

    private mutating func skipArguments() throws(MOFError) {
        while !token.isPunctuation(")") {
            switch token.kind {
            case .end, .directive, .punctuation(UInt8(ascii: ";")), .punctuation(UInt8(ascii: "{")):
                throw unexpected(.mofExpectedCloseParen, expected: "')'")
            default: advance()
            }
        }
        advance()
    }

    /// `("text", word, …)`. Nil, with the error reported, when there are too few or too many.
    private mutating func arguments(_ status: WBEMStatus, what: String, counts: ClosedRange<Int>) throws(MOFError) -> [Argument]? {
        try expect("(", .mofExpectedOpenParen)
        let place = token.place
        var found: [Argument] = []
        while !token.isPunctuation(")") {
            switch token.kind {
            case .string: found.append(.string(concatenatedString()))
            case .identifier(let word):
                found.append(.word(word))
                advance()
            default: throw unexpected(status, expected: what)
            }
            guard skip(",") else { break }
        }
        try expect(")", .mofExpectedCloseParen)
        if counts.contains(found.count) { return found }
        report(failure(status, "expected \(what), found \(found.count) arguments", at: place))
        return nil
    }

    private mutating func namespacePragma() throws(MOFError) {
        try expect("(", .mofExpectedOpenParen)
        let place = token.place
        guard case .string = token.kind else { throw unexpected(.mofInvalidNamespaceSyntax, expected: "a namespace in double quotes") }
        let text = concatenatedString()
        if let named = MOFParser.localNamespace(text) {
            namespace = named
        } else {
            report(
                failure(.mofInvalidNamespaceSyntax, "expected a namespace of this machine, found \"\(Token.brief(text))\"", at: place))
        }
        try expect(")", .mofExpectedCloseParen)
    }

    /// `\\.\root\cimv2`, with either slash, with or without the machine.
    private static func localNamespace(_ text: String) -> CIMNamespaceName? {
        let slashed = String(decoding: text.utf8.map { $0 == 0x5C ? 0x2F : $0 }, as: UTF8.self)
        return CIMNamespaceName(slashed.hasPrefix("//./") ? String(slashed.dropFirst(4)) : slashed)
    }

    /// Words in strings or outside, with commas inside the strings or between them. Nil when they contradict each other, which is reported.
    private mutating func flags(of words: [(name: String, flag: ChangeFlags)]) throws(MOFError) -> ChangeFlags? {
        let place = token.place
        let known = words.map(\.name).joined(separator: ", ")
        guard let found = try arguments(.mofInvalidFlagsSyntax, what: "some of \(known)", counts: 0...8) else { return nil }
        var flags: ChangeFlags = []
        for argument in found {
            for word in argument.text.utf8.split(whereSeparator: { $0 == 0x2C || $0 == 0x20 || $0 == 0x09 }) {
                let word = String(decoding: Array(word), as: UTF8.self)
                guard let flag = words.first(where: { CIMName.equal($0.name, word) })?.flag else {
                    report(failure(.mofInvalidFlagsSyntax, "expected some of \(known), found '\(Token.brief(word))'", at: place))
                    return nil
                }
                flags.insert(flag)
            }
        }
        if flags.contradiction != nil {
            report(failure(.mofInvalidFlagsSyntax, "expected flags that do not contradict each other", at: place))
            return nil
        }
        return flags
    }

    private mutating func deleteClass(firstLine: Int) throws(MOFError) {
        let place = token.place
        guard let (name, mustExist) = try deletion(.mofInvalidDeleteclassSyntax, what: "a class name and FAIL or NOFAIL") else { return }
        guard CIMName.isValidIdentifier(name) else {
            return report(failure(.mofInvalidDeleteclassSyntax, "expected a class name, found \"\(Token.brief(name))\"", at: place))
        }
        append(.deleteClass(name: name, mustExist: mustExist), firstLine: firstLine)
    }

    private mutating func deleteInstance(firstLine: Int) throws(MOFError) {
        let place = token.place
        guard let (text, mustExist) = try deletion(.mofInvalidDeleteinstanceSyntax, what: "a path and FAIL or NOFAIL") else { return }
        guard let path = try? CIMObjectPath(parsing: text), !path.isClassPath else {
            return report(
                failure(.mofInvalidDeleteinstanceSyntax, "expected the path of an instance, found \"\(Token.brief(text))\"", at: place))
        }
        append(.deleteInstance(path: path, mustExist: mustExist), firstLine: firstLine)
    }

    /// `("what")` or `("what", FAIL | NOFAIL)`; FAIL when not said.
    private mutating func deletion(_ status: WBEMStatus, what: String) throws(MOFError) -> (name: String, mustExist: Bool)? {
        let place = token.place
        guard let found = try arguments(status, what: what, counts: 1...2), let name = found.first?.text else { return nil }
        guard found.count == 2, let word = found.last?.text else { return (name, true) }
        if CIMName.equal(word, "nofail") { return (name, false) }
        if CIMName.equal(word, "fail") { return (name, true) }
        report(failure(status, "expected FAIL or NOFAIL, found '\(Token.brief(word))'", at: place))
        return nil
    }
}

extension ChangeFlags {
    /// The words of `#pragma classflags`.
    static let classWords: [(name: String, flag: ChangeFlags)] = [
        ("createonly", .createOnly), ("updateonly", .updateOnly), ("safeupdate", .safeUpdate), ("forceupdate", .forceUpdate),
    ]

    /// The words of `#pragma instanceflags`.
    static let instanceWords: [(name: String, flag: ChangeFlags)] = [("createonly", .createOnly), ("updateonly", .updateOnly)]
}
