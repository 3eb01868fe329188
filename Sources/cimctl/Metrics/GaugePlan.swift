import CIM

/// A gauge beside the declaration of its class: whether the properties are there and are what they have to be, and what is asked.
struct GaugePlan: Sendable {
    let gauge: Gauge
    /// Each property as the class spells it.
    let values: [Gauge.Column]
    let labels: [Gauge.Column]

    /// Throws a fault with file and line where the class has no such property, or has another kind of it.
    init(_ gauge: Gauge, _ declaration: CIMClass) throws(GaugeFault) {
        self.gauge = gauge
        func find(_ column: Gauge.Column, _ word: String) throws(GaugeFault) -> CIMProperty {
            if let found = declaration.property(named: column.property) { return found }
            let known = declaration.properties.map(\.name)
            throw GaugeFault(gauge.fault(at: word, Suggestion.missing(column.property, "class \(declaration.name)", among: known)))
        }
        var values: [Gauge.Column] = []
        for column in gauge.values {
            let property = try find(column, "Values")
            let type = property.type
            guard !type.isArray, type.base.isInteger || type.base.isReal || type.base == .boolean else {
                throw GaugeFault(gauge.fault(at: "Values", "\(property.name) is \(type), and no number; a text may be among Labels="))
            }
            values.append(Gauge.Column(property: property.name, name: column.name))
        }
        var labels: [Gauge.Column] = []
        for column in gauge.labels ?? declaration.keyNames.map({ Gauge.Column(property: $0, name: Gauges.snakeCase($0)) }) {
            let property = try find(column, "Labels")
            guard !property.type.isArray, property.type.base != .object else {
                throw GaugeFault(
                    gauge.fault(at: "Labels", "\(property.name) is \(property.type), which is no label: it has to be one value"))
            }
            labels.append(Gauge.Column(property: property.name, name: column.name))
        }
        (self.values, self.labels) = (values, labels)
    }

    var query: String {
        var seen: Set<CIMName> = []
        let names = (values + labels).map(\.property).filter { seen.insert(CIMName($0)).inserted }
        return "SELECT \(names.joined(separator: ", ")) FROM \(gauge.className)" + (gauge.condition.map { " WHERE \($0)" } ?? "")
    }
}

/// What is wrong with a gauge, with its file and line.
struct GaugeFault: Error {
    let fault: ConfigurationFault

    init(_ fault: ConfigurationFault) { self.fault = fault }
}

/// The instances of a gauge, as samples.
struct GaugeRows: Sendable {
    /// The longest text that is a label; the rest is cut off.
    static let longestLabel = 256

    struct Row: Sendable {
        var labels: [String]
        /// In the order of the plan's; nil for NULL, which is no sample.
        var values: [String?]
    }

    private let plan: GaugePlan
    private var seen: Set<[String]> = []
    private(set) var rows: [Row] = []
    /// Why something is missing; the first reason counts.
    private(set) var fault: ConfigurationFault?

    init(_ plan: GaugePlan) { self.plan = plan }

    /// - Returns: whether more may come.
    mutating func add(_ instance: CIMInstance) -> Bool {
        let gauge = plan.gauge
        guard rows.count < gauge.rows else {
            fault = gauge.fault(
                at: "Rows", "there are more than \(gauge.rows) instances, and the rest is left out: say which by Where=, or give more Rows="
            )
            return false
        }
        let labels = plan.labels.map { Self.label(instance[$0.property] ?? .null) }
        guard seen.insert(labels).inserted else {
            let words = zip(plan.labels, labels).map { "\($0.name)=\($1)" }.joined(separator: ", ")
            fault =
                fault
                ?? gauge.fault(at: "Labels", "several instances have the labels \(words), and only the first counts: give more Labels=")
            return true
        }
        rows.append(Row(labels: labels, values: plan.values.map { Self.number(instance[$0.property] ?? .null) }))
        return true
    }

    private static func label(_ value: CIMValue) -> String {
        let text = value.isNull ? "" : InstanceTable.cell(value)
        return text.unicodeScalars.count <= longestLabel ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(longestLabel)))
    }

    /// As Prometheus reads numbers.
    static func number(_ value: CIMValue) -> String? {
        func real(_ number: Double, _ text: String) -> String {
            number.isNaN ? "NaN" : number.isInfinite ? (number < 0 ? "-Inf" : "+Inf") : text
        }
        return switch value {
        case .boolean(let flag): flag ? "1" : "0"
        case .real32(let number): real(Double(number), "\(number)")
        case .real64(let number): real(number, "\(number)")
        case .uint64(let number): "\(number)"
        default: value.int64Value.map { "\($0)" }
        }
    }
}
