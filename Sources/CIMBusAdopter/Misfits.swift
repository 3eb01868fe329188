import CIM
import Logging
import Synchronization

/// Values of services that did not fit their properties and became NULL: counted, and each property said once.
public final class Misfits: Sendable {
    private struct State {
        var counts: [String: Int] = [:]
        var total = 0
    }

    private let state = Mutex(State())
    private let logger: Logger

    public init(_ logger: Logger) { self.logger = logger }

    /// How many there were.
    public var count: Int { state.withLock { $0.total } }

    func record(_ className: String, _ property: String, _ why: String) {
        let isFirst = state.withLock { state in
            state.total += 1
            state.counts["\(className).\(property)", default: 0] += 1
            return state.counts["\(className).\(property)"] == 1
        }
        if isFirst { logger.warning("\(className).\(property) is NULL where the service's value does not fit: \(why) (said once)") }
    }
}
