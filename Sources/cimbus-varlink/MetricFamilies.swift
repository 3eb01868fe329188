/// What the broker counts, read from its text (`Broker.GetMetrics`), as families of samples.
struct MetricFamilies: Sendable {
    enum Kind: String, Sendable {
        case counter
        case gauge
    }

    struct Sample: Hashable, Sendable {
        var labels: [Label]
        /// A number, as JSON writes it.
        var value: String
    }

    struct Label: Hashable, Sendable {
        var name: String
        var value: String
    }

    struct Family: Sendable {
        /// Without the `cimbus_` in front.
        var name: String
        var description: String
        var kind: Kind
        var samples: [Sample] = []
    }

    /// In the order of the text.
    private(set) var families: [Family] = []

    /// A line that is none is left out.
    init(_ text: String) {
        var help: [Substring: String] = [:]
        var types: [Substring: Substring] = [:]
        var places: [Substring: Int] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            if words.first == "#" {
                guard words.count == 4 else { continue }
                if words[1] == "HELP" { help[words[2]] = Self.unescaped(words[3]) }
                if words[1] == "TYPE" { types[words[2]] = words[3] }
                continue
            }
            guard let (name, sample) = Self.sample(line) else { continue }
            if let place = places[name] {
                families[place].samples.append(sample)
                continue
            }
            // The parts of a histogram have its help.
            let parts = ["_bucket", "_count", "_sum"]
            let whole = help[name] != nil ? name : parts.first { name.hasSuffix($0) }.map { name.dropLast($0.count) } ?? name
            places[name] = families.count
            families.append(
                Family(
                    name: String(name.hasPrefix("cimbus_") ? name.dropFirst("cimbus_".count) : name), description: help[whole] ?? "",
                    kind: types[name] == "gauge" ? .gauge : .counter, samples: [sample]))
        }
    }

    /// `name{label="value",…} number`
    private static func sample(_ line: Substring) -> (name: Substring, sample: Sample)? {
        let name = line.prefix { $0 != "{" && $0 != " " }
        var rest = line[name.endIndex...]
        var labels: [Label] = []
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = rest.prefix { $0 != "=" }
                rest = rest[label.endIndex...].dropFirst()
                guard rest.first == "\"" else { return nil }
                rest = rest.dropFirst()
                let start = rest.startIndex
                while let letter = rest.first, letter != "\"" { rest = rest.dropFirst(letter == "\\" ? 2 : 1) }
                labels.append(Label(name: String(label), value: unescaped(rest.base[start..<rest.startIndex])))
                guard rest.first == "\"" else { return nil }
                rest = rest.dropFirst()
                if rest.first == "," { rest = rest.dropFirst() }
            }
            rest = rest.dropFirst()
        }
        let value = rest.drop { $0 == " " }
        // JSON has no infinite numbers.
        guard !name.isEmpty, let number = Double(value), number.isFinite, value.first != "+", value.first != "." else { return nil }
        return (name, Sample(labels: labels, value: String(value)))
    }

    private static func unescaped(_ text: Substring) -> String {
        var result = ""
        var rest = text
        while let letter = rest.popFirst() {
            guard letter == "\\", let next = rest.popFirst() else {
                result.append(letter)
                continue
            }
            result.append(next == "n" ? "\n" : next)
        }
        return result
    }
}
