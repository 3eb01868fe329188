import CDBus
import Glibc

/// libdbus's part of a connection: it opens the address and authenticates, which is what it is good at. Then its socket is taken over, and libdbus
/// has no more part in it.
///
/// `@unchecked Sendable`: made on one thread, and touched on the loop from then on.
final class Opening: @unchecked Sendable {
    /// What has come of it.
    enum Outcome {
        case socket(Handover)
        case failed(DBusError)
    }

    /// What is left of libdbus's connection.
    struct Handover {
        /// The server lets this process in, and waits for its first message.
        let socket: FileDescriptorBox
        let canCarryDescriptors: Bool
        /// What the server said without being asked.
        let early: [UInt8]
    }

    /// libdbus's own, which it changes while it works on one of them.
    private final class Watches {
        var all: [OpaquePointer] = []
    }

    private let pointer: OpaquePointer
    private let watches = Watches()

    /// May block for ever.
    init(address: String) throws(DBusError) {
        dbus_threads_init_default()
        var failure = CDBus.DBusError()
        dbus_error_init(&failure)
        defer { dbus_error_free(&failure) }
        guard let pointer = dbus_connection_open_private(address, &failure) else {
            throw DBusError(failure, otherwise: .address, "cannot connect to \(address)", unstated: "unknown reason")
        }
        self.pointer = pointer
    }

    deinit {
        dbus_connection_set_watch_functions(pointer, nil, nil, nil, nil, nil)
        dbus_connection_close(pointer)
        dbus_connection_unref(pointer)
    }

    /// From now on its socket is to be polled.
    func begin() throws(DBusError) {
        dbus_connection_set_exit_on_disconnect(pointer, 0)
        let isWatched = dbus_connection_set_watch_functions(
            pointer,
            { watch, data in
                guard let watch, let data else { return 1 }
                Unmanaged<Watches>.fromOpaque(data).takeUnretainedValue().all.append(watch)
                return 1
            },
            { watch, data in
                guard let watch, let data else { return }
                Unmanaged<Watches>.fromOpaque(data).takeUnretainedValue().all.removeAll { $0 == watch }
            },
            { _, _ in }, Unmanaged.passUnretained(watches).toOpaque(), nil)
        guard isWatched != 0 else { throw DBusError(code: .outOfMemory, "no memory to watch a connection") }
    }

    var descriptor: Int32 { watches.all.first.map { dbus_watch_get_unix_fd($0) } ?? -1 }

    var events: Int16 {
        var events: Int32 = 0
        for watch in watches.all where dbus_watch_get_enabled(watch) != 0 {
            let flags = dbus_watch_get_flags(watch)
            if flags & DBUS_WATCH_READABLE.rawValue != 0 { events |= POLLIN }
            if flags & DBUS_WATCH_WRITABLE.rawValue != 0 { events |= POLLOUT }
        }
        return Int16(truncatingIfNeeded: events)
    }

    func isReady(_ revents: Int16) {
        let revents = Int32(revents)
        var flags: UInt32 = 0
        if revents & POLLIN != 0 { flags |= DBUS_WATCH_READABLE.rawValue }
        if revents & POLLOUT != 0 { flags |= DBUS_WATCH_WRITABLE.rawValue }
        if revents & POLLERR != 0 { flags |= DBUS_WATCH_ERROR.rawValue }
        if revents & POLLHUP != 0 { flags |= DBUS_WATCH_HANGUP.rawValue }
        for watch in watches.all where watches.all.contains(watch) && dbus_watch_get_enabled(watch) != 0 {
            let wanted = dbus_watch_get_flags(watch) | DBUS_WATCH_ERROR.rawValue | DBUS_WATCH_HANGUP.rawValue
            if flags & wanted != 0 { dbus_watch_handle(watch, flags & wanted) }
        }
    }

    /// Nil while libdbus authenticates. What it has to say for that is written when it calls itself authenticated.
    func outcome() -> Outcome? {
        let isAuthenticated = dbus_connection_get_is_authenticated(pointer) != 0
        guard dbus_connection_get_is_connected(pointer) != 0 else {
            return .failed(
                isAuthenticated
                    ? DBusError(code: .disconnected, "the connection was lost")
                    : DBusError(code: .authentication, "the server hung up before it let this process in"))
        }
        guard isAuthenticated else { return nil }
        var number: Int32 = -1
        guard dbus_connection_get_unix_fd(pointer, &number) != 0, let socket = FileDescriptorBox(duplicating: number) else {
            return .failed(DBusError(code: .outOfMemory, "no file descriptor for the connection: errno \(errno)"))
        }
        let canCarry = dbus_connection_can_send_type(pointer, Int32(TypeCode.unixFD)) != 0
        return .socket(Handover(socket: socket, canCarryDescriptors: canCarry, early: takeMessages()))
    }

    /// A message bus says nothing before it is told Hello. What a server of another kind says is not lost.
    private func takeMessages() -> [UInt8] {
        var bytes: [UInt8] = []
        while let message = dbus_connection_pop_message(pointer) {
            defer { dbus_message_unref(message) }
            var memory: UnsafeMutablePointer<CChar>?
            var count: Int32 = 0
            // libdbus's own word, which is of no use here.
            if dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected") != 0 { continue }
            guard dbus_message_marshal(message, &memory, &count) != 0 else { continue }
            bytes.append(contentsOf: UnsafeRawBufferPointer(start: memory, count: Int(count)))
            dbus_free(memory)
        }
        return bytes
    }
}
