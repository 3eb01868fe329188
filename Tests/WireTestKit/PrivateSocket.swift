import CIMBusWire
import DBus
import Glibc

/// The socket of a private connection in the hands of a test, which writes its frames byte by byte: as the page says them, and with none of the
/// library's code.
public final class PrivateSocket: Sendable {
    /// A frame that the broker sent.
    public struct Frame: Hashable, Sendable {
        public let kind: UInt8
        public let serial: UInt32
        public let answers: UInt32
        /// Fields and body.
        public let rest: [UInt8]

        /// What it says in plain text, names of errors and words.
        public var text: String { String(decoding: rest, as: UTF8.self) }
    }

    public static let call: UInt8 = 1
    public static let reply: UInt8 = 2
    public static let error: UInt8 = 3
    public static let ping: UInt8 = 4
    public static let pong: UInt8 = 5

    public let socket: FileDescriptorBox
    /// Of the frames, in which version.
    public let version: UInt32
    private let received = Recorder<UInt8>()
    private let ended = Event<Void>("the end of a private connection")

    /// - Parameters:
    ///   - connection: whose the private connection is.
    ///   - reads: false: nothing is read from it.
    ///   - said: gets the options of the reply, which are not kept.
    public static func open(
        on connection: Connection, version: UInt32 = 1, options: [(String, DBusValue)] = [], reads: Bool = true,
        said: ([String: DBusValue]) -> Void = { _ in }
    ) async throws -> PrivateSocket {
        let question = try Message.methodCall(
            destination: BusName(Contract.busName), path: Contract.rootPath, interface: Contract.broker,
            member: MemberName(verified: "OpenPrivateConnection"), values: [.uint32(version), .dictionary(options)])
        let values = try await connection.call(question).values()
        guard values.count == 3, case .unixFD(let socket) = values[0], case .uint32(let version) = values[1],
            let answered = values[2].stringDictionary
        else { throw ProcessError(description: "OpenPrivateConnection was answered with \(values)") }
        said(answered)
        return PrivateSocket(socket, version, reads: reads)
    }

    private init(_ socket: FileDescriptorBox, _ version: UInt32, reads: Bool) {
        self.socket = socket
        self.version = version
        if reads { startReading() }
    }

    /// Reads from now on, until the end.
    public func startReading() {
        let reader = Reader()
        reader.token = EventLoop.common.addWatch(socket.rawValue, events: Int16(POLLIN)) { [socket, received, ended] _ in
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(socket.rawValue, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { return received.record(buffer[..<count]) }
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            if let token = reader.token { EventLoop.common.removeWatch(token) }
            ended.send(())
        }
    }

    /// Set before the loop calls back.
    private final class Reader: @unchecked Sendable {
        var token: EventLoop.TimerToken?
    }

    // MARK: - Writing

    /// Writes all of it, or as much as the socket takes.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Int {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                send(socket.rawValue, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count <= 0 { break }
            written += count
        }
        return written
    }

    /// Writes bytes together with a file descriptor.
    public func write(_ bytes: [UInt8], with descriptor: Int32) -> Bool {
        // A cmsghdr: its length, SOL_SOCKET, SCM_RIGHTS, and the descriptor, filled up.
        var control = Self.number(UInt(20)) + Self.number(SOL_SOCKET) + Self.number(Int32(1)) + Self.number(descriptor) + [0, 0, 0, 0]
        var bytes = bytes
        return bytes.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var header = msghdr()
                    header.msg_iov = vector
                    header.msg_iovlen = 1
                    header.msg_control = control.baseAddress
                    header.msg_controllen = control.count
                    return sendmsg(socket.rawValue, &header, Int32(MSG_NOSIGNAL)) == bytes.count
                }
            }
        }
    }

    /// No more is written to it, though it may still be read.
    public func stopWriting() { shutdown(socket.rawValue, Int32(SHUT_WR)) }

    // MARK: - Waiting

    /// Waits for the first frame that is what the test waits for.
    public func frame(_ awaited: String, where isAwaited: @escaping @Sendable (Frame) -> Bool) async throws -> Frame {
        let bytes = try await received.wait(awaited) { Self.frames(in: $0).contains(where: isAwaited) }
        guard let frame = Self.frames(in: bytes).first(where: isAwaited) else { throw ProcessError(description: "no \(awaited)") }
        return frame
    }

    /// What answers the frame with that serial.
    public func answer(to serial: UInt32) async throws -> Frame { try await frame("the answer to \(serial)") { $0.answers == serial } }

    /// Every frame that has come.
    public var frames: [Frame] { Self.frames(in: received.all) }

    /// Waits until the broker has closed it.
    public func waitForEnd(within duration: Duration = .seconds(10)) async throws { try await ended.value(within: duration) }

    private static func frames(in bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var rest = bytes[...]
        func number(_ at: Int) -> UInt32 { rest.dropFirst(at).prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) } }
        while rest.count >= 24, rest.count >= number(0), number(0) >= 24 {
            let length = Int(number(0))
            frames.append(
                Frame(
                    kind: rest[rest.startIndex + 4], serial: number(8), answers: number(12), rest: Array(rest.prefix(length).dropFirst(24)))
            )
            rest = rest.dropFirst(length)
        }
        return frames
    }

    // MARK: - Frames

    public static func number(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

    public static func field(_ code: UInt8, _ text: String) -> [UInt8] {
        var bytes: [UInt8] = [code, 0] + number(UInt16(text.utf8.count)) + Array(text.utf8)
        while bytes.count % 8 != 0 { bytes.append(0) }
        return bytes
    }

    public static func bytes(
        _ kind: UInt8, serial: UInt32, member: UInt16 = 0, flags: UInt8 = 0, answers: UInt32 = 0, fields: [UInt8] = [], body: [UInt8] = []
    ) -> [UInt8] {
        number(UInt32(24 + fields.count + body.count)) + [kind, flags] + number(member) + number(serial) + number(answers)
            + number(UInt32(fields.count)) + number(UInt32(0)) + fields + body
    }

    /// `org.freedesktop.DBus.Peer.Ping` of an object, as a call, by the names of it.
    public static func plainCall(serial: UInt32, path: String = "/org/cimbus1") -> [UInt8] {
        bytes(
            call, serial: serial,
            fields: field(1, path) + field(2, "org.freedesktop.DBus.Peer") + field(3, "Ping"))
    }

    /// `CreateInstanceEnumAsync` of a class in root/cimv2, with a sink of the caller's, by the number of it.
    public static func enumeration(serial: UInt32, of className: String, sink: String) -> [UInt8] {
        func text(_ text: String) -> [UInt8] { number(UInt32(text.utf8.count)) + Array(text.utf8) + [0] }
        var body = text(className)
        while body.count % 4 != 0 { body.append(0) }
        // Flags, and an empty a{sv}, whose elements would start at a multiple of 8.
        body += number(Int32(0)) + number(UInt32(0))
        while body.count % 8 != 0 { body.append(0) }
        body += text(sink)
        return bytes(
            call, serial: serial, member: 4 << 8 | 12, fields: field(1, "/org/cimbus1/namespaces/root/cimv2") + field(5, "sia{sv}o"),
            body: body)
    }
}
