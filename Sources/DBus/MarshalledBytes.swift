import Glibc
import Synchronization

/// One block of heap memory with a message in it, shared by whoever reads it.
///
/// `@unchecked Sendable`: written by one ``BodyWriter`` before anyone else can see it, immutable after.
final class MarshalledBytes: @unchecked Sendable {
    var base: UnsafeMutableRawPointer?
    var count: Int
    /// What the message's file descriptors are indices of.
    var descriptors: [FileDescriptorBox] = []
    /// Who counts them while they are there; nil: nobody.
    private let ledger: ReceivedBytes?
    /// Memory for them could not be had: who reads them is told so.
    let isMissing: Bool

    init(isMissing: Bool = false) {
        base = nil
        count = 0
        ledger = nil
        self.isMissing = isMissing
    }

    /// Takes over memory of malloc's.
    init(owning memory: UnsafeMutableRawPointer, count: Int, countedBy ledger: ReceivedBytes? = nil) {
        base = memory
        self.count = count
        self.ledger = ledger
        isMissing = false
        ledger?.came(count)
    }

    init(copying bytes: UnsafeRawBufferPointer, countedBy ledger: ReceivedBytes? = nil) {
        guard let source = bytes.baseAddress, let memory = malloc(bytes.count) else {
            base = nil
            count = 0
            self.ledger = nil
            isMissing = !bytes.isEmpty
            return
        }
        self.ledger = ledger
        isMissing = false
        memcpy(memory, source, bytes.count)
        base = memory
        count = bytes.count
        ledger?.came(count)
    }

    deinit {
        free(base)
        ledger?.went(count)
    }
}

/// Counts the bytes of the messages that one connection has received and that are alive. From any thread.
final class ReceivedBytes: Sendable {
    private let most: Int
    private let loop: EventLoop?
    private let bytes = Atomic<Int>(0)

    /// - Parameter loop: is woken when there is room again.
    init(most: Int, loop: EventLoop?) {
        self.most = most
        self.loop = loop
    }

    var isFull: Bool { bytes.load(ordering: .relaxed) >= most }

    fileprivate func came(_ count: Int) { bytes.wrappingAdd(count, ordering: .relaxed) }

    fileprivate func went(_ count: Int) {
        let (old, new) = bytes.wrappingSubtract(count, ordering: .relaxed)
        if old >= most, new < most { loop?.wake() }
    }
}
