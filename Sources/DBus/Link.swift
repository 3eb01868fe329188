import CDBus
import Glibc
import Logging
import Synchronization

/// One connection to a bus on one event loop: messages in, messages out, replies matched to calls.
///
/// libdbus opens it (``Opening``). From then on its socket is read and written here.
///
/// `@unchecked Sendable`: everything mutable is touched on the loop only, but for ``init``, which nobody else can see.
final class Link: PollSource, Carrier, @unchecked Sendable {
    let loop: EventLoop
    let options: ConnectionOptions
    /// Until the socket is there.
    private var opening: Opening?
    private var socket: FileDescriptorBox?
    /// Whether the bus carries file descriptors.
    private(set) var canCarryDescriptors = false
    var waiters: [UInt32: Waiter] = [:]
    /// The private connections of this process's place on the bus; they end with it.
    private var privates: [ObjectIdentifier: PrivateConnection] = [:]
    /// By which of them messages go, by the names of those that they are for.
    private var detours: [String: PrivateConnection] = [:] {
        didSet { anyDetours.store(!detours.isEmpty, ordering: .relaxed) }
    }
    private let anyDetours = Atomic(false)
    /// The one that was used last.
    private var lastDetour: (name: String, connection: PrivateConnection)?
    private let received: ReceivedBytes
    private var assembler: MessageAssembler
    private var buffer: ReadBuffer?
    /// Empty memory for what a reading brings.
    private var spare: [MessageAssembler.Arrival] = []
    private var outbox = Outbox()
    /// Whether the socket took no more when it was written to last, and poll has not said since that it does.
    private var isFull = false
    private var lastSerial: UInt32 = 0
    private var turns: CallTurns
    private(set) var closure: DBusError?
    private var closureObservers: [@Sendable (DBusError) -> Void] = []
    /// Hears that the bus is lost, which the link outlives then: it rests, with all that does not go by the bus, until it is reopened or closed.
    /// Nil: the link ends with the bus.
    var outlives: (@Sendable (DBusError) -> Void)?
    /// Counts the times that the bus was lost: what is owed to a caller from before such a time is not sent after it.
    private(set) var stay: UInt64 = 0
    /// Sees method calls before the object tree; true when it took the message.
    var inbound: (@Sendable (Message) -> Bool)?
    let tree = ObjectTree()
    let signals = SignalRegistry()

    init(_ opening: Opening, loop: EventLoop, options: ConnectionOptions) {
        self.opening = opening
        self.loop = loop
        self.options = options
        received = ReceivedBytes(most: options.maximumReceivedBytes, loop: loop)
        assembler = MessageAssembler(most: options.maximumMessageBytes, countedBy: received)
        turns = CallTurns(most: options.maximumUnansweredCalls)
    }

    // MARK: Opening and closing

    func attach() {
        do throws(DBusError) {
            try opening?.begin()
        } catch {
            return lost(error)
        }
        loop.add(self)
    }

    func takeUp(_ opening: Opening, _ hello: Message, _ then: @escaping Waiter.Completion) {
        guard closure == nil, !isOnBus else { return then(.failure(endedError)) }
        self.opening = opening
        assembler = MessageAssembler(most: options.maximumMessageBytes, countedBy: received)
        turns = CallTurns(most: options.maximumUnansweredCalls)
        attach()
        call(hello, timeout: options.connectTimeout, completion: then)
    }

    /// Whether it has a socket, or opens one.
    var isOnBus: Bool { socket != nil || opening != nil }

    /// Takes over the socket once the server has let this process in.
    private func lookAtOpening() {
        switch opening?.outcome() {
        case nil: break
        case .failed(let error): lost(error)
        case .socket(let handover):
            // libdbus closes its own descriptor with the opening, and the socket stays open under another.
            loop.forget(self)
            opening = nil
            socket = handover.socket
            canCarryDescriptors = handover.canCarryDescriptors
            buffer = ReadBuffer()
            if !handover.early.isEmpty { handover.early.withUnsafeBytes { take($0, []) } }
            write()
        }
    }

    /// The bus is lost. The link rests then, if it is to outlive that; else it ends.
    func lost(_ error: DBusError) {
        guard closure == nil, let outlives else { return close(error) }
        letGo()
        stay += 1
        // Who hears of it first: then those who wait for replies. Some may have called while the link was coming back: whatever kept it from that,
        // to them the bus is lost.
        outlives(error)
        endWaiting(DBusError(code: .disconnected, error.message))
    }

    /// Gives up the socket, and with it what waits to be sent.
    private func letGo() {
        loop.remove(self)
        // What fits goes out.
        if let socket, !isFull { _ = outbox.write(to: socket.rawValue) }
        socket = nil
        opening = nil
        buffer = nil
        outbox = Outbox()
        isFull = false
        assembler = MessageAssembler(most: 0)
        turns = CallTurns(most: nil)
    }

