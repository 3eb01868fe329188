import CIM
import CIMBusWire
import DBus

/// A batch that passed the check.
enum CheckedObjects: Sendable {
    /// Nothing about the message's objects has to change: where they lie in its body.
    case verbatim(Message, BodyReader, [Range<Int>])
    case rewritten(ObjectBatch)
    /// Rows for a client who takes them so.
    case packed(PackedBatch, PackedFit)

    var sizes: [UInt32] {
        switch self {
        case .verbatim(_, _, let ranges): ranges.map { UInt32(clamping: $0.count + 8) }
        case .rewritten(let batch): batch.sizes
        case .packed(let batch, _): batch.sizes
        }
    }

    /// How many messages it takes on the bus.
    var parts: Int {
        // One message at most, whatever it is: most batches.
        if contentBytes <= Contract.largestBatch || forwarded != nil { return 1 }
        if case .packed = self { return 1 }
        return batch.parts(ofAtMost: Contract.largestBatch).count
    }

    /// What all of them take on the wire.
    private var contentBytes: Int {
        switch self {
        case .verbatim(_, _, let ranges): ranges.reduce(0) { $0 + $1.count + 8 }
        case .rewritten(let batch): batch.byteCount
        case .packed(let batch, _): batch.byteCount
        }
    }

    /// The message whose body can go on as it is, to a sink.
    var forwarded: Message? {
        if case .verbatim(let message, _, _) = self, message.hasSignature("aa{sv}") { message } else { nil }
    }

    var batch: ObjectBatch {
        switch self {
        case .verbatim(_, let reader, let ranges): ObjectBatch(verbatim: reader, ranges: ranges)
        case .rewritten(let batch): batch
        case .packed(let batch, let fit):
            // Nobody asks: what is packed goes to a sink that takes it so. A filter may have cut columns off.
            PackedFit(batch.columns, fit.layout).flatMap { try? batch.objects($0, 0..<batch.count, derivedSystemProperties: false) }
                ?? ObjectBatch()
        }
    }
}

extension CheckedObjects {
    /// A reader of the objects' bytes, and where each object's entries lie in them.
    var contents: (reader: BodyReader, ranges: [Range<Int>]) {
        switch self {
        case .verbatim(_, let reader, let ranges): (reader, ranges)
        case .rewritten(let batch): batch.contents
        case .packed: batch.contents
        }
    }

    /// Of an answer with one object.
    var firstClassName: String {
        let (reader, ranges) = contents
        return ranges.first.map { ObjectRow.className(at: $0, in: reader) } ?? ""
    }

    /// Goes to each object, where it lies; `prepare` makes what is the same for all objects of a class.
    func forEach<Shape>(
        _ layouts: ObjectChecker.Lookup, prepare: (ObjectLayout) -> Shape, _ body: (borrowing ObjectRow, Range<Int>, Shape) -> Void
    ) throws(ObjectFault) {
        let (reader, ranges) = contents
        var known: [CIMName: (row: ObjectRow, shape: Shape)] = [:]
        var current: (row: ObjectRow, shape: Shape)?
        for range in ranges {
            if current?.row.read(range) != true {
                let name = ObjectRow.className(at: range, in: reader)
                if let last = current { known[CIMName(last.row.layout.className)] = last }
                current = known[CIMName(name)] ?? layouts(name).map { (ObjectRow($0, in: reader), prepare($0)) }
                guard current?.row.read(range) == true else { throw ObjectFault("an object of class \(name) cannot be read again") }
            }
            if let current { body(current.row, range, current.shape) }
        }
    }

    /// Some of the objects, by where their entries lie.
    func keeping(_ kept: [Range<Int>]) throws(ObjectFault) -> CheckedObjects {
        let (reader, ranges) = contents
        if kept.count == ranges.count { return self }
        var selection = ObjectSelection()
        for range in kept { selection.append(whole: range, of: reader) }
        return .rewritten(try selection.finish())
    }
}
