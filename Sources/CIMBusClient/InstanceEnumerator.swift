import CIM
import CIMBusWire
import DBus

/// The instances that one pull gave, and why there are not more.
public struct PulledInstances: Sendable {
    public var instances: [CIMInstance]
    /// Whether no instance comes after these (WBEM_S_FALSE).
    public var isAtEnd: Bool
    /// Whether the time ran out before as many instances were there as were asked for (WBEM_S_TIMEDOUT). Pull again for the others.
    public var isTimedOut: Bool
}

/// An enumeration whose results the broker keeps until the client pulls them (IEnumWbemClassObject, forward only; Semantics A.6).
///
/// The enumeration ends with ClientTooSlow when nobody pulls for 60 s while its buffer is full. The enumerator closes itself when it has
/// given the last instance. A client that drops it before cancels the enumeration.
public actor InstanceEnumerator {
    private let object: SemisyncObject
    private var decoder: InstanceDecoder
    private var isAtEnd = false
    /// What went wrong behind the objects that were given last.
    private var failure: CIMError?
    /// How the enumeration ended, if it failed.
    private var ending: CIMError?

    init(_ object: SemisyncObject, _ decoder: InstanceDecoder) {
        self.object = object
        self.decoder = decoder
    }

    /// The next instances, at most `count`.
    ///
    /// Throws when the enumeration fails, when a call on the bus fails, and when an object cannot be read. Where instances came before the
    /// failure, this function returns those first, fewer than `count`, and the next call throws. After a failed call on the bus, the next
    /// call asks the broker again.
    /// - Parameter timeout: how long to wait for `count` instances. Nil waits until they are there (WBEM_INFINITE). Zero takes those that
    ///   are there (WBEM_NO_WAIT).
    public func next(_ count: Int, timeout: Duration? = nil) async throws(CIMError) -> PulledInstances {
        try throwFailure()
        var pulled = PulledInstances(instances: [], isAtEnd: isAtEnd, isTimedOut: false)
        let deadline = timeout.map { ContinuousClock.now + $0 }
        do throws(CIMError) {
            while pulled.instances.count < count, !pulled.isAtEnd, !pulled.isTimedOut {
                let (status, start) = try await pull(count - pulled.instances.count, until: deadline)
                var learnt = decoder
                pulled.instances += try await object.session.decode(&learnt, what: "an instance") { try $0.readInstances(at: start) }
                decoder = learnt
                if status == .sFalse { reachedEnd() }
                pulled.isAtEnd = isAtEnd
                if status == .sTimedOut, let deadline, deadline <= .now { pulled.isTimedOut = pulled.instances.count < count }
                if status == .noError { break }
            }
        } catch {
            guard !pulled.instances.isEmpty else { throw error }
            failure = error
        }
        return pulled
    }

    /// Drops the next `count` instances, or as many as come in time and before the end. Throws as ``next(_:timeout:)`` does; the instances
    /// before the failure are dropped.
    /// - Parameter timeout: how long to wait for `count` instances. Nil waits until they are there. Zero drops only those that are there.
    /// - Returns: whether `count` instances were dropped.
    @discardableResult
    public func skip(_ count: Int, timeout: Duration? = nil) async throws(CIMError) -> Bool {
        try throwFailure()
        let deadline = timeout.map { ContinuousClock.now + $0 }
        var left = count
        // The broker's own Skip waits 20 s at most, and does not say how many it dropped then.
        while left > 0, !isAtEnd {
            let (status, start) = try await pull(left, until: deadline)
            left -= try Self.count(start)
            if status == .sFalse { reachedEnd() }
            if status == .noError { break }
            if status == .sTimedOut, let deadline, deadline <= .now { break }
        }
        return left <= 0
    }

    private func throwFailure() throws(CIMError) {
        guard let known = failure ?? ending else { return }
        failure = nil
        throw known
    }

    private func reachedEnd() {
        isAtEnd = true
        object.close()
    }

    /// The instances that come in one call on the bus, at most 20 s. Throws how the call or the enumeration failed.
    private func pull(
        _ count: Int, until deadline: ContinuousClock.Instant?
    ) async throws(CIMError) -> (status: WBEMStatus, objects: BodyReader) {
        let left = deadline.map { $0 - .now } ?? ResultObject.longestWait
        let (status, objects) = try await object.call("Next", waiting: left, "uaa{sv}", count: UInt32(clamping: count))
        guard [.noError, .sFalse, .sTimedOut].contains(status) else {
            let failure = await object.failure(status)
            ending = failure
            object.close()
            throw failure
        }
        return (status, objects)
    }

    private static func count(_ objects: BodyReader) throws(CIMError) -> Int {
        var reader = objects
        var count = 0
        do {
            let end = try reader.enterArray(elementAlignment: 4)
            while !reader.isAtEnd(of: end) {
                try reader.skipArray(elementAlignment: 8)
                count += 1
            }
        } catch {
            throw CIMError(undecodable: error, what: "what is skipped")
        }
        return count
    }

    /// Ends the enumeration, and cancels it if it is open. Not needed when the enumerator has given the last instance.
    public func close() async { object.close() }
}
