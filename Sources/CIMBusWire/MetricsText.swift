/// Writes metrics as text, in one of the formats that Prometheus and what is like it read.
///
/// The two formats disagree about the name of a counter in its TYPE line: OpenMetrics has it without `_total`, and the older text format with it.
package struct MetricsText {
    package enum Format {
        /// OpenMetrics 1.0.
        case openMetrics
        /// The text format 0.0.4: what `promtool check metrics` and node_exporter's textfile collector read.
        case text
        /// Both of them at once: counters have no TYPE line, and are of unknown type to whoever reads it.
        case common

        package var contentType: String {
            switch self {
            case .openMetrics, .common: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            case .text: "text/plain; version=0.0.4; charset=utf-8"
            }
        }
    }

    private let format: Format
    package private(set) var text = ""

    package init(_ format: Format) { self.format = format }

    package typealias Labels = [(name: String, value: String)]

    /// Numbers that only grow. `name` is without `_total`.
    package mutating func counter(_ name: String, _ help: String, _ samples: [(labels: Labels, value: UInt64)]) {
        switch format {
        case .openMetrics: head(name, "counter", help)
        case .text: head(name + "_total", "counter", help)
        case .common: head(name + "_total", nil, help)
        }
        for sample in samples { line(name + "_total", sample.labels, "\(sample.value)") }
    }

    package mutating func counter(_ name: String, _ help: String, _ value: UInt64) { counter(name, help, [([], value)]) }

    package mutating func gauge(_ name: String, _ help: String, _ samples: [(labels: Labels, value: String)]) {
        head(name, "gauge", help)
        for sample in samples { line(name, sample.labels, sample.value) }
    }

    package mutating func gauge(_ name: String, _ help: String, _ value: some BinaryInteger) { gauge(name, help, [([], "\(value)")]) }

    /// The whole text.
    package mutating func finish() -> String {
        if format != .text { text += "# EOF\n" }
        return text
    }

    /// The lines before the samples of a metric. `type` is nil where the two formats disagree about its name.
    package mutating func head(_ name: String, _ type: String?, _ help: String) {
        text += "# HELP \(name) \(Self.escaped(help))\n"
        if let type { text += "# TYPE \(name) \(type)\n" }
    }

    /// One sample.
    package mutating func line(_ name: String, _ labels: Labels, _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
