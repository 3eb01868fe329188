import CIM
import CIMMOFFiles

/// A short verb: a question about one class.
struct Alias: Hashable, Sendable {
    var name: String
    var className = ""
    /// What is shown; empty: everything.
    var properties: [String] = []
    /// What holds for those that are meant; nil: all instances.
    var condition: String?
    /// The property that a word behind the verb is compared with; nil: the class's key, where it has one only.
    var key: String?
    var namespace: String?
    var description = ""
    /// Where it is defined.
    var file = ""
}

/// The short verbs that the files of aliases define.
///
/// `[NAME]` begins an alias; `Class=`, `Properties=`, `Where=`, `Key=`, `Namespace=` and `Description=` say what it is.
struct Aliases: Sendable {
    private static let kind = SectionFile.Kind(noun: "alias", separator: "-")

    private var known: [String: Alias] = [:]
    private(set) var faults: [ConfigurationFault] = []

    var names: [String] { known.keys.sorted() }
    var all: [Alias] { known.values.sorted { $0.name < $1.name } }
    subscript(name: String) -> Alias? { known[name.lowercased()] }

    /// Those of this machine and of this user; `CIMBUS_ALIASES` names other folders.
    static func installed() -> Aliases {
        var aliases = Aliases()
        aliases.faults += Folder.read(Folder.configuration("aliases.d", orOf: "CIMBUS_ALIASES")) { aliases.read($0, $1) }
        return aliases
    }

    /// Takes what a file defines; a later one replaces what an earlier one calls so.
    mutating func read(_ text: String, _ file: String) {
        let content = SectionFile(text, file, Self.kind)
        var found = content.faults
        for section in content.sections {
            var alias = Alias(name: section.name, file: file)
            for entry in section.entries {
                guard let reason = Self.set(entry.word, entry.value, &alias) else { continue }
                found.append(ConfigurationFault(file: file, line: entry.line, reason: reason))
            }
            if alias.className.isEmpty {
                found.append(ConfigurationFault(file: file, line: section.line, reason: "[\(alias.name)] has no Class="))
            } else {
                known[alias.name] = alias
            }
        }
        faults += found.sorted { $0.line < $1.line }
    }

    private static func set(_ word: String, _ value: String, _ alias: inout Alias) -> String? {
        switch word {
        case "Class":
            guard CIMName.isValidIdentifier(value) else { return "'\(value)' is no name of a class" }
            alias.className = value
        case "Properties":
            let names = SectionFile.list(value)
            guard names.allSatisfy(CIMName.isValidIdentifier) else { return "Properties= takes names with commas between them" }
            alias.properties = names
        case "Where": alias.condition = value.isEmpty ? nil : value
        case "Key":
            guard CIMName.isValidIdentifier(value) else { return "'\(value)' is no name of a property" }
            alias.key = value
        case "Namespace":
            guard CIMNamespaceName(value) != nil else { return "'\(value)' is no namespace; write it like root/cimv2" }
            alias.namespace = value
        case "Description": alias.description = value
        default:
            let question = Suggestion.question(for: word, among: ["Class", "Properties", "Where", "Key", "Namespace", "Description"])
            return "nothing is called '\(word)'\(question.map { "; \($0)" } ?? "")"
        }
        return nil
    }
}