    /// Ends the connection: what waits for a reply fails with `error`, and then the observers hear of it. Later calls do nothing.
    func close(_ error: DBusError) {
        guard closure == nil else { return }
        closure = error
        letGo()
        inbound = nil
        outlives = nil
        tree.removeAll()
        for connection in privates.values { connection.close(error) }
        endWaiting(error)
        signals.end(error)
        let observers = closureObservers
        closureObservers = []
        for observer in observers { observer(error) }
    }

    /// Calls back once when the connection has ended; at once when it has.
    func onClosed(_ observer: @escaping @Sendable (DBusError) -> Void) {
        if let closure { observer(closure) } else { closureObservers.append(observer) }
    }

    private var endedError: DBusError {
        closure ?? DBusError(code: .disconnected, isOnBus ? "the connection has ended" : "the bus is lost")
    }

    // MARK: Sending

    /// Queues the message; it is written before the loop waits again. Never blocks.
    /// - Parameter isBounded: false for what must get out even past the queue's limit.
    @discardableResult
    func send(_ message: Message, isBounded: Bool = true) throws(DBusError) -> UInt32 {
        let serial = nextSerial()
        try send(message, serial, isBounded: isBounded)
        return serial
    }

    func sendCall(_ message: Message) throws(DBusError) -> UInt32 {
        let serial = nextSerial()
        guard turns.mayGo(serial, message) else { return serial }
        do throws(DBusError) {
            try send(message, serial, isBounded: true)
        } catch {
            turns.answered(serial)
            throw error
        }
        return serial
    }

    /// Sends the calls whose turn has come.
    private func sendWaiting() {
        while let (serial, message) = turns.next(isWanted: { waiters[$0] != nil }) {
            do throws(DBusError) {
                try send(message, serial, isBounded: true)
            } catch {
                turns.answered(serial)
                drop(serial, error)
            }
        }
    }

    private func nextSerial() -> UInt32 {
        lastSerial = lastSerial == .max ? 1 : lastSerial + 1
        return lastSerial
    }

    private func send(_ message: Message, _ serial: UInt32, isBounded: Bool) throws(DBusError) {
        let message = message.hasHeader ? message : try message.forwarded(to: message.destination.map { BusName(verified: $0) })
        guard closure == nil, isOnBus, !outbox.isClosed else { throw endedError }
        if isBounded, queuedBytes > options.maximumQueuedBytes {
            throw DBusError(code: .queueFull, "\(queuedBytes) bytes wait to be sent, \(options.maximumQueuedBytes) are allowed")
        }
        if message.containsUnixFDs, !canCarryDescriptors {
            throw DBusError(code: .notSupported, "this connection cannot carry file descriptors")
        }
        guard let bytes = message.numbered(serial) else { throw DBusError(code: .outOfMemory, "copying a message") }
        outbox.append(bytes)
        // What is sent while the loop hands out what it has read leaves together, in one write; anything else leaves at once.
        if !loop.isHandingOut { write() }
    }

    /// The bytes that wait to be sent.
    var queuedBytes: Int { outbox.byteCount }
    /// The bytes that were sent to the bus this link is on, those that wait among them.
    var sentBytes: UInt64 { outbox.appended }

    /// Writes what the socket takes of what waits, in order. Never blocks, and does not end the connection itself: what was read meanwhile counts.
    private func write() {
        guard let socket, !isFull else { return }
        while !outbox.isEmpty {
            switch outbox.write(to: socket.rawValue) {
            case .all: return
            case .some: return isFull = true
            // It shows when everything has been read that the bus said before.
            case .closed: return
            case .leftOut(let message):
                options.logger.error(
                    "a message with \(message.descriptors.count) file descriptors was not sent: too many are between processes")
            case .failed(let number):
                let error = DBusError(code: .disconnected, "writing to the connection failed: errno \(number)")
                return loop.execute { [weak self, stay] in if self?.stay == stay { self?.lost(error) } }
            }
        }
    }

    // MARK: PollSource

    var descriptor: Int32 { socket?.rawValue ?? opening?.descriptor ?? -1 }

    var events: Int16 {
        if let opening { return opening.events }
        return Int16(truncatingIfNeeded: (received.isFull ? 0 : POLLIN) | (isFull ? POLLOUT : 0))
    }

    func isReady(_ events: Int16) {
        if let opening {
            opening.isReady(events)
            return lookAtOpening()
        }
        if Int32(events) & (POLLOUT | POLLHUP | POLLERR) != 0 {
            isFull = false
            write()
        }
        if Int32(events) & (POLLIN | POLLHUP | POLLERR) != 0 { receive() }
    }

    func process() -> Bool {
        // libdbus may have done something before it was first polled.
        if opening != nil { lookAtOpening() } else if !outbox.isEmpty { write() }
        return false
    }

    func loopEnded() { close(DBusError(code: .disconnected, "the event loop of the connection was shut down")) }

    // MARK: Receiving

