import CDBus
import Glibc

/// A socket to one peer of the bus, which carries calls and replies as frames (Docs/Protocol.md, "Private connections"), beside the
/// connection to the bus and without libdbus.
///
/// Who is at the other end was settled on the bus, by which the socket was handed over: every message from it has that peer's unique name for
/// its sender. Signals stay on the bus. Whatever goes wrong ends the connection, and nothing else.
///
/// `@unchecked Sendable`: everything mutable is touched on ``loop`` only, which every function requires unless it says otherwise.
public final class PrivateConnection: PollSource, Carrier, @unchecked Sendable {
    public let loop: EventLoop
    /// Who is at the other end.
    public let peer: UniqueName
    let options: ConnectionOptions
    private let members: MemberNumbers
    private let patience: Duration
    /// By which it belongs to this process's place on the bus, and which hands out the calls.
    private weak var link: Link?

    private(set) var socket: FileDescriptorBox?
    /// Whose thread reads the socket instead of the loop's.
    var attendance = Attendance()
    private var assembler = FrameAssembler()
    /// Of the calls and of the answers that came.
    private var callFields = FieldsMemory()
    private var answerFields = FieldsMemory()
    /// Empty memory for what a reading brings.
    private var spare: [Frame] = []
    private(set) var outbox = FrameOutbox()
    private var lastSerial: UInt32 = 0
    var waiters: [UInt32: Waiter] = [:]
    private var pings: [UInt32: @Sendable (Result<Void, DBusError>) -> Void] = [:]
    /// Who waits until everything is written.
    private var flushes: [UInt64: @Sendable () -> Void] = [:]
    private var lastFlush: UInt64 = 0
    private(set) var closure: DBusError?
    /// Whether it has ended.
    public var isOver: Bool { closure != nil }
    private var closureObservers: [@Sendable (DBusError) -> Void] = []
    private var firstWordObserver: (@Sendable () -> Void)?
    private var isHandingOut = false
    /// Whether the socket took no more when it was written to last, and poll has not said since that it does.
    private var isFull = false
    /// Looks whether the other end is stuck, while there is anything to look at.
    private var watchdog: EventLoop.TimerToken?
    private var looked = Look()
    /// What ends with the process at the other end, and is watched here; or what the other end watches, and is held here, without a watch.
    var lifeline: (end: FileDescriptorBox, watch: EventLoop.TimerToken?)?

    /// Whether the other end takes objects as packed rows, which is agreed on when the connection is opened; from what runs on ``loop``.
    public var carriesPackedObjects = false

    /// How far both directions were when the watchdog looked, and how often it has seen nothing move since.
    private struct Look {
        var written: UInt64 = 0
        var read: UInt64 = 0
        var writesStuck = 0
        var readsStuck = 0
    }

    /// The bytes that were read so far.
    private var bytesRead: UInt64 = 0
    /// Counts the times that frames were read, as ``Connection/reading`` does; never one of its numbers.
    public private(set) var reading: UInt64 = 1 << 63

    /// So much is written at once: the other end reads it while the rest is made. The ends of a thousand operations are many times as much.
    private static let enoughToBegin = 16 << 10
    /// While more than this waits to be written nothing is read: whoever does not read is not listened to.
    private static let writeMark = 16 << 20
    /// A socket does not hold more than this.
    private static let mostInSocket = 16 << 20
    /// How often the watchdog looks within ``patience``.
    private static let looks = 4
    /// How many times ``patience`` the other end may take nothing: it may be stopped for a while, and what its operations owe ends them first.
    private static let writePatience = 4

    /// - Parameter patience: how long the other end may leave a frame incomplete, and a quarter of the time for which it may take nothing.
    init(
        _ socket: FileDescriptorBox, to peer: UniqueName, _ members: MemberNumbers, patience: Duration, on link: Link
    ) {
        self.socket = socket
        self.peer = peer
        self.members = members
        self.patience = patience
        self.link = link
        loop = link.loop
        options = link.options
        loop.add(self)
    }

