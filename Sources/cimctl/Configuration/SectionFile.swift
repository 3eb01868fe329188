/// What is wrong with a file of configuration.
struct ConfigurationFault: Hashable, Sendable {
    var file: String
    var line: Int
    var reason: String

    var text: String { "\(file):\(line): \(reason)" }
}

/// A file that defines things by sections: `[name]` begins one, and lines `Word=value` say what it is. Behind `#` or `;` at the beginning of a line
/// stands a comment. What is wrong with a line is a fault, and the rest of the file holds.
struct SectionFile {
    /// What the sections define.
    struct Kind: Sendable {
        /// As messages call it.
        var noun: String
        /// What a name may have beside small letters and digits.
        var separator: Character
    }

    struct Entry: Sendable {
        var word: String
        var value: String
        var line: Int
    }

    struct Section: Sendable {
        var name: String
        var line: Int
        var entries: [Entry] = []
    }

    private(set) var sections: [Section] = []
    private(set) var faults: [ConfigurationFault] = []

    init(_ text: String, _ file: String, _ kind: Kind) {
        var isIn = false
        // Of lines below a head that is wrong nothing more is said.
        var isSaid = false
        func fault(_ line: Int, _ reason: String) { faults.append(ConfigurationFault(file: file, line: line, reason: reason)) }
        for (position, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let (line, number) = (Self.trimmed(raw), position + 1)
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("[") {
                let name = line.dropFirst().prefix { $0 != "]" }.lowercased()
                isIn = line.hasSuffix("]") && name.count == line.count - 2 && Self.isName(name, kind)
                if isIn {
                    sections.append(Section(name: name, line: number))
                } else {
                    isSaid = true
                    fault(number, "'\(line)' begins no \(kind.noun): write [name], with letters, digits and \(kind.separator)")
                }
                continue
            }
            guard let sign = line.firstIndex(of: "=") else {
                fault(number, "'\(line)' is no Word=value")
                continue
            }
            guard isIn, !sections.isEmpty else {
                if !isSaid { fault(number, "'\(line)' stands in no [\(kind.noun)]") }
                isSaid = true
                continue
            }
            sections[sections.count - 1].entries.append(
                Entry(word: Self.trimmed(line[..<sign]), value: Self.trimmed(line[line.index(after: sign)...]), line: number))
        }
    }

    private static func isName(_ name: String, _ kind: Kind) -> Bool {
        name.first.map { $0 >= "a" && $0 <= "z" } ?? false
            && name.allSatisfy { $0 >= "a" && $0 <= "z" || $0 >= "0" && $0 <= "9" || $0 == kind.separator }
    }

    /// Names with commas between them.
    static func list(_ value: String) -> [String] { value.split(separator: ",").map { trimmed($0) } }

    static func trimmed(_ text: some StringProtocol) -> String {
        let spaces: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        return String(String(text.drop(while: spaces)).reversed().drop(while: spaces).reversed())
    }
}
