import Histogram

/// Percentiles of many short times, in nanoseconds.
struct Latency {
    private var histogram = Histogram<UInt64>(
        lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)

    init(_ nanoseconds: some Sequence<UInt64>) {
        for time in nanoseconds { histogram.record(max(1, time)) }
    }

    func microseconds(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1_000 }

    var text: String { "p50 \(fixed(microseconds(50))) µs, p99 \(fixed(microseconds(99))) µs" }
}

/// One decimal, or two for what is smaller than ten.
func fixed(_ value: Double) -> String {
    let scale = value < 10 ? 100.0 : 10.0
    return "\((value * scale).rounded() / scale)"
}

func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
}
