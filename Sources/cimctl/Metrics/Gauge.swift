import CIM

/// Numbers of the instances of one class, which Prometheus gets as gauges: one for each of the properties in ``values``.
struct Gauge: Hashable, Sendable {
    /// A property, and what it is called in the metrics.
    struct Column: Hashable, Sendable {
        var property: String
        var name: String
    }

    static let mostRows = 10_000

    var name: String
    var className = ""
    var values: [Column] = []
    /// What tells one instance from another; nil: the keys of the class.
    var labels: [Column]?
    /// What holds for those that are meant; nil: all instances.
    var condition: String?
    var namespace: String?
    var help = ""
    /// How many instances it may have.
    var rows = 1_000
    var file = ""
    /// Where each word of it stands; that of the section itself is "".
    var lines: [String: Int] = [:]
    /// Whether something of it is wrong: then nobody is asked.
    var isBroken = false

    /// What the metric of a value is called.
    func metric(_ value: Column) -> String { "cim_\(name)_\(value.name)" }

    func fault(at word: String, _ reason: String) -> ConfigurationFault {
        ConfigurationFault(file: file, line: lines[word] ?? lines[""] ?? 0, reason: "[\(name)]: \(reason)")
    }
}

/// The gauges that the files of metrics define.
///
/// `[NAME]` begins one; `Class=`, `Values=`, `Labels=`, `Where=`, `Namespace=`, `Help=` and `Rows=` say what it is.
struct Gauges: Sendable {
    /// As many are asked, all at the same time.
    static let most = 64
    private static let kind = SectionFile.Kind(noun: "gauge", separator: "_")
    private static let words = ["Class", "Values", "Labels", "Where", "Namespace", "Help", "Rows"]

    private var known: [String: Gauge] = [:]
    private(set) var faults: [ConfigurationFault] = []

    /// Also those of which something is wrong.
    var all: [Gauge] { known.values.sorted { $0.name < $1.name } }

    /// Those of this machine and of this user; `CIMBUS_METRICS` names other folders.
    static func installed() -> Gauges {
        var gauges = Gauges()
        gauges.faults += Folder.read(Folder.configuration("metrics.d", orOf: "CIMBUS_METRICS")) { gauges.read($0, $1) }
        gauges.checkTogether()
        return gauges
    }

    /// Takes what a file defines; a later one replaces what an earlier one calls so.
    mutating func read(_ text: String, _ file: String) {
        let content = SectionFile(text, file, Self.kind)
        var found = content.faults
        for section in content.sections {
            var gauge = Gauge(name: section.name, file: file)
            gauge.lines[""] = section.line
            var faults: [ConfigurationFault] = []
            for entry in section.entries {
                gauge.lines[entry.word] = entry.line
                guard let reason = Self.set(entry.word, entry.value, &gauge) else { continue }
                faults.append(ConfigurationFault(file: file, line: entry.line, reason: reason))
            }
            if faults.isEmpty {
                if gauge.className.isEmpty { faults.append(gauge.fault(at: "", "it has no Class=")) }
                if gauge.values.isEmpty { faults.append(gauge.fault(at: "", "it has no Values=, the properties whose numbers are meant")) }
            }
            gauge.isBroken = !faults.isEmpty
            known[gauge.name] = gauge
            found += faults
        }
        faults += found.sorted { $0.line < $1.line }
    }

    /// What is wrong only beside the others: metrics of one name, and too many gauges.
    mutating func checkTogether() {
        var owners: [String: String] = [:]
        for (position, gauge) in all.enumerated() where !gauge.isBroken {
            var reason = position < Self.most ? nil : "it is one more than \(Self.most) gauges: leave some out"
            for metric in gauge.values.map(gauge.metric) {
                if let owner = owners[metric] { reason = reason ?? "[\(owner)] has the metric \(metric), too: rename one" }
                owners[metric] = gauge.name
            }
            guard let reason else { continue }
            faults.append(gauge.fault(at: "Values", reason))
            known[gauge.name]?.isBroken = true
        }
    }

    private static func set(_ word: String, _ value: String, _ gauge: inout Gauge) -> String? {
        switch word {
        case "Class":
            guard CIMName.isValidIdentifier(value) else { return "'\(value)' is no name of a class" }
            gauge.className = value
        case "Values", "Labels":
            var columns: [Gauge.Column] = []
            for text in SectionFile.list(value) {
                guard let column = column(text) else {
                    return "'\(text)' is no property: write Name, or Name as name, where the second has small letters, digits and _"
                }
                if columns.contains(where: { $0.name == column.name }) {
                    return "'\(column.name)' is there twice: give one another name with 'as'"
                }
                columns.append(column)
            }
            if columns.isEmpty { return "\(word)= takes properties with commas between them" }
            if word == "Values" { gauge.values = columns } else { gauge.labels = columns }
        case "Where": gauge.condition = value.isEmpty ? nil : value
        case "Namespace":
            guard CIMNamespaceName(value) != nil else { return "'\(value)' is no namespace; write it like root/cimv2" }
            gauge.namespace = value
        // The two formats of the text write a quote in it in different ways.
        case "Help": gauge.help = value.replacing("\"", with: "'")
        case "Rows":
            guard let rows = Int(value), (1...Gauge.mostRows).contains(rows) else {
                return "Rows= takes a number from 1 to \(Gauge.mostRows)"
            }
            gauge.rows = rows
        default:
            return "nothing is called '\(word)'\(Suggestion.question(for: word, among: words).map { "; \($0)" } ?? "")"
        }
        return nil
    }

    /// `Name`, or `Name as name`.
    private static func column(_ text: String) -> Gauge.Column? {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        guard words.count == 1 || words.count == 3 && words[1] == "as", CIMName.isValidIdentifier(words[0]) else { return nil }
        let name = words.count == 3 ? words[2] : snakeCase(words[0])
        let isName =
            name.allSatisfy { $0 >= "a" && $0 <= "z" || $0 >= "0" && $0 <= "9" || $0 == "_" }
            && name.first.map { !("0"..."9").contains($0) } == true && !name.hasPrefix("__")
        return isName ? Gauge.Column(property: words[0], name: name) : nil
    }

    /// `AvailableSpace` is `available_space`, and `MainPID` is `main_pid`.
    static func snakeCase(_ name: String) -> String {
        func isCapital(_ letter: Character) -> Bool { letter >= "A" && letter <= "Z" }
        let letters = Array(name)
        var text = ""
        for (position, letter) in letters.enumerated() {
            let before = position > 0 ? letters[position - 1] : "_"
            let after = position + 1 < letters.count ? letters[position + 1] : "_"
            let beginsWord = isCapital(letter) && before != "_" && (!isCapital(before) || after >= "a" && after <= "z")
            text += (beginsWord ? "_" : "") + letter.lowercased()
        }
        return text
    }
}