    /// Two ends of one socket. From any thread.
    public static func makeSockets() throws(DBusError) -> (FileDescriptorBox, FileDescriptorBox) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw DBusError(code: .outOfMemory, "no sockets for a private connection: errno \(errno)")
        }
        return (FileDescriptorBox(owning: ends[0]), FileDescriptorBox(owning: ends[1]))
    }

    // MARK: Sending

    /// Queues a message; it is written before the loop waits again. Never blocks, waits for no reply.
    /// Throws `.disconnected`, `.queueFull`, `.tooLarge`, `.notSupported`; nothing was sent then.
    public func send(_ message: Message) throws(DBusError) { try send(message, isBounded: true) }

    @discardableResult
    func send(_ message: Message, isBounded: Bool) throws(DBusError) -> UInt32 {
        try checkMaySend(isBounded: isBounded)
        let message = try message.inHostByteOrder()
        let serial = nextSerial
        let start = try message.frameStart(serial: serial, members)
        var isAppended = false
        message.withBody { bytes, body in
            isAppended = outbox.append(startOf: start.count, bytes, body: body) { start.write(to: $0) }
        }
        guard isAppended else { throw Self.noMemory }
        lastSerial = serial
        writeSoon()
        return serial
    }

    private static let noMemory = DBusError(code: .outOfMemory, "queueing a message for a private connection")

    private func checkMaySend(isBounded: Bool) throws(DBusError) {
        if let closure { throw closure }
        if isBounded, outbox.byteCount > options.maximumQueuedBytes {
            throw DBusError(
                code: .queueFull, "\(outbox.byteCount) bytes wait to be sent, \(options.maximumQueuedBytes) are allowed")
        }
    }

    /// The same as ``send(_:isBounded:)`` for a frame that is there already. It is sent once.
    @discardableResult
    func send(_ frame: WrittenFrame, isBounded: Bool = true) throws(DBusError) -> UInt32 {
        try checkMaySend(isBounded: isBounded)
        let serial = nextSerial
        frame.number(serial)
        if let socket, !loop.isHandingOut, !isFull, outbox.isEmpty {
            lastSerial = serial
            wrote(outbox.write(frame.bytes, to: socket.rawValue))
        } else {
            guard outbox.append(frame.bytes) else { throw Self.noMemory }
            lastSerial = serial
            writeSoon()
        }
        return serial
    }

    /// What is sent while the loop hands out what it has read leaves together, in one write, as far as the other end would not rather begin with what
    /// there is; anything else leaves at once.
    private func writeSoon() {
        if isFull || (loop.isHandingOut && outbox.byteCount < Self.enoughToBegin) { return }
        write()
    }

    /// Sends a call and tells `completion` of its reply: once, never before this returns. An error reply is a failure.
    /// - Parameter timeout: nil: for as long as the connection lives.
    public func call(
        _ message: Message, timeout: Duration?, _ completion: @escaping @Sendable (Result<Message, DBusError>) -> Void
    ) {
        call(message, timeout: timeout, completion: completion)
    }

    /// Asks whether the other end is there. `answered` is called once: when it says so, which is after it has read everything that was sent
    /// before, or with the reason why it never will.
    public func ping(_ answered: @escaping @Sendable (Result<Void, DBusError>) -> Void) {
        if let closure { return loop.execute { answered(.failure(closure)) } }
        pings[sendBare(.ping)] = answered
    }

    private var nextSerial: UInt32 { lastSerial == .max ? 1 : lastSerial + 1 }

    /// A frame that is nothing but its start.
    @discardableResult
    private func sendBare(_ kind: FrameKind, answering serial: UInt32 = 0) -> UInt32 {
        var header = FrameHeader(kind, serial: nextSerial)
        header.answers = serial
        // The other end would wait for it, or miss its serial.
        let isAppended = outbox.append(startOf: FrameHeader.size) { header.write(to: $0) }
        guard isAppended else {
            endSoon(faulty: "there is no memory for a \(kind)")
            return header.serial
        }
        lastSerial = header.serial
        writeSoon()
        return header.serial
    }

    /// The bytes that wait to be sent.
    public var queuedBytes: Int { outbox.byteCount }

    /// Writes what the socket takes. Does not end the connection because the other end hung up: what that said before is read first.
    private func write() {
        guard closure == nil, let socket else { return }
        wrote(outbox.write(to: socket.rawValue))
    }

    private func wrote(_ progress: FrameOutbox.Progress) {
        switch progress {
        case .all: endFlushes()
        case .some:
            isFull = true
            watch()
        // Never within a call of the owner's: whoever waits for a reply must be noted by then.
        case .closed: loop.execute { [weak self] in self?.hungUp() }
        case .failed(let number): loop.execute { [weak self] in self?.fault("writing to it failed: errno \(number)") }
        }
    }

    /// The other end reads no more: what it said before lies in the socket.
    private func hungUp() {
        drain()
        close(DBusError(code: .disconnected, "the other end reads no more"))
    }

    // MARK: PollSource

    var descriptor: Int32 { socket?.rawValue ?? -1 }

    var events: Int16 {
        var events: Int32 = 0
        if outbox.byteCount <= Self.writeMark { events |= attendance.isOn ? Attendance.events : POLLIN }
        if isFull { events |= POLLOUT }
        return Int16(truncatingIfNeeded: events)
    }

    func isReady(_ events: Int16) {
        if Int32(events) & POLLOUT != 0 { isFull = false }
        if Int32(events) & ~POLLOUT != 0 { _ = receive() }
    }

    func process() -> Bool {
        if !isFull, !outbox.isEmpty { write() }
        return false
    }

    func loopEnded() { close(DBusError(code: .disconnected, "the event loop of the connection was shut down")) }

    // MARK: Receiving

    /// Reads what lies in the socket now, and hands it out.
    public func drain() {
        if isHandingOut { return }
        let start = bytesRead
        while bytesRead &- start < Self.mostInSocket, receive() {}
    }

    /// Reads once, and hands out as many frames as have arrived whole.
    /// - Returns: whether anything was read.
    private func receive() -> Bool {
        guard closure == nil, let socket else { return false }
        var frames: [Frame] = []
        swap(&frames, &spare)
        var problem: FrameFault?
        let arrival = SocketReading(from: socket.rawValue, into: loop.readBuffer)
        if case .bytes(let count) = arrival {
            do throws(FrameFault) {
                try assembler.take(UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]), &frames)
            } catch {
                problem = error
            }
        }
        if case .bytes(let count) = arrival { bytesRead &+= UInt64(count) }
        if assembler.isWithinFrame { watch() }
        if let heard = firstWordObserver, arrival.isFromOtherEnd {
            firstWordObserver = nil
            heard()
        }
        reading &+= 1
        handOut(frames)
        frames.removeAll(keepingCapacity: frames.count <= 256)
        swap(&frames, &spare)
        if let problem { fault(problem.description) }
        switch arrival {
        case .bytes: return closure == nil
        case .nothing: return false
        case .end where assembler.isWithinFrame: fault("it ended within a frame")
        case .end: close(DBusError(code: .disconnected, "the other end hung up"))
        case .descriptors: fault("a file descriptor came along; no frame has one")
        case .failed(let number): close(DBusError(code: .disconnected, "reading from it failed: errno \(number)"))
        }
        return false
    }

    private func handOut(_ frames: [Frame]) {
        isHandingOut = true
        defer { isHandingOut = false }
        for frame in frames where closure == nil {
            switch frame.header.kind {
            case .ping: sendBare(.pong, answering: frame.header.serial)
            // One that nobody waits for lost a race.
            case .pong: pings.removeValue(forKey: frame.header.answers)?(.success(()))
            case .call, .reply, .error:
                do throws(FrameFault) {
                    if frame.header.kind == .call {
                        link?.handOut(Message(try FrameMessage(checking: frame, members, &callFields), from: self))
                    } else {
                        answer(Message(try FrameMessage(checking: frame, members, &answerFields), from: self))
                    }
                } catch {
                    fault(error.description)
                }
            }
        }
    }

    // MARK: The watchdog

    /// From now on it looks whether the other end moves, as long as there is something to look at.
    private func watch() {
        guard watchdog == nil, closure == nil else { return }
        looked = Look(written: outbox.written, read: bytesRead)
        scheduleLook()
    }

    private func scheduleLook() {
        watchdog = loop.schedule(after: patience / Self.looks) { [weak self] in self?.look() }
    }

    /// Several looks, and not one deadline: a machine that was suspended, or a loop that was busy, must not count as a stuck peer.
    private func look() {
        watchdog = nil
        let waitsToWrite = isFull && !outbox.isEmpty
        let waitsToRead = assembler.isWithinFrame && outbox.byteCount <= Self.writeMark
        looked.writesStuck = waitsToWrite && looked.written == outbox.written ? looked.writesStuck + 1 : 0
        looked.readsStuck = waitsToRead && looked.read == bytesRead ? looked.readsStuck + 1 : 0
        looked.written = outbox.written
        looked.read = bytesRead
        if looked.writesStuck >= Self.looks * Self.writePatience {
            return fault("the other end has read nothing for \(patience * Self.writePatience), and \(outbox.byteCount) bytes wait")
        }
        if looked.readsStuck >= Self.looks { return fault("a frame has been incomplete for \(patience)") }
        if waitsToWrite || waitsToRead { scheduleLook() }
    }

    // MARK: The end

    private static let closedHere = DBusError(code: .disconnected, "the private connection was closed here")

    /// The other end broke the rules of what its frames carry: as for a frame that is none, the connection ends, soon.
    public func endSoon(faulty reason: String) { loop.execute { [weak self] in self?.fault(reason) } }

    /// The other end broke the rules of frames.
    private func fault(_ reason: String) {
        guard closure == nil else { return }
        options.logger.warning("the private connection with \(peer) ends: \(reason)")
        close(DBusError(code: .malformed, reason))
    }

    /// Ends it at once: what is queued and not yet written is lost. Observers hear of the end first, and then those who wait for replies.
    public func close() { close(Self.closedHere) }

    func close(_ error: DBusError) {
        guard closure == nil else { return }
        closure = error
        loop.remove(self)
        link?.forget(self)
        if let socket {
            // What fits goes out.
            _ = outbox.write(to: socket.rawValue)
            // Whoever else holds the socket, it has ended.
            shutdown(socket.rawValue, Int32(SHUT_RDWR))
        }
        socket = nil
        outbox = FrameOutbox()
        assembler = FrameAssembler()
        if let watchdog { loop.cancel(watchdog) }
        forgetLifeline()
        let observers = closureObservers
        closureObservers = []
        firstWordObserver = nil
        for observer in observers { observer(error) }
        let asked = pings
        pings = [:]
        for (_, answered) in asked.sorted(by: { $0.key < $1.key }) { answered(.failure(error)) }
        endFlushes()
        endWaitingSoon(DBusError(.noReply, "the private connection with \(peer) ended: \(error.message)"))
    }

    /// Who is at the other end may have closed it because the bus is gone. Then that is the reason, and this side may hear of it later: so the bus
    /// is asked first.
    private func endWaitingSoon(_ error: DBusError) {
        guard !waiters.isEmpty, let link else { return endWaiting(error) }
        if let closure = link.closure { return endWaiting(closure) }
        guard let question = try? Message.busCall("GetId") else { return endWaiting(error) }
        link.call(question, timeout: .seconds(1)) { [self, weak link] answer in
            // A bus that reads no more has gone, though its last words may not have been read yet.
            var reason = error
            if case .failure(let failure) = answer, failure.code == .disconnected { reason = failure }
            endWaiting(link?.closure ?? reason)
        }
    }

    /// `then` runs when everything is written that was sent so far, when the connection has ended, or after `limit`.
    public func flush(within limit: Duration, then: @escaping @Sendable () -> Void) {
        if closure == nil, !isFull { write() }
        if closure != nil || outbox.isEmpty { return then() }
        lastFlush += 1
        let number = lastFlush
        flushes[number] = then
        loop.schedule(after: limit) { [weak self] in self?.flushes.removeValue(forKey: number)?() }
    }

    private func endFlushes() {
        if flushes.isEmpty { return }
        let ended = flushes
        flushes = [:]
        for (_, then) in ended.sorted(by: { $0.key < $1.key }) { then() }
    }

    /// Calls back once when anything was read, were it only that the other end has gone: then it has fetched its socket.
    public func onFirstWord(_ observer: @escaping @Sendable () -> Void) { firstWordObserver = observer }

    /// Calls back once when the connection has ended; at once when it has. By then everything has been handed out that came before the end.
    public func onClosed(_ observer: @escaping @Sendable (DBusError) -> Void) {
        if let closure { observer(closure) } else { closureObservers.append(observer) }
    }
}
