import CDBus
import Glibc
import Logging

/// One `DBusConnection` on one event loop: messages in, messages out, replies matched to calls.
///
/// libdbus connects, authenticates, reads, and validates what it reads. Messages are written here: libdbus would validate what
/// ``MessageHeader`` wrote once more, and copy it. It writes those with file descriptors.
///
/// `@unchecked Sendable`: everything mutable is touched on the loop only, but for ``init``, which nobody else can see.
final class Link: PollSource, Carrier, @unchecked Sendable {
    let loop: EventLoop
    let options: ConnectionOptions
    private(set) var pointer: OpaquePointer?
    private var watches: [OpaquePointer] = []
    var waiters: [UInt32: Waiter] = [:]
    /// The private connections of this process's place on the bus; they end with it.
    private var privates: [ObjectIdentifier: PrivateConnection] = [:]
    /// By which of them messages go, by the names of those that they are for.
    private var detours: [String: PrivateConnection] = [:]
    private var outbox = Outbox()
    private var lastSerial: UInt32 = 0
    private var turns: CallTurns
    /// libdbus's socket, once it may be written to. Only while libdbus is connected is the number the socket's.
    private var socket: Int32 = -1
    /// Whether libdbus may have messages of its own to write, before which nothing else may be written.
    private var isLibraryWriting = false
    private(set) var closure: DBusError?
    private var closureObservers: [@Sendable (DBusError) -> Void] = []
    /// Sees method calls before the object tree; true when it took the message.
    var inbound: (@Sendable (Message) -> Bool)?
    let tree = ObjectTree()
    let signals = SignalRegistry()

    private init(pointer: OpaquePointer, loop: EventLoop, options: ConnectionOptions) {
        self.pointer = pointer
        self.loop = loop
        self.options = options
        turns = CallTurns(most: options.maximumUnansweredCalls)
    }

    deinit {
        // Only a link that was never attached, or one that is closed, loses its last reference.
        if let pointer {
            dbus_connection_close(pointer)
            dbus_connection_unref(pointer)
        }
    }

    // MARK: Opening and closing

    /// Connecting may block for ever: each connection has a thread of its own for it.
    private static let openers = BlockingThreads(name: "dbus-connect", most: .max)

    /// Opens the socket on one of ``openers``, and attaches the link to the loop.
    static func open(address: String, loop: EventLoop, options: ConnectionOptions) async throws(DBusError) -> Link {
        let result: Result<Link, DBusError> = await withUnsafeContinuation { continuation in
            openers.execute {
                dbus_threads_init_default()
                var failure = CDBus.DBusError()
                dbus_error_init(&failure)
                defer { dbus_error_free(&failure) }
                guard let pointer = dbus_connection_open_private(address, &failure) else {
                    continuation.resume(
                        returning: .failure(
                            DBusError(failure, otherwise: .address, "cannot connect to \(address)", unstated: "unknown reason")))
                    return
                }
                let link = Link(pointer: pointer, loop: loop, options: options)
                loop.execute {
                    link.attach()
                    continuation.resume(returning: .success(link))
                }
            }
        }
        return try result.get()
    }

    private func attach() {
        guard let pointer else { return }
        dbus_connection_set_exit_on_disconnect(pointer, 0)
        dbus_connection_set_max_message_size(pointer, options.maximumMessageBytes)
        dbus_connection_set_max_received_size(pointer, options.maximumReceivedBytes)
        let me = Unmanaged.passUnretained(self).toOpaque()
        let ok = dbus_connection_set_watch_functions(
            pointer,
            { watch, data in
                guard let watch, let data else { return 1 }
                Unmanaged<Link>.fromOpaque(data).takeUnretainedValue().watches.append(watch)
                return 1
            },
            { watch, data in
                guard let watch, let data else { return }
                Unmanaged<Link>.fromOpaque(data).takeUnretainedValue().watches.removeAll { $0 == watch }
            },
            { _, data in
                // May come from whichever thread drops the message that unblocks reading.
                guard let data else { return }
                Unmanaged<Link>.fromOpaque(data).takeUnretainedValue().loop.wake()
            }, me, nil)
        dbus_connection_set_dispatch_status_function(
            pointer,
            { _, status, data in
                guard let data else { return }
                Unmanaged<Link>.fromOpaque(data).takeUnretainedValue().hasArrivals = status != DBUS_DISPATCH_COMPLETE
            }, me, nil)
        if ok == 0 { return close(DBusError(code: .outOfMemory, "no memory to watch a connection")) }
        loop.add(self)
    }

