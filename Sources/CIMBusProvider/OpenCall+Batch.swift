import CIM
import CIMBusWire
import DBus

/// The batch to which objects are added.
extension OpenCall.State {
    var isBatchFull: Bool {
        batchObjects.count >= min(batchSize, OpenCall.fullBatch) || packed.count >= batchSize
            || plainBytes + packed.byteCount >= OpenCall.fullBatchBytes
    }

    /// The bytes of the objects in the batch that are not packed.
    private var plainBytes: Int {
        switch batch {
        case .some(let batch): batch.count
        case nil: 0
        }
    }

    /// Whether the call waits for its reply, and nothing has been said or done for it yet.
    var isUntouched: Bool {
        phase == .calling && outcome == nil && failure == nil && retained.isEmpty && isBatchEmpty && sealed.isEmpty && outbox.isEmpty
            && !isDraining
    }

    var isBatchEmpty: Bool { batchObjects.isEmpty && packed.count == 0 }

    /// Why the call takes no more objects; nil while it takes them.
    var refusal: CIMError? {
        if let failure { return failure }
        if phase == .over || (outcome != nil && retained.isEmpty) {
            return CIMError(.invalidOperation, "the operation has ended: keep a sink with retain() to use it after the method returned")
        }
        return nil
    }

    /// Writes an object behind the others. An object that does not fit beside the others begins a batch of its own.
    ///
    /// Throws OutOfMemory for an object that is too large, or for which there is no memory (R15). The objects before it stay in the batch.
    mutating func append(_ instance: CIMInstance) throws(CIMError) {
        if packs, try appendPacked(instance) { return }
        if packed.count > 0 { seal() }
        try appendPlain(instance)
    }

    /// Writes an object as a row behind the others; one of another shape begins a batch of its own. False, and nothing is written, where it has
    /// a value that no row has.
    private mutating func appendPacked(_ instance: CIMInstance) throws(CIMError) -> Bool {
        var isAdded = batchObjects.isEmpty && packed.append(instance)
        if !isAdded, !isBatchEmpty {
            // Objects that take turns would each have a batch, and a head, of their own.
            if packed.count < OpenCall.firstBatch { shapeChanges += 1 }
            if shapeChanges > OpenCall.mostShapeChanges { packs = false }
            seal()
            isAdded = packs && packed.append(instance)
        }
        guard isAdded else { return false }
        try refuseTooLarge(instance, packed.lastRowBytes) { $0.packed.removeLast() }
        // Only the rows before it go along.
        if packed.byteCount > Contract.largestBatch, let rows = packed.takeAllButLast() { sealed.append(.packed(rows)) }
        return true
    }

    private mutating func refuseTooLarge(
        _ instance: CIMInstance, _ size: Int, _ undo: (inout OpenCall.State) -> Void
    ) throws(CIMError) {
        guard size > Contract.largestObject else { return }
        undo(&self)
        throw CIMError(.outOfMemory, "an object of \(instance.className) takes \(size) bytes; 8 MiB are allowed: leave a part of it out")
    }

    /// Writes an object, which is the result of a get or of a method, or has values that no row has, as it goes by the bus.
    mutating func appendPlain(_ instance: CIMInstance) throws(CIMError) {
        try Self.check(instance, depth: 1)
        if batchObjects.isEmpty { batch = BodyWriter(phase: OpenCall.batchPhase) }
        let before = plainBytes
        batch?.append(instance: instance)
        if let failure = batch?.failure {
            rewriteBatch()
            throw CIMError(
                ObjectFault(failure).resultStatus, "an object of \(instance.className) cannot be sent: \(failure)", cause: failure)
        }
        let size = plainBytes - before
        try refuseTooLarge(instance, size) { $0.rewriteBatch() }
        if plainBytes > Contract.largestBatch, !batchObjects.isEmpty {
            // Only the objects before it go along; this one is written again, by itself.
            let count = batchObjects.count
            let all = takePlain()
            sealed.append(.plain(Array(all.prefix(before))))
            batchSize = min(max(batchSize, count), OpenCall.fullBatch)
            batch = BodyWriter(phase: OpenCall.batchPhase)
            batch?.append(instance: instance)
        }
        batchObjects.append(instance)
    }

    /// The batch is complete; it waits for credit.
    mutating func seal() {
        guard let batch = takeBatch() else { return }
        batchSize = min(batchSize * 4, OpenCall.fullPackedBatch)
        sealed.append(batch)
    }

    /// The batch, if there is one; an empty one takes its place.
    mutating func takeBatch() -> OpenCall.Objects? {
        if let rows = packed.take() { return .packed(rows) }
        return batchObjects.isEmpty ? nil : .plain(takePlain())
    }

    private mutating func takePlain() -> [UInt8] {
        batchObjects.removeAll(keepingCapacity: true)
        guard let full = batch.take() else { return [] }
        return (try? full.finish()) ?? []
    }

    private mutating func rewriteBatch() {
        batch = BodyWriter(phase: OpenCall.batchPhase)
        for object in batchObjects { batch?.append(instance: object) }
    }

    /// Types of which a NULL in an array is sent as an empty text.
    private static let textTypes: Set<CIMType> = [.string, .datetime, .reference]

    /// Throws QuotaViolation for an object with objects nested too deep in it, and InvalidObject for an array whose elements are not of its
    /// type. Such elements would make the whole batch unreadable.
    static func check(_ instance: CIMInstance, depth: Int) throws(CIMError) {
        guard depth <= Nesting.objects else {
            throw CIMError(.quotaViolation, "an object of \(instance.className) nests more than \(Nesting.objects) deep")
        }
        for property in instance.properties {
            switch property.value {
            case .object(let inner): try check(inner, depth: depth + 1)
            case .array(let base, let elements):
                for element in elements {
                    if case .object(let inner) = element, base == .object {
                        try check(inner, depth: depth + 1)
                    } else if element.converted(toScalar: base) == nil, !(element.isNull && textTypes.contains(base)) {
                        throw CIMError(
                            .invalidObject, "\(instance.className).\(property.name) is an array of \(base); not all of its elements are")
                    }
                }
            default: break
            }
        }
    }
}
