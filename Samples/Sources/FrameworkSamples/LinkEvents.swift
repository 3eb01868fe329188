import CIM
import CIMBusProvider
import DBus
import Glibc
import Logging
import Synchronization

/// The source of the events of network interfaces: the kernel says by rtnetlink(7) that one comes, changes or goes, and sysfs what it is then.
///
/// Several changes between two looks are one. While nobody listens there is no socket.
public final class LinkEvents: Sendable {
    private struct State {
        var socket: Int32 = -1
        var watch: EventLoop.TimerToken?
        /// The instances that were found last, by their names.
        var known: [String: CIMInstance] = [:]
        var sink: EventSink?
    }

    private let read: @Sendable () -> [String: CIMInstance]
    private let logger: Logger
    /// All work is done on it.
    private let loop = EventLoop(name: "links")
    private let state = Mutex(State())

    /// - Parameter read: the instances that are there now, by their names.
    public init(_ logger: Logger, read: @escaping @Sendable () -> [String: CIMInstance]) {
        self.logger = logger
        self.read = read
    }

    /// Where it raises its events.
    public func makeSink() -> EventSink {
        let sink = EventSink(onActivity: { [self] isActive in loop.execute { if isActive { self.begin() } else { self.end() } } })
        state.withLock { $0.sink = sink }
        return sink
    }

    /// What a provider of instances and events says of itself when it registers.
    public static func registrations(_ name: String, _ className: String) -> String {
        let queries = ["Creation", "Modification", "Deletion"].map {
            "\"SELECT * FROM __Instance\($0)Event WHERE TargetInstance ISA '\(className)'\""
        }
        return """
            instance of __Win32Provider as $Provider { Name = "\(name)"; HostingModel = "Decoupled:DBus"; };
            instance of __InstanceProviderRegistration { provider = $Provider; SupportsGet = TRUE; SupportsEnumeration = TRUE; };
            instance of __EventProviderRegistration { provider = $Provider; EventQueryList = {\(queries.joined(separator: ", "))}; };

            """
    }

    // MARK: On the loop

    private func begin() {
        // First the socket, then the look: what changes in between is told.
        guard let socket = Self.connect() else {
            return logger.error("the kernel tells nothing of network interfaces: rtnetlink failed with errno \(errno)")
        }
        let found = read()
        let watch = loop.addWatch(socket, events: Int16(POLLIN)) { [self] _ in changed(socket) }
        state.withLock { ($0.socket, $0.watch, $0.known) = (socket, watch, found) }
        logger.info("the interfaces are watched")
    }

    private func end() {
        let (socket, watch) = state.withLock { state in
            defer { (state.socket, state.watch, state.known) = (-1, nil, [:]) }
            return (state.socket, state.watch)
        }
        guard let watch else { return }
        loop.removeWatch(watch)
        close(socket)
        logger.info("nobody listens: the interfaces are not watched")
    }

    /// That something came is enough. So a message that the kernel throws away (ENOBUFS) does no harm.
    private func changed(_ socket: Int32) {
        var buffer = [UInt8](repeating: 0, count: 32 << 10)
        while recv(socket, &buffer, buffer.count, 0) > 0 || errno == ENOBUFS || errno == EINTR {}
        let now = read()
        let (before, sink) = state.withLock { state in
            defer { state.known = now }
            return (state.known, state.sink)
        }
        sink?.post(Self.changes(from: before, to: now))
    }

    static func changes(from before: [String: CIMInstance], to now: [String: CIMInstance]) -> [CIMInstance] {
        var events: [CIMInstance] = []
        for (name, instance) in before.sorted(by: { $0.key < $1.key }) where now[name] == nil {
            events.append(CIMInstance(className: "__InstanceDeletionEvent", ["TargetInstance": .object(instance)]))
        }
        for (name, instance) in now.sorted(by: { $0.key < $1.key }) {
            guard let previous = before[name] else {
                events.append(CIMInstance(className: "__InstanceCreationEvent", ["TargetInstance": .object(instance)]))
                continue
            }
            if instance == previous { continue }
            events.append(
                CIMInstance(
                    className: "__InstanceModificationEvent",
                    ["TargetInstance": .object(instance), "PreviousInstance": .object(previous)]))
        }
        return events
    }

    /// A socket to which the kernel sends word of each link; nil and errno on failure.
    private static func connect() -> Int32? {
        // struct sockaddr_nl: the family, padding, the port (0: the kernel chooses one), the groups (RTMGRP_LINK is 1).
        var address: (family: UInt16, padding: UInt16, port: UInt32, groups: UInt32) = (UInt16(AF_NETLINK), 0, 0, 1)
        let protocolOfRoutes: Int32 = 0
        let socket = Glibc.socket(AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), protocolOfRoutes)
        guard socket >= 0 else { return nil }
        let status = withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { bind(socket, $0.baseAddress, socklen_t(bytes.count)) }
        }
        if status == 0 { return socket }
        let reason = errno
        close(socket)
        errno = reason
        return nil
    }
}
