import DBus
import Glibc
import Synchronization

/// What dbus-broker-launch is to a dbus-broker on a system: gives it its socket and its policy, and starts what it asks for.
///
/// It speaks D-Bus with it, over a socket that they share, without a Hello and without names. It ends with the bus.
final class BusController: Sendable {
    private struct State {
        var serial: UInt32 = 0
        var replies: [UInt32: Event<String?>] = [:]
        /// The command lines, by the object of each name.
        var commands: [String: String] = [:]
        var processes: [ChildProcess] = []
    }

    private let socket: FileDescriptorBox
    private let address: String
    private let state = Mutex(State())
    private static let threads = BlockingThreads(name: "bus-controller", most: .max)
    private static let broker = ObjectPath(verified: "/org/bus1/DBus/Broker")

    /// Starts a dbus-broker that listens at a path; its process.
    static func launch(at path: String, _ limits: BusLimits, _ services: ServiceFolder?, _ allUsers: Bool) async throws -> ChildProcess {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ProcessError(description: "socketpair: errno \(errno)")
        }
        let (own, its) = (FileDescriptorBox(owning: ends[0]), FileDescriptorBox(owning: ends[1]))
        let process = try ChildProcess(
            "dbus-broker", ["--controller", "3", "--machine-id", String(repeating: "1", count: 32)] + limits.options, descriptor: its)
        let controller = BusController(own, "unix:path=\(path)")
        try controller.authenticate()
        Task { await threads.run { controller.read() } }
        services?.observe { [weak controller] name, command in controller?.add(name, command) }
        let listener = try listen(at: path, allUsers)
        let answer = controller.call(
            broker, "org.bus1.DBus.Broker", "AddListener", "ohv",
            [.objectPath(ObjectPath(verified: "/org/bus1/DBus/Listener/0")), .uint32(0), .variant(policy(allUsers))], [listener])
        if let error = try await answer.value() { throw ProcessError(description: "dbus-broker does not listen: \(error)") }
        return process
    }

    private init(_ socket: FileDescriptorBox, _ address: String) {
        self.socket = socket
        self.address = address
    }

    private static func listen(at path: String, _ allUsers: Bool) throws -> FileDescriptorBox {
        let listener = FileDescriptorBox(
            owning: Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0))
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let isBound = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard isBound == 0, Glibc.listen(listener.rawValue, 128) == 0 else {
            throw ProcessError(description: "cannot listen at \(path): errno \(errno)")
        }
        if allUsers { chmod(path, 0o777) }
        return listener
    }

    /// Everything allowed to whoever may connect.
    private static func policy(_ allUsers: Bool) -> DBusValue {
        let messages = DBusValue.array(
            element: Signature(verified: "(btssssuutt)"),
            [
                .structure([
                    .boolean(true), .uint64(1), .string(""), .string(""), .string(""), .string(""), .uint32(0), .uint32(0), .uint64(0),
                    .uint64(.max),
                ])
            ])
        func batch(_ user: UInt32, connects: Bool) -> DBusValue {
            let names = DBusValue.array(
                element: Signature(verified: "(btbs)"), [.structure([.boolean(true), .uint64(1), .boolean(true), .string("")])])
            return .structure([.uint32(user), .structure([.boolean(connects), .uint64(1), names, messages, messages])])
        }
        let content = "bta(btbs)a(btssssuutt)a(btssssuutt)"
        let own = getuid() == 0 ? [0] : [0, getuid()]
        return .structure([
            .array(
                element: Signature(verified: "(u(\(content)))"),
                [batch(.max, connects: allUsers)] + own.map { batch($0, connects: true) }),
            .array(element: Signature(verified: "(buu(\(content)))"), []),
            .array(element: Signature(verified: "(ss)"), []),
            .boolean(false),
            .string("session"),
        ])
    }

    // MARK: - What the bus starts

    private func add(_ name: String, _ command: String) {
        let path = state.withLock { state in
            let path = "/org/bus1/DBus/Name/\(state.commands.count + 1)"
            state.commands[path] = command
            return path
        }
        call(
            Self.broker, "org.bus1.DBus.Broker", "AddName", "osu",
            [.objectPath(ObjectPath(verified: path)), .string(name), .uint32(getuid())])
    }

    /// Starts the program of a name. As dbus-broker-launch does, it tells the bus when the program fails, and does not when it ends with 0.
    private func activate(_ path: String, _ request: UInt64) {
        guard let command = state.withLock({ $0.commands[path] }) else { return }
        let process = try? ChildProcess("/bin/sh", ["-c", "exec \(command)"], environment: ["DBUS_SESSION_BUS_ADDRESS": address])
        if let process { state.withLock { $0.processes.append(process) } }
        Task { [weak self] in
            let end = try? await process?.waitForEnd(within: .seconds(3_600))
            guard end != .exited(0) else { return }
            self?.call(
                ObjectPath(verified: path), "org.bus1.DBus.Name", "Reset", "ts",
                [.uint64(request), .string("org.bus1.DBus.Name.Error.UnitFailure")])
        }
    }

    // MARK: - The socket

    /// Sends a call; what it gives is the name of the error that answers it, or nil.
    @discardableResult
    private func call(
        _ path: ObjectPath, _ interface: String, _ member: String, _ signature: String, _ values: [DBusValue],
        _ descriptors: [FileDescriptorBox] = []
    ) -> Event<String?> {
        let reply = Event<String?>("the answer to \(member)")
        state.withLock { state in
            state.serial += 1
            state.replies[state.serial] = reply
            var fields: [(UInt8, DBusValue)] = [
                (1, .objectPath(path)), (2, .string(interface)), (3, .string(member)), (8, .signature(Signature(verified: signature))),
            ]
            if !descriptors.isEmpty { fields.append((9, .uint32(UInt32(descriptors.count)))) }
            guard let bytes = Self.message(serial: state.serial, fields, values) else { return reply.send("cannot be written") }
            // In the order of the serials. The bus reads at once, and these are few.
            let sent = bytes.withUnsafeBytes { DescriptorPassing.send($0, descriptors, to: socket.rawValue) }
            if sent != bytes.count { reply.send("cannot be sent: errno \(errno)") }
        }
        return reply
    }

    private static func message(serial: UInt32, _ fields: [(UInt8, DBusValue)], _ values: [DBusValue]) -> [UInt8]? {
        var body = BodyWriter()
        for value in values { body.append(value) }
        var message = BodyWriter()
        let order = UInt8(ascii: UInt16(1).littleEndian == 1 ? "l" : "B")
        for byte in [order, 1, 0, 1] { message.append(byte: byte) }
        message.append(uint32: UInt32(body.count))
        message.append(uint32: serial)
        message.append(.array(element: Signature(verified: "(yv)"), fields.map { .structure([.byte($0.0), .variant($0.1)]) }))
        while message.phase != 0 { message.append(byte: 0) }
        guard let header = try? message.finish(), let rest = try? body.finish() else { return nil }
        return header + rest
    }

    /// Reads until the bus is gone.
    private func read() {
        var lines = 0
        while lines < 3 {
            guard let byte = receive(1)?.first else { return }
            if byte == UInt8(ascii: "\n") { lines += 1 }
        }
        while let start = receive(16) {
            let numbers = start.withUnsafeBytes { bytes in (1...3).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) } }
            guard let rest = receive((Int(numbers[2]) + 7) & ~7 + Int(numbers[0])) else { return }
            let message = start + rest
            let values = message.withUnsafeBytes { bytes in
                var reader = BodyReader(copying: bytes)
                return (try? reader.readValues(Signature(verified: "yyyyuua(yv)"))) ?? []
            }
            guard case .array(_, let fields)? = values.last else { return }
            var field: [UInt8: DBusValue] = [:]
            for case .structure(let pair) in fields {
                if case (.byte(let code)?, .variant(let value)?) = (pair.first, pair.last) { field[code] = value }
            }
            if case .uint32(let serial)? = field[5] {
                state.withLock { $0.replies.removeValue(forKey: serial) }?.send(field[4]?.text)
            } else if field[3]?.text == "Activate", let path = field[1]?.text, numbers[0] == 8 {
                activate(path, message.suffix(8).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
            }
        }
    }

    /// As a client does (D-Bus specification, Authentication Protocol), all at once. The three answers are read before the first message.
    private func authenticate() throws {
        let words = Array("\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n".utf8)
        let sent = words.withUnsafeBytes { send(socket.rawValue, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard sent == words.count else { throw ProcessError(description: "dbus-broker does not read: errno \(errno)") }
    }

    private func receive(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { recv(socket.rawValue, $0.baseAddress.map { $0 + done }, count - done, 0) }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return nil }
            done += got
        }
        return bytes
    }
}
