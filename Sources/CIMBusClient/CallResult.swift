import CIM
import CIMBusWire
import DBus

/// The one result of a semisync operation, to be waited for (IWbemCallResult, Semantics A.6).
///
/// ``close()`` cancels the operation. A client that has seen the end of the operation need not close: the broker gives up the result when
/// the client drops this value.
///
/// A client may drop this value before it has seen the end. Then a get is cancelled. A put, a delete and a method run on; the broker keeps
/// the result for 5 minutes, or until others need the place.
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

    /// Waits for the result. Returns nil when the operation has not ended within `timeout`. Throws how the operation failed. May be called
    /// again.
    /// - Parameter timeout: nil waits until the operation ends.
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

    /// Cancels the operation if it is open, and gives up its result.
    public func close() async { object.close() }
}
