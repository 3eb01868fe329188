/// JSON that a user writes as an argument.
enum JSONValue: Equatable {
    /// What stands without quotes: a number, `true`, `false`. As it was written, so that no digit is lost.
    case word(String)
    case null
    case string(String)
    case array([JSONValue])
    /// In the order of the text.
    case object([Field])

    struct Field: Equatable {
        var name: String
        var value: JSONValue
    }
}

/// Reads one JSON value and nothing behind it. Words without quotes may be any letters and digits: an argument's are not always quoted.
struct JSONReader {
    /// The fault of whoever wrote the text: where it is no JSON, from 1, and what was expected there.
    struct Failure: Error, CustomStringConvertible {
        var position: Int
        var expected: String
        var description: String { "expected \(expected) at character \(position)" }
    }

    /// Deeper than the broker takes.
    private static let mostDepth = 64

    private let text: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    static func read(_ text: String) throws(Failure) -> JSONValue {
        var reader = JSONReader(text: Array(text.unicodeScalars))
        let value = try reader.value()
        guard reader.position == reader.text.count else { throw reader.failure("the end") }
        return value
    }

    private init(text: [Unicode.Scalar]) { self.text = text }

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
        skipSpace()
        return word == "null" ? .null : .word(word)
    }

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
            default: units.append(contentsOf: UTF16.encode(escaped).map(Array.init) ?? [])
            }
        }
        throw failure("'\"'")
    }
}
