/// Lines of code, indented.
struct TextBuilder {
    private(set) var text = ""
    private var depth = 0
    private static let unit = "    "

    /// The most columns of a line.
    static let width = 140

    init() {}

    mutating func line(_ text: String = "") {
        if !text.isEmpty { self.text += String(repeating: Self.unit, count: depth) + text }
        self.text += "\n"
    }

    /// Whether a line is short enough.
    func fits(_ text: String) -> Bool { text.count <= TextBuilder.width - depth * Self.unit.count }

    mutating func indented(_ body: (inout TextBuilder) -> Void) {
        depth += 1
        body(&self)
        depth -= 1
    }

    /// `head {`, the body, `}`.
    mutating func block(_ head: String, _ body: (inout TextBuilder) -> Void) {
        line(head + " {")
        indented(body)
        line("}")
    }

    /// What stands between brackets: on one line where that fits, else on a line of its own, else each part on one.
    /// - Parameters:
    ///   - head: up to the opening bracket.
    ///   - tail: from the closing one.
    mutating func list(_ head: String, _ parts: [String], _ tail: String, trailingComma: Bool = false) {
        let room = TextBuilder.width - depth * Self.unit.count
        let joined = parts.joined(separator: ", ")
        if head.count + joined.count + tail.count <= room { return line(head + joined + tail) }
        line(head)
        indented { builder in
            if joined.count <= room - Self.unit.count, !trailingComma { return builder.line(joined) }
            for (position, part) in parts.enumerated() {
                builder.line(part + (position + 1 < parts.count || trailingComma ? "," : ""))
            }
        }
        line(tail)
    }

    /// A documentation comment, wrapped.
    mutating func documentation(_ paragraphs: [String], prefix: String = "/// ") {
        let room = 120 - depth * Self.unit.count
        for paragraph in paragraphs {
            for wrapped in TextBuilder.wrap(paragraph, to: room) {
                line(wrapped.isEmpty ? String(prefix.prefix { $0 != " " }) : prefix + wrapped)
            }
        }
    }

    /// One that continues on lines that are indented by two, as the parameters of a function are.
    mutating func documentationItem(_ text: String, hanging: String) {
        let room = 116 - depth * Self.unit.count - hanging.count
        for (position, wrapped) in TextBuilder.wrap(text, to: room).enumerated() {
            line("/// " + (position == 0 ? "" : hanging) + wrapped)
        }
    }

    static func wrap(_ text: String, to width: Int) -> [String] {
        if text.isEmpty { return [""] }
        var lines: [String] = []
        var current = ""
        for word in text.split(whereSeparator: \.isWhitespace) {
            if !current.isEmpty, current.count + 1 + word.count > width {
                lines.append(current)
                current = ""
            }
            current += (current.isEmpty ? "" : " ") + word
        }
        if !current.isEmpty { lines.append(current) }
        return lines
    }
}

extension CIMText {
    /// The text as a literal of Swift.
    static func swiftLiteral(_ text: String) -> String {
        var literal = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": literal += "\\\(scalar)"
            case "\n": literal += "\\n"
            case "\r": literal += "\\r"
            case "\t": literal += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F || scalar.properties.generalCategory == .format {
                    literal += "\\u{\(String(scalar.value, radix: 16))}"
                } else {
                    literal.unicodeScalars.append(scalar)
                }
            }
        }
        return literal + "\""
    }
}

/// What qualifiers say, as text.
enum CIMText {
    /// The paragraphs of a description: what control characters and line breaks divide. Trailing ones are dropped.
    static func paragraphs(_ text: String) -> [String] {
        var paragraphs: [String] = []
        for part in text.split(omittingEmptySubsequences: true, whereSeparator: \.isNewline) {
            let words = part.split {
                $0.isWhitespace || $0.unicodeScalars.contains { $0.value < 0x20 || $0.properties.generalCategory == .format }
            }
            if words.isEmpty { continue }
            if !paragraphs.isEmpty { paragraphs.append("") }
            paragraphs.append(words.joined(separator: " "))
        }
        return paragraphs
    }
}
