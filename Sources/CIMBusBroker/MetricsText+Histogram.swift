import CIMBusWire

extension MetricsText {
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

    /// µs as seconds, with a point: "0.0025".
    static func seconds(_ microseconds: Int64) -> String {
        let (whole, rest) = max(0, microseconds).quotientAndRemainder(dividingBy: 1_000_000)
        var digits = "\(rest + 1_000_000)".dropFirst()
        while digits.last == "0", digits.count > 1 { digits = digits.dropLast() }
        return "\(whole).\(digits)"
    }
}
