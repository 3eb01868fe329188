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
        try await append([instance])
    }

    /// Hands over several objects, as ``indicate(_:)`` does.
    public func indicate(_ instances: some Sequence<CIMInstance> & Sendable) async throws {
        // The sequence may be anybody's: it does not run while the call is locked.
        var part: [CIMInstance] = []
        part.reserveCapacity(Self.part)
        for instance in instances {
            part.append(instance)
            guard part.count == Self.part else { continue }
            try await append(part)
            part.removeAll(keepingCapacity: true)
        }
        try await append(part)
    }

    private func append(_ instances: [CIMInstance]) async throws {
        var left = instances[...]
        while !left.isEmpty { if try call.append(&left) { try await call.waitForCredit() } }
    }

    /// With how many objects the call is locked once.
    private static let part = 64

    /// Hands over objects of one class as rows: the cheapest way where there are many. No object is made of a row, and no name is looked at.
    ///
    /// `body` writes one row after the other. Rows go on their way in batches that grow, and the last of them when `body` has ended. Throws what
    /// `body` throws, and what ``indicate(_:)-(CIMInstance)`` throws.
    public func indicate(rowsOf shape: RowShape, _ body: (inout RowSink) async throws -> Void) async throws {
        var rows = RowSink(shape, call)
        do {
            try await body(&rows)
        } catch {
            // Those that are complete arrive all the same.
            try? await rows.flush()
            throw error
        }
        try await rows.flush()
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
