/// The words of a line as a shell reads them, up to where the user is.
struct ShellWords: Equatable {
    /// What was finished with a space.
    var finished: [String] = []
    /// What is being written: without its quotes.
    var current = ""
    /// The same as it was written.
    var raw = ""
    /// The quote that is open in it.
    var quote: Character?

    /// - Parameter keepingInnerQuotes: a quote that does not begin a word belongs to it, as in a path: `Class.Key="a b"` is one word, with its quotes.
    init(_ line: String, keepingInnerQuotes: Bool = false) {
        var isInner = false
        var isWord = false
        var isEscaped = false
        for character in line {
            if isEscaped {
                // In double quotes a backslash stands for itself, but before these.
                if isInner || quote == "\"" && !["\"", "\\", "$", "`"].contains(character) { current.append("\\") }
                current.append(character)
                raw.append(character)
                isEscaped = false
            } else if let open = quote {
                raw.append(character)
                if character == open {
                    if isInner { current.append(character) }
                    (quote, isInner) = (nil, false)
                } else if character == "\\", open == "\"" || isInner {
                    isEscaped = true
                } else {
                    current.append(character)
                }
            } else if character == " " || character == "\t" || character == "\n" {
                if isWord { finished.append(current) }
                (current, raw, isWord) = ("", "", false)
            } else {
                let isFirst = raw.isEmpty
                isWord = true
                raw.append(character)
                switch character {
                case "\\": isEscaped = true
                case "'", "\"":
                    quote = character
                    isInner = keepingInnerQuotes && !isFirst
                    if isInner { current.append(character) }
                default: current.append(character)
                }
            }
        }
        if isEscaped { current.append("\\") }
    }

    /// Every word of a line that is whole; nil where a quote is open.
    static func all(of line: String, keepingInnerQuotes: Bool = false) -> [String]? {
        let words = ShellWords(line + " ", keepingInnerQuotes: keepingInnerQuotes)
        return words.quote == nil ? words.finished : nil
    }

    /// A word so that a shell reads it as it is.
    static func escaped(_ word: String) -> String {
        word.map { character in
            let isPlain = character.isLetter || character.isNumber || "-_./:=@,%+~".contains(character)
            return isPlain ? String(character) : "\\\(character)"
        }.joined()
    }

    /// What bash has to put in place of what it takes for the word: inside quotes what stands behind the quote, else what stands behind the last
    /// character at which bash divides words.
    func replacement(of word: String, dividers: String) -> String {
        if let quote {
            let inside = raw.lastIndex(of: quote).map { raw.distance(from: raw.startIndex, to: $0) } ?? 0
            // What stands before the quote belongs to the word, but not to what is replaced.
            let before = ShellWords(String(raw.prefix(inside))).current
            let rest = word.hasPrefix(before) ? String(word.dropFirst(before.count)) : word
            return quote == "\"" ? rest.map { "\"\\$`".contains($0) ? "\\\($0)" : String($0) }.joined() : rest.replacing("'", with: "'\\''")
        }
        var divided = ""
        var isEscaped = false
        var kept = ""
        for character in raw {
            kept.append(character)
            if !isEscaped, dividers.contains(character) { divided = kept }
            isEscaped = !isEscaped && character == "\\"
        }
        let escaped = Self.escaped(word)
        return escaped.hasPrefix(divided) ? String(escaped.dropFirst(divided.count)) : escaped
    }
}
