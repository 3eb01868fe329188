import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// Packed rows (Protocol.md, "Packed objects"): private connections alone carry them. Where nothing has to be merged, and the client takes them,
/// they go on as they came after one check. For anybody else objects are written from them; rows that do not fit their class as they are become objects
/// first, and are checked like any others.
extension Broker {
    func checkPacked(
        _ reader: BodyReader, of id: OperationID, _ record: OperationRecord, _ message: Message
    ) -> Result<CheckedObjects, ObjectFault> {
        let size = reader.count
        guard size <= Contract.largestObject + PackedFit.mostHeadBytes else {
            return .failure(ObjectFault("it takes \(size) bytes, more than 8 MiB", kind: .tooLarge))
        }
        let base: ObjectLayout? = if case .instances(let layout)? = record.expectation { layout } else { nil }
        do {
            let known = record.packed ?? base.flatMap { schema.snapshot.lastFit(for: $0) }
            let batch = try PackedBatch(reader, known: known?.columns)
            guard batch.count == 1 || size <= Contract.largestBatch + PackedFit.mostHeadBytes else {
                throw ObjectFault("a batch of \(size) bytes; 256 KiB are the most for more than one object", kind: .tooLarge)
            }
            guard let base, let fit = fit(of: batch, known, base, record), fit.fits(batch) else {
                return checkAll(try batch.unpacked(), record, message, size: 0)
            }
            records[id]?.packed = fit
            // Keys are compared, and a path is part of a condition, where objects lie.
            if [.createInstanceEnum, .execQuery].contains(record.kindForProvider), record.filter?.takesPacked ?? true {
                return .success(.packed(batch, fit))
            }
            return .success(.rewritten(try batch.objects(fit, 0..<batch.count, derivedSystemProperties: record.writesSystemProperties)))
        } catch {
            // Bytes that are no batch are as bad as a frame that is none.
            if error is PackedFault { message.arrival?.endSoon(faulty: "\(error)") }
            return .failure(ObjectFault(error))
        }
    }

    /// How the rows fit the class that they say they are of; nil where they cannot go on as they are.
    private func fit(of batch: PackedBatch, _ known: PackedFit?, _ base: ObjectLayout, _ record: OperationRecord) -> PackedFit? {
        let layout = batch.columns.className == base.className ? base : schema.layout(batch.columns.className, in: record.namespace)
        guard let layout else { return nil }
        if let known, known.isFor(batch, layout) { return known }
        guard layout === base || layout.declaration.map({ $0.isSameOrDerived(from: base.className) && !$0.isUnserved }) ?? false,
            let fit = PackedFit(batch.columns, layout)
        else { return nil }
        schema.snapshot.keep(fit, for: base)
        return fit
    }

    /// What a client gets of packed rows: those that it may see, and that its operation's filter leaves; packed where they reach it so.
    func passed(_ batch: PackedBatch, _ fit: PackedFit, _ record: OperationRecord) throws(ObjectFault) -> CheckedObjects {
        let isVisible =
            !core.rights.isSelective(for: record.caller, in: record.namespace.text)
            || resolver(for: record.caller).sees(fit.layout.className, in: record.namespace, for: record.kindForProvider)
        let (rows, columns) = isVisible ? record.filter?.selection(of: batch, fit) ?? (nil, nil) : ([], nil)
        if goesOnPacked(record) {
            if rows == nil, columns == nil { return .packed(batch, fit) }
            return .packed(try batch.selecting(rows ?? Array(0..<batch.count), keeping: columns), fit)
        }
        return .rewritten(
            try batch.objects(
                fit, rows ?? Array(0..<batch.count), keeping: columns,
                derivedSystemProperties: record.writesSystemProperties && record.filter?.system ?? .all == .all))
    }

    /// Whether rows of an operation reach the client without anybody who needs objects.
    private func goesOnPacked(_ record: OperationRecord) -> Bool {
        guard !record.writesSystemProperties, record.filter?.takesPacked ?? true else { return false }
        if let whole = record.joined?.whole {
            guard let record = records[whole] else { return false }
            return switch record.work {
            case .enumerate?, .query?: goesOnPacked(record)
            default: false
            }
        }
        return record.sink != nil && record.way == .private && peers.privateConnection(of: record.client)?.carriesPackedObjects ?? false
    }
}

extension Broker {
    /// A call of the interface that only private connections have, of whatever member.
    /// - Returns: true: it is taken over.
    func takePacked(_ message: Message) -> Bool {
        let call = connection.methodCall(message)
        if call.member == "Indicate", message.hasSignature("ay") {
            indicate(call, isPacked: true)
        } else {
            call.fail(.unknownMethod, "\(PrivateContract.packedSink) has Indicate(ay), not \(call.member)(\(message.signature))")
        }
        return true
    }
}
