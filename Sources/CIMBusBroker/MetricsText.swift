/// Writes metrics as text, in one of the formats that Prometheus and what is like it read.
///
/// The two formats disagree about the name of a counter in its TYPE line: OpenMetrics has it without `_total`, and the older text format with it.
struct MetricsText {
    enum Format {
        /// OpenMetrics 1.0.
        case openMetrics
        /// The text format 0.0.4: what `promtool check metrics` and node_exporter's textfile collector read.
        case text
        /// Both of them at once: counters have no TYPE line, and are of unknown type to whoever reads it.
        case common

        var contentType: String {
            switch self {
            case .openMetrics, .common: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            case .text: "text/plain; version=0.0.4; charset=utf-8"
            }
        }
    }

    private let format: Format
    private(set) var text = ""

    init(_ format: Format) { self.format = format }

    typealias Labels = [(name: String, value: String)]

    /// Numbers that only grow. `name` is without `_total`.
    mutating func counter(_ name: String, _ help: String, _ samples: [(labels: Labels, value: UInt64)]) {
        switch format {
        case .openMetrics: head(name, "counter", help)
        case .text: head(name + "_total", "counter", help)
        case .common: head(name + "_total", nil, help)
        }
        for sample in samples { line(name + "_total", sample.labels, "\(sample.value)") }
    }

    mutating func counter(_ name: String, _ help: String, _ value: UInt64) { counter(name, help, [([], value)]) }

    mutating func gauge(_ name: String, _ help: String, _ samples: [(labels: Labels, value: String)]) {
        head(name, "gauge", help)
        for sample in samples { line(name, sample.labels, sample.value) }
    }

    mutating func gauge(_ name: String, _ help: String, _ value: some BinaryInteger) { gauge(name, help, [([], "\(value)")]) }

    /// Times; `name` ends with `_seconds`.
    mutating func histogram(_ name: String, _ help: String, _ samples: [(labels: Labels, value: Metrics.Histogram)]) {
        head(name, "histogram", help)
        for (labels, histogram) in samples {
            var count: UInt64 = 0
            for (index, part) in histogram.counts.enumerated() {
                count &+= part
                let bound = index < Metrics.Histogram.bounds.count ? Self.seconds(Metrics.Histogram.bounds[index]) : "+Inf"
                line(name + "_bucket", labels + [("le", bound)], "\(count)")
            }
            line(name + "_count", labels, "\(count)")
            line(name + "_sum", labels, Self.seconds(histogram.sum))
        }
    }

    /// The whole text.
    mutating func finish() -> String {
        if format != .text { text += "# EOF\n" }
        return text
    }

    private mutating func head(_ name: String, _ type: String?, _ help: String) {
        text += "# HELP \(name) \(Self.escaped(help))\n"
        if let type { text += "# TYPE \(name) \(type)\n" }
    }

    private mutating func line(_ name: String, _ labels: Labels, _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    /// µs as seconds, with a point: "0.0025".
    static func seconds(_ microseconds: Int64) -> String {
        let (whole, rest) = max(0, microseconds).quotientAndRemainder(dividingBy: 1_000_000)
        var digits = "\(rest + 1_000_000)".dropFirst()
        while digits.last == "0", digits.count > 1 { digits = digits.dropLast() }
        return "\(whole).\(digits)"
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
