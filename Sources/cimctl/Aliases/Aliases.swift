import CIM
import CIMMOFFiles
import Glibc

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
/// A file has sections. `[NAME]` begins an alias; `Class=`, `Properties=`, `Where=`, `Key=`, `Namespace=` and `Description=` say what it is. Behind `#` or
/// `;` at the beginning of a line stands a comment.
struct Aliases: Sendable {
    /// What is wrong with a file.
    struct Fault: Hashable, Sendable {
        var file: String
        var line: Int
        var reason: String
    }

    private var known: [String: Alias] = [:]
    private(set) var faults: [Fault] = []

    var names: [String] { known.keys.sorted() }
    var all: [Alias] { known.values.sorted { $0.name < $1.name } }
    subscript(name: String) -> Alias? { known[name.lowercased()] }

    /// Where files of aliases are, the first to be read first: a later one replaces what an earlier one calls so. `CIMBUS_ALIASES` names other folders.
    static var folders: [String] {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
        if let own = variable("CIMBUS_ALIASES") { return own.split(separator: ":").map(String.init) }
        let home = variable("XDG_CONFIG_HOME") ?? variable("HOME").map { $0 + "/.config" }
        return ["/usr/share/cimbus/aliases.d", "/etc/cimbus/aliases.d"] + (home.map { [$0 + "/cimbus/aliases.d"] } ?? [])
    }

    /// Those of this machine and of this user.
    static func installed() -> Aliases {
        var aliases = Aliases()
        for folder in folders {
            for name in Folder.entries(of: folder) where name.hasSuffix(".conf") {
                let file = "\(folder)/\(name)"
                guard let text = Folder.text(of: file) else {
                    aliases.faults.append(Fault(file: file, line: 0, reason: "it cannot be read: \(String(cString: strerror(errno)))"))
                    continue
                }
                aliases.read(text, file)
            }
        }
        return aliases
    }

    /// Takes what a file defines. What is wrong with a line is a fault, and the rest of the file holds.
    mutating func read(_ text: String, _ file: String) {
        var open: Alias?
        var begun = 0
        func fault(_ line: Int, _ reason: String) { faults.append(Fault(file: file, line: line, reason: reason)) }
        func close() {
            guard let alias = open else { return }
            if alias.className.isEmpty { return fault(begun, "[\(alias.name)] has no Class=") }
            known[alias.name] = alias
        }
        for (position, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = Self.trimmed(raw)
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("[") {
                close()
                let name = line.dropFirst().prefix { $0 != "]" }.lowercased()
                open = nil
                guard line.hasSuffix("]"), name.count == line.count - 2, Self.isName(name) else {
                    fault(position + 1, "'\(line)' begins no alias: write [name], with letters, digits and -")
                    continue
                }
                open = Alias(name: name, file: file)
                begun = position + 1
                continue
            }
            guard let sign = line.firstIndex(of: "=") else {
                fault(position + 1, "'\(line)' is no Word=value")
                continue
            }
            guard open != nil else {
                // Of a section whose head is wrong that is said already.
                if begun == 0, !faults.contains(where: { $0.file == file }) { fault(position + 1, "'\(line)' stands in no [alias]") }
                continue
            }
            let value = Self.trimmed(line[line.index(after: sign)...])
            if let reason = Self.set(Self.trimmed(line[..<sign]), value, &open) { fault(position + 1, reason) }
        }
        close()
    }

    private static func set(_ word: String, _ value: String, _ alias: inout Alias?) -> String? {
        switch word {
        case "Class":
            guard CIMName.isValidIdentifier(value) else { return "'\(value)' is no name of a class" }
            alias?.className = value
        case "Properties":
            let names = value.split(separator: ",").map { trimmed($0) }
            guard names.allSatisfy(CIMName.isValidIdentifier) else { return "Properties= takes names with commas between them" }
            alias?.properties = names
        case "Where": alias?.condition = value.isEmpty ? nil : value
        case "Key":
            guard CIMName.isValidIdentifier(value) else { return "'\(value)' is no name of a property" }
            alias?.key = value
        case "Namespace":
            guard CIMNamespaceName(value) != nil else { return "'\(value)' is no namespace; write it like root/cimv2" }
            alias?.namespace = value
        case "Description": alias?.description = value
        default:
            let question = Suggestion.question(for: word, among: ["Class", "Properties", "Where", "Key", "Namespace", "Description"])
            return "nothing is called '\(word)'\(question.map { "; \($0)" } ?? "")"
        }
        return nil
    }

    private static func isName(_ name: String) -> Bool {
        name.utf8.first.map { $0 >= 0x61 && $0 <= 0x7A } ?? false
            && name.utf8.allSatisfy { $0 >= 0x61 && $0 <= 0x7A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2D }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let spaces: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        return String(String(text.drop(while: spaces)).reversed().drop(while: spaces).reversed())
    }
}

/// Folders and files of configuration.
enum Folder {
    /// The names in a folder, sorted; none where there is no such folder.
    static func entries(of path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// The text of a file, 1 MiB of it at most; nil where it cannot be read.
    static func text(of path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return ferror(file) == 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
