/// A value of JSON.
package enum JSONValue: Equatable, Sendable {
    /// What stands without quotes: a number, `true`, `false`. As it was written, so that no digit is lost.
    case word(String)
    case null
    case string(String)
    case array([JSONValue])
    /// In the order of the text.
    case object([Field])

    package struct Field: Equatable, Sendable {
        package var name: String
        package var value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }
}

/// Reads one JSON value and nothing behind it. Of a person's argument, words without quotes may be any letters and digits: they are not always
/// quoted. Of a program, the text is JSON to the letter (RFC 8259).
package struct JSONReader {
    /// The fault of whoever wrote the text: where it is no JSON, from 1, and what was expected there.
    package struct Failure: Error, CustomStringConvertible {
        package var position: Int
        package var expected: String
        package var description: String { "expected \(expected) at character \(position)" }
    }

    /// Deeper than the broker takes.
    private static let mostDepth = 64

    private let text: [Unicode.Scalar]
    private let isStrict: Bool
    private var position = 0
    private var depth = 0

    /// - Parameter isStrict: whether a program wrote it.
    package static func read(_ text: String, isStrict: Bool = false) throws(Failure) -> JSONValue {
        var reader = JSONReader(text: Array(text.unicodeScalars), isStrict: isStrict)
        let value = try reader.value()
        guard reader.position == reader.text.count else { throw reader.failure("the end") }
        return value
    }

    private init(text: [Unicode.Scalar], isStrict: Bool) {
        self.text = text
        self.isStrict = isStrict
    }

    private func failure(_ expected: String) -> Failure { Failure(position: position + 1, expected: expected) }

    private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

    private mutating func skipSpace() { while let next, next == " " || next == "\t" || next == "\n" || next == "\r" { position += 1 } }

    /// Takes `scalar`, and the space behind it, if it is next.
    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        skipSpace()
        return true
    }

    private mutating func value() throws(Failure) -> JSONValue {
        skipSpace()
        guard depth < Self.mostDepth else { throw failure("no more than \(Self.mostDepth) levels") }
        depth += 1
        defer { depth -= 1 }
        if next == "\"" { return .string(try string()) }
        if take("[") { return .array(try array()) }
        if take("{") { return .object(try object()) }
        let start = position
        while let next, next.isASCII, next.properties.isAlphabetic || "+-.0123456789".unicodeScalars.contains(next) { position += 1 }
        guard position > start else { throw failure("a value") }
        let word = String(String.UnicodeScalarView(text[start..<position]))
        if isStrict, !["true", "false", "null"].contains(word), !Self.isNumber(text[start..<position]) {
            position = start
            throw failure("a value")
        }
        skipSpace()
        return word == "null" ? .null : .word(word)
    }

    /// A number of JSON: digits without a zero before them, then perhaps a fraction and an exponent.
    private static func isNumber(_ word: ArraySlice<Unicode.Scalar>) -> Bool {
        var rest = word
        if rest.first == "-" { rest.removeFirst() }
        let whole = rest.prefix { isDigit($0) }
        guard let first = whole.first, whole.count == 1 || first != "0" else { return false }
        rest = rest.dropFirst(whole.count)
        if rest.first == "." {
            let fraction = rest.dropFirst().prefix { isDigit($0) }
            guard !fraction.isEmpty else { return false }
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard rest.first == "e" || rest.first == "E" else { return rest.isEmpty }
        rest = rest.dropFirst()
        if rest.first == "+" || rest.first == "-" { rest = rest.dropFirst() }
        return !rest.isEmpty && rest.allSatisfy { isDigit($0) }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    /// Behind the bracket.
    private mutating func array() throws(Failure) -> [JSONValue] {
        if take("]") { return [] }
        var elements: [JSONValue] = []
        repeat { elements.append(try value()) } while take(",")
        guard take("]") else { throw failure("',' or ']'") }
        return elements
    }

    /// Behind the brace.
    private mutating func object() throws(Failure) -> [JSONValue.Field] {
        if take("}") { return [] }
        var fields: [JSONValue.Field] = []
        repeat {
            skipSpace()
            guard next == "\"" else { throw failure("the name of a property in quotes") }
            let name = try string()
            guard take(":") else { throw failure("':'") }
            fields.append(JSONValue.Field(name: name, value: try value()))
        } while take(",")
        guard take("}") else { throw failure("',' or '}'") }
        return fields
    }

    /// At the opening quote.
    private mutating func string() throws(Failure) -> String {
        position += 1
        var units: [UInt16] = []
        while let scalar = next {
            position += 1
            if scalar == "\"" {
                skipSpace()
                return String(decoding: units, as: UTF16.self)
            }
            if isStrict, scalar.value < 0x20 {
                position -= 1
                throw failure("no control character")
            }
            guard scalar == "\\" else {
                units.append(contentsOf: UTF16.encode(scalar).map(Array.init) ?? [])
                continue
            }
            guard let escaped = next else { break }
            position += 1
            switch escaped {
            case "n": units.append(0x0A)
            case "t": units.append(0x09)
            case "r": units.append(0x0D)
            case "b": units.append(0x08)
            case "f": units.append(0x0C)
            case "u":
                let digits = String(String.UnicodeScalarView(text[position..<min(position + 4, text.count)]))
                guard digits.utf8.count == 4, digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
                    let unit = UInt16(digits, radix: 16)
                else { throw failure("four hexadecimal digits") }
                position += 4
                units.append(unit)
            case _ where isStrict && !"\"\\/".unicodeScalars.contains(escaped):
                position -= 1
                throw failure("an escape of JSON")
            default: units.append(contentsOf: UTF16.encode(escaped).map(Array.init) ?? [])
            }
        }
        throw failure("'\"'")
    }
}