    /// Ends the connection: what waits for a reply fails with `error`, and then the observers hear of it. Later calls do nothing.
    func close(_ error: DBusError) {
        guard closure == nil else { return }
        closure = error
        loop.remove(self)
        if let pointer {
            dbus_connection_set_watch_functions(pointer, nil, nil, nil, nil, nil)
            dbus_connection_set_dispatch_status_function(pointer, nil, nil, nil)
            dbus_connection_close(pointer)
            dbus_connection_unref(pointer)
        }
        pointer = nil
        outbox = Outbox()
        turns = CallTurns(most: nil)
        watches = []
        inbound = nil
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

    private var endedError: DBusError { closure ?? DBusError(code: .disconnected, "the connection has ended") }

    // MARK: Sending

    /// Queues the message and writes what the socket takes. Never blocks.
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
        let message = message.arrival == nil ? message : try message.forwarded(to: message.destination.map { BusName(verified: $0) })
        guard let pointer, !outbox.isClosed, dbus_connection_get_is_connected(pointer) != 0 else { throw endedError }
        if isBounded {
            let queued = queuedBytes
            guard queued <= options.maximumQueuedBytes else {
                throw DBusError(code: .queueFull, "\(queued) bytes wait to be sent, \(options.maximumQueuedBytes) are allowed")
            }
        }
        if message.containsUnixFDs, !canCarryDescriptors {
            throw DBusError(code: .notSupported, "this connection cannot carry file descriptors")
        }
        if message.pointer == nil {
            guard let bytes = message.numbered(serial) else { throw DBusError(code: .outOfMemory, "copying a message") }
            outbox.append(.bytes(bytes))
        } else {
            outbox.append(.library(try numbered(message, serial), message.size))
        }
        write()
    }

    /// libdbus's message to be sent with this serial: one reference. A message that has a serial was sent or received before.
    private func numbered(_ message: Message, _ serial: UInt32) throws(DBusError) -> OpaquePointer {
        let copy = message.serial == 0 ? message.pointer.map { dbus_message_ref($0) } : message.pointer.map { dbus_message_copy($0) }
        guard let copy, let copy else { throw DBusError(code: .outOfMemory, "copying a message") }
        dbus_message_set_serial(copy, serial)
        return copy
    }

    /// The bytes that wait to be sent.
    var queuedBytes: Int { outbox.byteCount + (isLibraryWriting ? pointer.map { dbus_connection_get_outgoing_size($0) } ?? 0 : 0) }

    /// Writes what the socket takes of what waits, in order. Never blocks, and does not end the connection itself: what was read meanwhile counts.
    private func write() {
        guard let pointer, !outbox.isEmpty, hasAuthenticated(pointer), dbus_connection_get_is_connected(pointer) != 0 else { return }
        while let item = outbox.first {
            if isLibraryWriting {
                if dbus_connection_has_messages_to_send(pointer) != 0 { return }
                isLibraryWriting = false
            }
            switch item {
            case .bytes:
                switch outbox.write(to: socket) {
                case .all: continue
                case .some: return
                case .failed(let number):
                    let error = DBusError(code: .disconnected, "writing to the connection failed: errno \(number)")
                    return loop.execute { [weak self] in self?.close(error) }
                }
            case .library(let message, _):
                guard dbus_connection_send(pointer, message, nil) != 0 else { return }
                isLibraryWriting = true
                outbox.removeFirst()
            }
        }
    }

    /// Whether messages may be written: libdbus lets this side in, and has written all that it had to say to that end.
    private func hasAuthenticated(_ pointer: OpaquePointer) -> Bool {
        if socket >= 0 { return true }
        return dbus_connection_get_is_authenticated(pointer) != 0 && dbus_connection_get_unix_fd(pointer, &socket) != 0
    }

    // MARK: PollSource

    var descriptor: Int32 { watches.first.map { dbus_watch_get_unix_fd($0) } ?? -1 }

