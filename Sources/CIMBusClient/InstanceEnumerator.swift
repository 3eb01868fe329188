import CIM
import CIMBusWire
import DBus

/// What one pull gave.
public struct PulledInstances: Sendable {
    public var instances: [CIMInstance]
    /// Nothing comes after these (WBEM_S_FALSE).
    public var isAtEnd: Bool
    /// The time ran out before as many as asked were there (WBEM_S_TIMEDOUT); call again.
    public var isTimedOut: Bool
}

/// Results that the broker keeps until they are pulled (IEnumWbemClassObject, forward only; SEMANTICS A.6).
///
/// One that nobody pulls from for 60 s while its buffer is full ends with ClientTooSlow.
public actor InstanceEnumerator {
    private let object: SemisyncObject
    private var decoder: InstanceDecoder
    private var isAtEnd = false

    init(_ object: SemisyncObject, _ decoder: InstanceDecoder) {
        self.object = object
        self.decoder = decoder
    }

    /// The next instances, at most `count`. Throws how the enumeration failed, after everything that came before.
    /// - Parameter timeout: nil: until they are there (WBEM_INFINITE); zero: those that are there (WBEM_NO_WAIT).
    public func next(_ count: Int, timeout: Duration? = nil) async throws(CIMError) -> PulledInstances {
        guard count > 0, !isAtEnd else { return PulledInstances(instances: [], isAtEnd: isAtEnd, isTimedOut: false) }
        let deadline = timeout.map { ContinuousClock.now + $0 }
        var instances: [CIMInstance] = []
        while true {
            let left = deadline.map { $0 - .now } ?? SemisyncObject.longestWait
            let wanted = UInt32(clamping: count - instances.count)
            let (status, start) = try await object.call("Next", waiting: left, "uaa{sv}", count: wanted)
            var learnt = decoder
            instances += try await object.session.decode(&learnt, what: "an instance") { decoder in
                var reader = start
                return try decoder.readInstances(&reader)
            }
            decoder = learnt
            switch status {
            case .noError: return PulledInstances(instances: instances, isAtEnd: false, isTimedOut: false)
            case .sFalse:
                isAtEnd = true
                return PulledInstances(instances: instances, isAtEnd: true, isTimedOut: false)
            case .sTimedOut:
                if instances.count >= count { return PulledInstances(instances: instances, isAtEnd: false, isTimedOut: false) }
                if let deadline, deadline <= .now { return PulledInstances(instances: instances, isAtEnd: false, isTimedOut: true) }
            default:
                // The objects before the failure come first; the next pull hears of it again.
                if !instances.isEmpty, !status.isSuccess { return PulledInstances(instances: instances, isAtEnd: false, isTimedOut: false) }
                throw await object.failure(status)
            }
        }
    }

    /// Drops instances unseen. Answers whether there were as many in time.
    @discardableResult
    public func skip(_ count: Int, timeout: Duration? = nil) async throws(CIMError) -> Bool {
        let left = timeout ?? SemisyncObject.longestWait
        let (status, _) = try await object.call("Skip", waiting: left, "u", count: UInt32(clamping: count))
        guard status.isSuccess else { throw await object.failure(status) }
        return status == .noError
    }

    /// Ends the enumeration, cancelled if it is open.
    public func close() async { await object.close() }
}
