import CIM

/// Where a provider puts the objects of one operation: IWbemObjectSink, as the provider sees it.
///
/// The sink takes objects until the provider's method returns. After that it takes nothing, so that no reference leaks by accident. A
/// provider that must go on longer calls ``retain()``.
public struct ObjectSink: Sendable {
    let call: OpenCall

    /// Hands over one object, in order.
    ///
    /// Throws CallCancelled when the operation is over, InvalidOperation when the provider's method has returned, TransportFailure when the
    /// broker is gone, InvalidObject when the object does not fit its class, OutOfMemory when the object is larger than 8 MiB, and
    /// QuotaViolation when objects are nested too deep in it. After a failure the sink takes nothing more: let the error pass through.
    ///
    /// Objects travel in batches that grow. No object waits longer than a few milliseconds. When the client is slow, this function waits.
    public func indicate(_ instance: CIMInstance) async throws {
        if try call.append(instance) { try await call.waitForCredit() }
    }

    /// Hands over several objects, as ``indicate(_:)`` does.
    public func indicate(_ instances: some Sequence<CIMInstance> & Sendable) async throws {
        for instance in instances { try await indicate(instance) }
    }

    /// Whether the operation is over: cancelled, timed out, or its broker gone.
    public var isOver: Bool { call.isOver }

    /// Keeps the operation open after the provider's method has returned, until the reference is given back. Throws CallCancelled when the
    /// operation is over.
    public func retain() throws -> RetainedSink {
        RetainedSink(self, try call.retain())
    }
}

/// A reference to a sink that outlives the provider's method. The operation ends when the method has returned and every reference is given
/// back.
///
/// Give the reference back with ``release()`` or ``fail(_:)``. When it is only dropped, the operation ends with ProviderFailure (L5), since
/// nobody has said how the work went.
public final class RetainedSink: Sendable {
    public let sink: ObjectSink

    private let number: UInt64

    init(_ sink: ObjectSink, _ number: UInt64) {
        self.sink = sink
        self.number = number
    }

    deinit {
        // Does nothing when the reference was given back.
        sink.call.release(number, CIMError(.providerFailure, "the provider dropped its sink without a status"))
    }

    /// Hands over one object: ``ObjectSink/indicate(_:)-(CIMInstance)``.
    public func indicate(_ instance: CIMInstance) async throws { try await sink.indicate(instance) }

    /// Gives the reference back: this part of the work went well. Later calls do nothing.
    public func release() { sink.call.release(number, nil) }

    /// Gives the reference back: the operation ends with `error`, unless it failed before.
    public func fail(_ error: CIMError) { sink.call.release(number, error) }
}
