import CIM
import CIMBusWire
import DBus

/// The batch that fills.
extension OpenCall.State {
    var isBatchFull: Bool { batchCount >= batchTarget || batch.count >= OpenCall.fullBatchBytes }

    /// Why nothing more is taken; nil while it is.
    func refusal(forCaller: Bool) -> CIMError? {
        if let failure { return failure }
        if phase == .over || (outcome != nil && retained.isEmpty) {
            return CIMError(.invalidOperation, "the operation has ended: keep a sink with retain() to use it after the method returned")
        }
        return nil
    }

    /// Writes an object behind the others. One that does not fit beside them takes a batch of its own.
    mutating func append(_ instance: CIMInstance) throws(CIMError) {
        if let reason = Self.reasonToRefuse(instance, depth: 1) {
            throw CIMError(.quotaViolation, "an object of \(instance.className): \(reason)")
        }
        let before = batch.count
        batch.append(instance: instance)
        if let failure = batch.failure {
            discardBatch()
            throw CIMError(.invalidObject, "an object of \(instance.className) cannot be sent: \(failure)", cause: failure)
        }
        let size = batch.count - before
        guard size <= OpenCall.largestObject else {
            discardBatch()
            throw CIMError(.quotaViolation, "an object of \(instance.className) takes \(size) bytes; 8 MiB are allowed")
        }
        if batch.count > Contract.largestBatch, batchCount > 0 {
            // Only the objects before it go along; this one is written again, by itself.
            let count = batchCount
            let all = takeBatch()
            sealed.append(Array(all.prefix(before)))
            batchTarget = min(max(batchTarget, count), OpenCall.fullBatch)
            batch.append(instance: instance)
        }
        batchCount += 1
    }

    /// The batch is complete; it waits for credit.
    mutating func seal() {
        guard batchCount > 0 else { return }
        batchTarget = min(batchTarget * 4, OpenCall.fullBatch)
        sealed.append(takeBatch())
    }

    /// The bytes of the batch; an empty one takes its place.
    mutating func takeBatch() -> [UInt8] {
        var full = BodyWriter(phase: OpenCall.batchPhase)
        swap(&full, &batch)
        batchCount = 0
        return (try? full.finish()) ?? []
    }

    private mutating func discardBatch() { _ = takeBatch() }

    private static func reasonToRefuse(_ instance: CIMInstance, depth: Int) -> String? {
        if depth > Nesting.objects { return "objects nest more than \(Nesting.objects) deep" }
        for property in instance.properties {
            switch property.value {
            case .object(let inner):
                if let reason = reasonToRefuse(inner, depth: depth + 1) { return reason }
            case .array(.object, let elements):
                for case .object(let inner) in elements {
                    if let reason = reasonToRefuse(inner, depth: depth + 1) { return reason }
                }
            default: break
            }
        }
        return nil
    }
}
