import CDBus
import Glibc

/// A message that came and cannot be handed out. Its connection goes on after it.
struct BadMessage {
    let header: ReceivedHeader
    let error: DBusError
}

/// Makes whole messages of what is read from the bus, wherever it was cut. It does no I/O.
///
/// A message's own word about its length reserves no memory: memory grows with what has arrived.
struct MessageAssembler: ~Copyable {
    enum Arrival {
        case message(Message)
        indirect case bad(BadMessage)
    }

    /// The message of which a part has arrived: memory of its own.
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var count = 0
    /// Its first bytes, once they have arrived.
    private var start: MessageStart?
    /// The file descriptors that came with it.
    private var descriptors: [FileDescriptorBox] = []
    /// How many bytes follow of a message that there was no memory for.
    private var toSkip = 0
    private var names = NameCache()
    private let most: Int
    private let ledger: ReceivedBytes?

    private static let firstCapacity = 4 << 10

    /// - Parameters:
    ///   - most: bytes of one message that are taken.
    ///   - ledger: counts the messages that are made.
    init(most: Int, countedBy ledger: ReceivedBytes? = nil) {
        self.most = most
        self.ledger = ledger
    }

    deinit { free(memory) }

    /// The memory that it has for a part of a message.
    var reservedBytes: Int { capacity }

    /// Takes what was read at once.
    /// - Parameters:
    ///   - descriptors: what came with it. The kernel ends a read at the write that they came with, and a sender writes a message that has some
    ///     by itself: they belong to the last message that begins in these bytes, or else to the one that goes on in them.
    ///   - arrivals: gets each message that is complete now, in order; those before a fault, too. Those of unknown types are left out.
    /// - Throws: nothing that follows can be made out.
    mutating func take(
        _ bytes: UnsafeRawBufferPointer, with descriptors: [FileDescriptorBox] = [], _ arrivals: inout [Arrival]
    ) throws(MessageFault) {
        var rest = bytes
        // Of the message that is complete when nothing is left, or else of the incomplete one.
        func came(_ left: Int) -> [FileDescriptorBox] { left == 0 ? descriptors : [] }
        while !rest.isEmpty {
            if toSkip > 0 {
                let skipped = min(toSkip, rest.count)
                toSkip -= skipped
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(skipped))
                continue
            }
            if count == 0, rest.count >= MessageStart.size {
                let start = try MessageStart(reading: rest, most: most)
                if rest.count >= start.length {
                    let whole = UnsafeRawBufferPointer(rebasing: rest.prefix(start.length))
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(start.length))
                    let copy = MarshalledBytes(copying: whole, countedBy: ledger)
                    if copy.isMissing { refuseForMemory(start, whole, &arrivals) } else { finish(start, copy, came(rest.count), &arrivals) }
                    continue
                }
                self.start = start
            }
            let wanted = (start?.length ?? MessageStart.size) - count
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(wanted))
            guard append(part) else {
                guard let start else { throw MessageFault("there is no memory for the start of a message") }
                toSkip = wanted
                // What there is of it, if that is the header, tells who sent it.
                refuseForMemory(start, count > 0 ? UnsafeRawBufferPointer(start: memory, count: count) : part, &arrivals)
                forget()
                continue
            }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
            if start == nil, count == MessageStart.size {
                start = try MessageStart(reading: UnsafeRawBufferPointer(start: memory, count: count), most: most)
            }
            if let start, count == start.length, let memory {
                let whole = MarshalledBytes(owning: memory, count: count, countedBy: ledger)
                self.memory = nil
                let all = self.descriptors + came(rest.count)
                forget()
                finish(start, whole, all, &arrivals)
            }
        }
        guard count > 0 else { return }
        self.descriptors += descriptors
        guard self.descriptors.count <= DescriptorPassing.most else {
            throw MessageFault("\(self.descriptors.count) file descriptors come with one message")
        }
    }

    /// - Returns: false: there is no memory for it.
    private mutating func append(_ part: UnsafeRawBufferPointer) -> Bool {
        guard let source = part.baseAddress else { return true }
        if count + part.count > capacity {
            let most = max(start?.length ?? MessageStart.size, count + part.count)
            let wanted = min(max(2 * capacity, count + part.count, Self.firstCapacity), most)
            guard let larger = realloc(memory, wanted) else { return false }
            memory = larger
            capacity = wanted
        }
        guard let memory else { return false }
        memcpy(memory + count, source, part.count)
        count += part.count
        return true
    }

    private mutating func forget() {
        free(memory)
        memory = nil
        capacity = 0
        count = 0
        start = nil
        descriptors = []
    }

    private mutating func finish(
        _ start: MessageStart, _ bytes: MarshalledBytes, _ descriptors: [FileDescriptorBox], _ arrivals: inout [Arrival]
    ) {
        let all = UnsafeRawBufferPointer(start: bytes.base, count: bytes.count)
        var header = ReceivedHeader(start, reading: all, &names)
        header.check(all)
        if Int(header.descriptors) != descriptors.count {
            header.note("it has \(header.descriptors) file descriptors, and \(descriptors.count) came")
        }
        if let fault = header.fault {
            return arrivals.append(.bad(BadMessage(header: header, error: DBusError(code: .malformed, fault.description))))
        }
        guard start.type <= UInt8(DBUS_MESSAGE_TYPE_SIGNAL) else { return }
        if !descriptors.isEmpty { bytes.descriptors = descriptors }
        arrivals.append(.message(Message(received: bytes, header)))
    }

    private mutating func refuseForMemory(_ start: MessageStart, _ message: UnsafeRawBufferPointer, _ arrivals: inout [Arrival]) {
        let header = ReceivedHeader(start, reading: message, &names)
        let error = DBusError(code: .outOfMemory, "there is no memory for its \(start.length) bytes")
        arrivals.append(.bad(BadMessage(header: header, error: error)))
    }
}
