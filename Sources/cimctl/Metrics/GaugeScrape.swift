import CIMBusClient
import CIMBusWire

/// Asks for the instances of all gauges at the same time, until one deadline. What is there by then counts, and what is missing is marked.
struct GaugeScrape {
    /// Of one gauge.
    struct Reading: Sendable {
        var gauge: Gauge
        var plan: GaugePlan?
        var rows: [GaugeRows.Row] = []
        /// Nil: everything is there.
        var fault: ConfigurationFault?
    }

    private let session: Session
    /// Nil: as long as the broker lets it.
    private let deadline: ContinuousClock.Instant?

    init(_ session: Session, until deadline: ContinuousClock.Instant?) {
        self.session = session
        self.deadline = deadline
    }

    /// In the order of the gauges.
    func readings(of gauges: [Gauge]) async -> [Reading] {
        await withTaskGroup(of: (Int, Reading).self) { group in
            for (position, gauge) in gauges.enumerated() where !gauge.isBroken {
                group.addTask { [self] in (position, await reading(of: gauge)) }
            }
            var readings = gauges.map { Reading(gauge: $0) }
            for await (position, reading) in group { readings[position] = reading }
            return readings
        }
    }

    private func reading(of gauge: Gauge) async -> Reading {
        let session = gauge.namespace.flatMap { CIMNamespaceName($0) }.map { self.session.session(for: $0) } ?? session
        var reading = Reading(gauge: gauge)
        do {
            let plan = try GaugePlan(gauge, try await session.getClass(gauge.className, timeout: rest))
            reading.plan = plan
            var rows = GaugeRows(plan)
            defer {
                reading.rows = rows.rows
                reading.fault = reading.fault ?? rows.fault
            }
            for try await instance in session.execQuery(plan.query, options: OperationOptions(timeout: rest)) {
                guard rows.add(instance) else { break }
            }
        } catch let error as GaugeFault {
            reading.fault = error.fault
        } catch {
            reading.fault = gauge.fault(at: Self.word(for: error), Self.text(of: error))
        }
        return reading
    }

    /// At least a moment: 0 would be no limit.
    private var rest: Duration? { deadline.map { max(.milliseconds(1), ContinuousClock.now.duration(to: $0)) } }

    /// Which word of the gauge an error is about.
    private static func word(for error: any Error) -> String {
        switch (error as? CIMError)?.status {
        case .invalidClass, .notFound: "Class"
        case .invalidNamespace: "Namespace"
        case .invalidQuery: "Where"
        default: ""
        }
    }

    private static func text(of error: any Error) -> String {
        guard let error = error as? CIMError else { return "\(error)" }
        let provider = FailureReport.provider(of: error).map { "; provider: \($0)" } ?? ""
        return "\(error.status.hex) \(error.status.errorName ?? error.status.name ?? "unnamed"): \(error.message)\(provider)"
    }
}

extension [GaugeScrape.Reading] {
    static let completeness = "cimbus_query_complete"

    func write(to text: inout MetricsText) {
        for reading in self {
            guard let plan = reading.plan else { continue }
            for (position, value) in plan.values.enumerated() {
                let help = reading.gauge.help.isEmpty ? "\(value.property) of \(reading.gauge.className)." : reading.gauge.help
                let samples = reading.rows.compactMap { row in
                    row.values[position].map { number in
                        (labels: zip(plan.labels, row.labels).map { (name: $0.name, value: $1) }, value: number)
                    }
                }
                text.gauge(reading.gauge.metric(value), help, samples)
            }
        }
        guard !isEmpty else { return }
        text.gauge(
            Self.completeness, "Whether everything of a gauge of metrics.d is there (1), or something is missing (0).",
            map { ([("name", $0.gauge.name)], $0.gauge.isBroken || $0.fault != nil ? "0" : "1") })
    }
}
