/// The words of the command line before they are parsed.
enum CommandWords {
    /// What every command that asks a broker takes, with a value.
    static let options = [
        "--address", "--namespace", "-n", "--output", "-o", "--timeout", "--watch", "--host", "-H", "--parallel",
    ]
    /// And without one.
    static let flags = ["--system", "--session", "--no-ask-password", "--no-pager", "--raw", "--words"]

    /// With the options that stand before the verb, or between its words, behind it, where they are parsed.
    /// - Parameter isVerb: whether these words, in this order, are a verb or its beginning; of the first word it is not asked: it may be an alias.
    static func arranged(_ words: [String], isVerb: ([String]) -> Bool) -> [String] {
        var verb: [String] = []
        var moved: [String] = []
        var rest = words[...]
        while let word = rest.first {
            let name = String(word.prefix { $0 != "=" })
            if options.contains(name) {
                let count = word.contains("=") ? 1 : 2
                moved += rest.prefix(count)
                rest = rest.dropFirst(count)
            } else if flags.contains(word) {
                moved.append(word)
                rest = rest.dropFirst()
            } else if !word.hasPrefix("-"), verb.isEmpty || isVerb(verb + [word]) {
                verb.append(word)
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        return verb + moved + rest
    }
}