    /// Counts the times that messages were read: those with the same number had all arrived before any of them was handed out.
    private(set) var reading: UInt64 = 0

    /// Reads once, and hands out every message that has arrived whole, in order.
    private func receive() {
        guard let socket, let buffer, !received.isFull else { return }
        var descriptors: [FileDescriptorBox] = []
        switch buffer.read(from: socket.rawValue, &descriptors) {
        case .bytes(let count): take(buffer.bytes(count), descriptors)
        case .nothing, .descriptors: break
        case .end: lost(DBusError(code: .disconnected, "the connection was lost"))
        case .failed(let number): lost(DBusError(code: .disconnected, "reading from the connection failed: errno \(number)"))
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer, _ descriptors: [FileDescriptorBox]) {
        reading &+= 1
        var arrivals: [MessageAssembler.Arrival] = []
        swap(&arrivals, &spare)
        var fault: MessageFault?
        do throws(MessageFault) {
            try assembler.take(bytes, with: descriptors, &arrivals)
        } catch {
            fault = error
        }
        for arrival in arrivals where closure == nil {
            switch arrival {
            case .message(let message): dispatch(message)
            case .bad(let message): refuse(message)
            }
        }
        arrivals.removeAll(keepingCapacity: arrivals.count <= 256)
        swap(&arrivals, &spare)
        guard let fault else { return }
        options.logger.error("the connection to the bus ends, since nobody knows where its next message begins: \(fault)")
        lost(DBusError(code: .disconnected, "a message of the bus is malformed: \(fault)"))
    }

    private func dispatch(_ message: Message) {
        switch message.kind {
        case .methodReturn, .error:
            defer { sendWaiting() }
            let serial = message.replySerial
            if message.isRefusalForNumber, turns.refused(serial, isWanted: waiters[serial] != nil) { return }
            turns.answered(serial)
            answer(message) { isExpected(message.sender, by: $0) }
        case .methodCall: handOut(message)
        case .signal: signals.deliver(message)
        }
    }

    /// Whether `waiter` takes an answer from `sender`.
    private func isExpected(_ sender: String?, by waiter: Waiter) -> Bool {
        guard let expected = waiter.expectedSender, let sender, sender != expected, sender != BusName.bus.text else { return true }
        options.logger.warning("a reply from \(sender) to a call that went to \(expected) was dropped")
        return false
    }

    /// A message that cannot be handed out costs its sender that message, and nobody the connection.
    private func refuse(_ message: BadMessage) {
        let (header, error) = (message.header, message.error)
        options.logger.warning("a message from \(header.sender ?? "an unknown sender") was dropped: \(error.message)")
        switch Int32(header.start.type) {
        case DBUS_MESSAGE_TYPE_METHOD_CALL:
            guard let answer = MessageHeader(refusing: header, error.name) else { return }
            _ = try? send(answer.build([.string("the call cannot be read: \(error.message)")]))
        case DBUS_MESSAGE_TYPE_METHOD_RETURN, DBUS_MESSAGE_TYPE_ERROR:
            let serial = header.replySerial
            turns.answered(serial)
            if let waiter = waiters[serial], isExpected(header.sender, by: waiter) {
                drop(serial, DBusError(code: error.code, "the reply cannot be read: \(error.message)"))
            }
            sendWaiting()
        default: break
        }
    }

    /// Hands out a call, whichever way it came.
    func handOut(_ message: Message) {
        if let inbound, inbound(message) { return }
        tree.answer(MethodCall(message, on: self), on: self)
    }

    // MARK: Private connections

    /// - Parameter names: messages to these go by it from now on.
    func adopt(_ connection: PrivateConnection, for names: [String]) {
        guard connection.closure == nil else { return }
        privates[ObjectIdentifier(connection)] = connection
        for name in names { detours[name] = connection }
        lastDetour = nil
    }

    func forget(_ connection: PrivateConnection) {
        privates[ObjectIdentifier(connection)] = nil
        for (name, detour) in detours where detour === connection { detours[name] = nil }
        lastDetour = nil
    }

    /// Whether there are names to which messages go by private connections. From any thread: it may change at once.
    var hasDetours: Bool { anyDetours.load(ordering: .relaxed) }

    /// By what a message goes that is sent now.
    func carrier(of message: Message) -> any Carrier {
        if detours.isEmpty { return self }
        return message.destination.flatMap { detour(to: $0) } ?? self
    }

    var privateConnections: [PrivateConnection] { Array(privates.values) }

    func detour(to name: String) -> PrivateConnection? {
        if let lastDetour, lastDetour.name == name { return lastDetour.connection }
        guard let connection = detours[name] else { return nil }
        lastDetour = (name, connection)
        return connection
    }
}

extension Message {
    /// Whether it is the bus's own error for a call beyond the number that may be without a reply.
    fileprivate var isRefusalForNumber: Bool {
        kind == .error && errorName == ErrorName.limitsExceeded.text && sender == BusName.bus.text
    }
}
