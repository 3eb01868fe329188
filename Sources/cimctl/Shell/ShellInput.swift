/// What the lines of the shell come to.
enum ShellStep: Equatable {
    /// The words of a command.
    case command([String])
    case query(String)
    /// `\x` and the like, without the backslash, and what stands behind it.
    case own(String, String)
    case nothing
    /// More lines are needed: a query goes to its semicolon.
    case unfinished
    case mistaken(String)
}

/// Lines, until they are something to do.
struct ShellInput {
    private var text = ""

    var isEmpty: Bool { text.isEmpty }

    /// What has been written so far is forgotten.
    mutating func reset() { text = "" }

    /// - Parameter isVerb: whether a word begins a command.
    mutating func take(_ line: String, isVerb: (String) -> Bool) -> ShellStep {
        let trimmed = String(line.drop { $0 == " " || $0 == "\t" }).trimmingEnd
        if text.isEmpty {
            if trimmed.isEmpty || trimmed.hasPrefix("#") { return .nothing }
            if trimmed.hasPrefix("\\") {
                let words = trimmed.dropFirst().split(separator: " ", maxSplits: 1)
                return .own(words.first.map { String($0) } ?? "", words.dropFirst().first.map { String($0) } ?? "")
            }
            let first = trimmed.prefix { $0 != " " && $0 != ";" && $0 != "\t" }
            guard ["SELECT", "ASSOCIATORS", "REFERENCES"].contains(first.uppercased()) else {
                guard let words = ShellWords.all(of: trimmed, keepingInnerQuotes: true) else { return .mistaken("a quote is not closed") }
                let own = words.first == "cimctl" ? Array(words.dropFirst()) : words
                guard let verb = own.first(where: { !$0.hasPrefix("-") }) else { return own.isEmpty ? .nothing : .command(own) }
                return isVerb(verb) || own.first?.hasPrefix("-") == true ? .command(own) : .mistaken(verb)
            }
        }
        text += (text.isEmpty ? "" : "\n") + line
        guard Self.isWhole(text) else { return .unfinished }
        defer { text = "" }
        var query = text.trimmingEnd
        query.removeLast()
        return .query(query)
    }

    /// Whether a semicolon ends it, outside of quotes.
    private static func isWhole(_ text: String) -> Bool {
        var quote: Character?
        var isEscaped = false
        var last: Character = " "
        for character in text where isEscaped || !character.isWhitespace {
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if quote != nil {
                if character == quote { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            }
            last = character
        }
        return quote == nil && last == ";"
    }
}
