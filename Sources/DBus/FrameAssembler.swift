import Glibc

/// Makes whole frames of what is read from a stream, wherever it was cut. It does no I/O.
///
/// A frame's own word about its length reserves no memory: memory grows with what has arrived.
struct FrameAssembler: ~Copyable {
    /// The frame of which a part has arrived: memory of its own.
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var count = 0
    /// Its fixed start, once that has arrived.
    private var header: FrameHeader?
    private var lastSerial: UInt32

    private static let firstCapacity = 4 << 10

    /// - Parameter serial: of the frame before the first.
    init(after serial: UInt32 = 0) { lastSerial = serial }

    deinit { free(memory) }

    /// Whether a part of a frame has arrived, and not all of it.
    var isWithinFrame: Bool { count > 0 }

    /// The memory that it has for that part.
    var reservedBytes: Int { capacity }

    /// Takes what was read.
    /// - Parameter frames: gets each frame that is complete now, in order; those before a fault, too.
    mutating func take(_ bytes: UnsafeRawBufferPointer, _ frames: inout [Frame]) throws(FrameFault) {
        var rest = bytes
        while !rest.isEmpty {
            if count == 0, rest.count >= FrameHeader.size {
                let header = try accept(FrameHeader(reading: rest))
                if rest.count >= header.length {
                    let whole = MarshalledBytes(copying: UnsafeRawBufferPointer(rebasing: rest.prefix(header.length)))
                    guard !whole.isMissing else { throw Self.noMemory }
                    frames.append(Frame(header: header, bytes: whole))
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(header.length))
                    continue
                }
                self.header = header
            }
            let wanted = (header?.length ?? FrameHeader.size) - count
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(wanted))
            try append(part)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
            if header == nil, count == FrameHeader.size {
                header = try accept(FrameHeader(reading: UnsafeRawBufferPointer(start: memory, count: count)))
            }
            if let header, count == header.length { frames.append(finish(header)) }
        }
    }

    /// The serials of a side follow each other: a frame that is missing, comes twice or comes early shows.
    private mutating func accept(_ header: FrameHeader) throws(FrameFault) -> FrameHeader {
        let next = lastSerial == .max ? 1 : lastSerial + 1
        guard header.serial == next else { throw FrameFault("frame \(header.serial) comes where \(next) was to come") }
        lastSerial = next
        return header
    }

    private mutating func append(_ part: UnsafeRawBufferPointer) throws(FrameFault) {
        guard let source = part.baseAddress else { return }
        if count + part.count > capacity {
            let most = header?.length ?? FrameHeader.size
            let wanted = min(max(2 * capacity, count + part.count, Self.firstCapacity), max(most, count + part.count))
            guard let larger = realloc(memory, wanted) else { throw Self.noMemory }
            memory = larger
            capacity = wanted
        }
        guard let memory else { return }
        memcpy(memory + count, source, part.count)
        count += part.count
    }

    private mutating func finish(_ header: FrameHeader) -> Frame {
        let bytes = memory.map { MarshalledBytes(owning: $0, count: count) } ?? MarshalledBytes()
        memory = nil
        capacity = 0
        count = 0
        self.header = nil
        return Frame(header: header, bytes: bytes)
    }

    private static let noMemory = FrameFault("there is no memory for a frame")
}
