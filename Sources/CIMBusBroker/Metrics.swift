import CIM
import CIMBusCore

/// What the broker counts beside the core's counters: how operations end, how long providers take, and who waits for what.
///
/// It is bounded: the kinds and the statuses are those that there are, and of providers the first so many have a name of their own.
struct Metrics {
    struct Ending: Hashable {
        let kind: String
        let status: String
    }

    /// How many took at most so long.
    struct Histogram {
        /// In µs: bounds that tell a local call from a slow one, and both from one that hangs.
        static let bounds: [Microseconds] = [
            1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 30_000_000,
        ]
        /// Of each bound those that the one before it has not; the last: of none.
        private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
        private(set) var sum: Microseconds = 0

        mutating func add(_ time: Microseconds) {
            let index = Self.bounds.firstIndex { time <= $0 } ?? Self.bounds.count
            counts[index] &+= 1
            sum = sum.addingReportingOverflow(max(0, time)).partialValue
        }

        mutating func add(_ other: Self) {
            for (index, count) in other.counts.enumerated() { counts[index] &+= count }
            sum = sum.addingReportingOverflow(other.sum).partialValue
        }
    }

    /// How often each came, in the order in which they came first.
    private(set) var endings: [(key: Ending, value: UInt64)] = []
    private var endingPlaces: [Ending: Int] = [:]
    private var lastEnding = 0
    /// From the call to the end of what the call was for.
    private(set) var latencies: [RegistrationID: Histogram] = [:]
    private(set) var waits: [String: UInt64] = [:]
    private(set) var deliveredBytes: UInt64 = 0
    /// Those of the statuses that have come, for each call ends with one.
    private var names: [WBEMStatus: String] = [:]
    /// Calls that have not ended, by the operation, or its part, for which they were made.
    private var calls: [OperationID: (registration: RegistrationID, at: Microseconds)] = [:]

    private static let mostCalls = 65_536
    private static let mostProviders = 64
    /// Whom calls belong to that no registration has a histogram for.
    static let others = RegistrationID(.max)

    mutating func count(delivered sizes: [UInt32]) {
        for size in sizes { deliveredBytes &+= UInt64(size) }
    }

    /// - Parameter beginning: the method of an operation, and when it began.
    mutating func add(_ steps: [FlightStep], _ beginning: (OperationID) -> (member: String, began: Microseconds)?) {
        for step in steps {
            let id = step.part ?? step.operation
            switch step.what {
            case .waitsForProcess: waits["process", default: 0] &+= 1
            case .waitsForCall: waits["call", default: 0] &+= 1
            case .blocked(let cause): waits["credit-\(cause)", default: 0] &+= 1
            case .called(let registration, _):
                if calls.count < Self.mostCalls { calls[id] = (registration, step.at) }
            case .ended(let status, _): end(step, id, name(of: status), beginning)
            case .abandoned: end(step, id, "Abandoned", beginning)
            default: break
            }
        }
    }

    private mutating func end(
        _ step: FlightStep, _ id: OperationID, _ status: String, _ beginning: (OperationID) -> (member: String, began: Microseconds)?
    ) {
        if let call = calls.removeValue(forKey: id) {
            let isKnown = latencies[call.registration] != nil || latencies.count < Self.mostProviders
            latencies[isKnown ? call.registration : Self.others, default: Histogram()].add(step.at - call.at)
        }
        guard step.part == nil, let (member, _) = beginning(step.operation) else { return }
        count(Ending(kind: member, status: status))
    }

    private mutating func count(_ ending: Ending) {
        // Most end as the one before.
        if lastEnding >= endings.count || endings[lastEnding].key != ending {
            lastEnding = endingPlaces[ending] ?? endings.count
            if lastEnding == endings.count {
                endingPlaces[ending] = lastEnding
                endings.append((ending, 0))
            }
        }
        endings[lastEnding].value &+= 1
    }

    /// As errors on the bus are called: NotFound, NoError. A provider may report any number.
    private mutating func name(of status: WBEMStatus) -> String {
        if let known = names[status] { return known }
        guard let constant = status.name else { return "Other" }
        let name =
            status.errorName ?? constant.split(separator: "_").dropFirst(2).map { $0.prefix(1) + $0.dropFirst().lowercased() }.joined()
        names[status] = name
        return name
    }
}
