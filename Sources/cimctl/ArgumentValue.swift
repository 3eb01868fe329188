import ArgumentParser
import CIMBusClient

/// The `name=value` words of a command, and how a value becomes one of its class's type.
struct Assignments {
    /// In the order of their first appearance; a name given again adds an element.
    private(set) var entries: [(name: String, texts: [String])] = []

    init(_ words: [String]) throws {
        for word in words {
            guard let sign = word.firstIndex(of: "="), sign != word.startIndex else {
                throw ValidationError("'\(word)' is not name=value")
            }
            let name = String(word[..<sign])
            let text = String(word[word.index(after: sign)...])
            if let index = entries.firstIndex(where: { CIMName.equal($0.name, name) }) {
                entries[index].texts.append(text)
            } else {
                entries.append((name, [text]))
            }
        }
    }

    /// The value of a property, if it is among them.
    func value(named name: String, _ type: CIMTypeReference) throws -> CIMValue? {
        guard let entry = entries.first(where: { CIMName.equal($0.name, name) }) else { return nil }
        return try ArgumentValue.value(entry.texts, type, name)
    }

    /// The values, each of the type that `declared` says for its name.
    func values(_ what: String, _ declared: [(name: String, type: CIMTypeReference)]) throws -> [(name: String, value: CIMValue)] {
        try entries.map { entry in
            guard let found = declared.first(where: { CIMName.equal($0.name, entry.name) }) else {
                let names = declared.map(\.name).joined(separator: ", ")
                throw ValidationError("\(what) has no \(entry.name); there is \(names.isEmpty ? "none" : names)")
            }
            return (found.name, try ArgumentValue.value(entry.texts, found.type, found.name))
        }
    }
}

enum ArgumentValue {
    /// Several texts, a JSON array or a list with commas make an array; anything else is one value.
    static func value(_ texts: [String], _ type: CIMTypeReference, _ name: String) throws -> CIMValue {
        guard type.isArray else {
            guard texts.count == 1 else { throw ValidationError("\(name) is \(type), not an array: give it once") }
            return try scalar(texts[0], type.base, name)
        }
        var elements = texts
        if texts.count == 1 {
            if texts[0].isEmpty { return .array(of: type.base, []) }
            if texts[0].first == "[" {
                guard let parsed = JSONArray.elements(of: texts[0]) else {
                    throw ValidationError("\(name): '\(texts[0])' is not a JSON array")
                }
                elements = parsed
            } else {
                elements = texts[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            }
        }
        return .array(
            of: type.base,
            try elements.map { text in
                let value = try scalar(text, type.base, name)
                guard !value.isNull else { throw ValidationError("\(name): an element of an array cannot be NULL") }
                return value
            })
    }

    /// One value. Empty text is NULL, but for a string.
    static func scalar(_ text: String, _ type: CIMType, _ name: String) throws -> CIMValue {
        if type == .string { return .string(text) }
        if text.isEmpty { return .null }
        let value: CIMValue?
        switch type {
        case .boolean:
            switch text.lowercased() {
            case "true", "1", "yes": value = .boolean(true)
            case "false", "0", "no": value = .boolean(false)
            default: value = nil
            }
        case .real32, .real64: value = Double(text).flatMap { CIMValue.real64($0).converted(toScalar: type) }
        case .char16:
            value = text.utf16.count == 1 ? CIMValue.string(text).converted(toScalar: .char16) : integer(text)?.converted(toScalar: .char16)
        case .datetime, .reference: value = CIMValue.string(text).converted(toScalar: type)
        case .object: throw ValidationError("\(name) is an embedded object, which cannot be written on the command line")
        default: value = integer(text)?.converted(toScalar: type)
        }
        guard let value else { throw ValidationError("\(name) must be \(type.mofName), not '\(text)'") }
        return value
    }

    /// Decimal, or hexadecimal with 0x.
    private static func integer(_ text: String) -> CIMValue? {
        let isNegative = text.hasPrefix("-")
        let digits = isNegative ? text.dropFirst() : text[...]
        guard let first = digits.utf8.first, first &- 0x30 < 10 else { return nil }
        let isHex = digits.hasPrefix("0x") || digits.hasPrefix("0X")
        guard let magnitude = isHex ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits) else { return nil }
        if !isNegative { return .uint64(magnitude) }
        let negative = -Int128(magnitude)
        return Int64(exactly: negative).map { .sint64($0) }
    }
}

/// Just enough JSON for a list of scalars.
enum JSONArray {
    /// The texts of the elements; nil for anything but an array of strings, numbers and booleans.
    static func elements(of text: String) -> [String]? {
        var rest = Array(text.unicodeScalars)[...]
        func skipSpace() { while let next = rest.first, next == " " || next == "\t" || next == "\n" { rest.removeFirst() } }
        guard rest.popFirst() == "[" else { return nil }
        var elements: [String] = []
        skipSpace()
        if rest.first == "]" { return rest.count == 1 ? [] : nil }
        while true {
            skipSpace()
            guard let next = rest.first else { return nil }
            if next == "\"" {
                rest.removeFirst()
                guard let string = string(&rest) else { return nil }
                elements.append(string)
            } else {
                let word = rest.prefix { $0 != "," && $0 != "]" && $0 != " " }
                guard !word.isEmpty,
                    word.allSatisfy({ $0.isASCII && ($0.properties.isAlphabetic || "+-.0123456789".unicodeScalars.contains($0)) })
                else { return nil }
                elements.append(String(String.UnicodeScalarView(word)))
                rest.removeFirst(word.count)
            }
            skipSpace()
            switch rest.popFirst() {
            case ",": continue
            case "]":
                skipSpace()
                return rest.isEmpty ? elements : nil
            default: return nil
            }
        }
    }

    /// Behind the opening quote.
    private static func string(_ rest: inout ArraySlice<Unicode.Scalar>) -> String? {
        var units: [UInt16] = []
        while let next = rest.popFirst() {
            if next == "\"" { return String(decoding: units, as: UTF16.self) }
            guard next == "\\" else {
                units.append(contentsOf: String(Character(next)).utf16)
                continue
            }
            switch rest.popFirst() {
            case "n": units.append(0x0A)
            case "t": units.append(0x09)
            case "r": units.append(0x0D)
            case "b": units.append(0x08)
            case "f": units.append(0x0C)
            case "u":
                let digits = String(String.UnicodeScalarView(rest.prefix(4)))
                guard digits.utf8.count == 4, let unit = UInt16(digits, radix: 16) else { return nil }
                rest.removeFirst(4)
                units.append(unit)
            case let other?: units.append(contentsOf: String(Character(other)).utf16)
            case nil: return nil
            }
        }
        return nil
    }
}
