import CIM
import CIMBusWire
import DBus

/// The one result of a semisync operation, to be waited for (IWbemCallResult, Semantics A.6).
///
/// Dropping it closes it when the end of the operation was seen. One that is dropped before lets the operation run on; the broker keeps its
/// result for 5 minutes, or until others need the place. ``close()`` cancels.
public struct CallResult<Value: Sendable>: Sendable {
    private let object: SemisyncObject
    private let member: String
    private let signature: StaticString
    private let read: @Sendable (BodyReader, SemisyncObject) async throws(CIMError) -> Value

    init(
        _ object: SemisyncObject, _ member: String, _ signature: StaticString,
        _ read: @escaping @Sendable (BodyReader, SemisyncObject) async throws(CIMError) -> Value
    ) {
        self.object = object
        self.member = member
        self.signature = signature
        self.read = read
    }

    /// The result; nil when the operation has not ended in time. Throws how it failed. May be asked again.
    /// - Parameter timeout: nil: until it ends.
    public func value(timeout: Duration?) async throws(CIMError) -> Value? {
        let deadline = timeout.map { ContinuousClock.now + $0 }
        while true {
            let left = deadline.map { $0 - .now } ?? ResultObject.longestWait
            let (status, reader) = try await object.call(member, waiting: left, signature)
            if status == .sTimedOut {
                if let deadline, deadline <= .now { return nil }
                continue
            }
            object.ended()
            guard status.isSuccess else { throw await object.failure(status) }
            return try await read(reader, object)
        }
    }

    /// Ends the operation, cancelled if it is open, and drops its result.
    public func close() async { object.close() }
}