    var events: Int16 {
        var events: Int32 = 0
        for watch in watches where dbus_watch_get_enabled(watch) != 0 {
            let flags = dbus_watch_get_flags(watch)
            if flags & DBUS_WATCH_READABLE.rawValue != 0 { events |= POLLIN }
            if flags & DBUS_WATCH_WRITABLE.rawValue != 0 { events |= POLLOUT }
        }
        if socket >= 0, !outbox.isEmpty, !isLibraryWriting { events |= POLLOUT }
        return Int16(truncatingIfNeeded: events)
    }

    func isReady(_ revents: Int16) {
        let revents = Int32(revents)
        var flags: UInt32 = 0
        if revents & POLLIN != 0 { flags |= DBUS_WATCH_READABLE.rawValue }
        if revents & POLLOUT != 0 { flags |= DBUS_WATCH_WRITABLE.rawValue }
        if revents & POLLERR != 0 { flags |= DBUS_WATCH_ERROR.rawValue }
        if revents & POLLHUP != 0 { flags |= DBUS_WATCH_HANGUP.rawValue }
        // The list may change while libdbus works on one of them.
        for watch in watches where watches.contains(watch) && dbus_watch_get_enabled(watch) != 0 {
            let wanted = dbus_watch_get_flags(watch) | DBUS_WATCH_ERROR.rawValue | DBUS_WATCH_HANGUP.rawValue
            if flags & wanted != 0 { dbus_watch_handle(watch, flags & wanted) }
        }
        write()
        // What libdbus held back meanwhile, for want of room, it does not report again.
        if revents & POLLIN != 0 { hasArrivals = true }
        receive()
    }

    /// Whether messages wait to be handed out, as libdbus says; until it has said anything, it is asked.
    private(set) var hasArrivals = true

    func process() -> Bool {
        // Authentication may have ended while messages were looked for.
        if socket < 0 { write() }
        guard hasArrivals, pointer != nil else { return false }
        receive()
        return true
    }

    func loopEnded() { close(DBusError(code: .disconnected, "the event loop of the connection was shut down")) }

    /// Counts the times that messages were read: those with the same number had all arrived before any of them was handed out.
    private(set) var reading: UInt64 = 0

    /// Hands out every message that has arrived, in order.
    private func receive() {
        reading &+= 1
        while hasArrivals, let pointer {
            guard let raw = dbus_connection_pop_message(pointer) else {
                hasArrivals = false
                return
            }
            // libdbus's own word, which no peer can send.
            if dbus_message_is_signal(raw, DBUS_INTERFACE_LOCAL, "Disconnected") != 0 {
                dbus_message_unref(raw)
                close(
                    dbus_connection_get_is_authenticated(pointer) == 0
                        ? DBusError(code: .authentication, "the server hung up before it let this process in")
                        : DBusError(code: .disconnected, "the connection was lost"))
                return
            }
            dispatch(Message(adopting: raw))
        }
    }

    private func dispatch(_ message: Message) {
        switch message.kind {
        case .methodReturn, .error:
            defer { sendWaiting() }
            let serial = message.replySerial
            if message.isRefusalForNumber, turns.refused(serial, isWanted: waiters[serial] != nil) { return }
            turns.answered(serial)
            answer(message) { waiter in
                guard let expected = waiter.expectedSender, let sender = message.sender, sender != expected, sender != BusName.bus.text
                else { return true }
                options.logger.warning("a reply from \(sender) to a call that went to \(expected) was dropped")
                return false
            }
        case .methodCall: handOut(message)
        case .signal: signals.deliver(message)
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
    }

    func forget(_ connection: PrivateConnection) {
        privates[ObjectIdentifier(connection)] = nil
        for (name, detour) in detours where detour === connection { detours[name] = nil }
    }

    /// By what a message goes that is sent now.
    func carrier(of message: Message) -> any Carrier {
        if detours.isEmpty { return self }
        return message.destination.flatMap { detours[$0] } ?? self
    }

    var privateConnections: [PrivateConnection] { Array(privates.values) }

    func detour(to name: String) -> PrivateConnection? { detours[name] }

    /// Whether libdbus and the bus carry file descriptors.
    var canCarryDescriptors: Bool {
        pointer.map { dbus_connection_can_send_type($0, Int32(TypeCode.unixFD)) != 0 } ?? false
    }
}

extension Message {
    /// Whether it is the bus's own error for a call beyond the number that may be without a reply.
    fileprivate var isRefusalForNumber: Bool {
        kind == .error && errorName == ErrorName.limitsExceeded.text && sender == BusName.bus.text
    }
}
