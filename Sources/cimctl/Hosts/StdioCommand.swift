import ArgumentParser
import CIMBusClient
import DBus
import Dispatch
import Glibc
import SystemPackage

/// The far end of `--host`: a bus, by standard input and output.
struct Stdio: Program {
    static let configuration = CommandConfiguration(
        commandName: "stdio", abstract: "Connects standard input and output with a bus: what --host runs on the far host.",
        shouldDisplay: false)

    @Flag(exclusivity: .exclusive) var bus: BusChoice?
    @Option(help: "The bus at this D-Bus address.") var address: String?

    var busAddress: BusAddress { BusChoice.address(address, bus) }

    func perform(_ output: inout Output) async throws {
        let socket = try BusSocket.connect(to: busAddress)
        let client = FileDescriptor.standardInput
        DispatchQueue.global().async {
            Self.relay(from: socket, to: .standardOutput)
            // The bus is gone, or the client.
            Glibc.exit(0)
        }
        var opening = AuthenticationRelay(userID: geteuid())
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        while let count = try? bytes.withUnsafeMutableBytes({ try client.read(into: $0) }), count > 0 {
            guard let passed = opening.pass(bytes[..<count]) else {
                throw CIMError(.failed, "what came is no client of a message bus")
            }
            guard (try? socket.writeAll(passed)) != nil else { return }
        }
    }

    private static func relay(from source: FileDescriptor, to target: FileDescriptor) {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        while let count = try? bytes.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
            guard (try? target.writeAll(bytes[..<count])) != nil else { return }
        }
    }
}

/// What a client says before its first message (D-Bus specification, "Authentication Protocol"), on its way to the bus of another machine: it
/// is the user of this process there, whatever number the user has where the client runs; and file descriptors do not pass.
struct AuthenticationRelay {
    /// Longer than any line of it.
    private static let longest = 16 << 10

    private let userID: UInt32
    private var line: [UInt8] = []
    private var isFirst = true
    private var isOver = false

    init(userID: UInt32) { self.userID = userID }

    /// The bytes to pass on; nil for what is no authentication.
    mutating func pass(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        if isOver { return Array(bytes) }
        var passed: [UInt8] = []
        for (position, byte) in zip(bytes.indices, bytes) {
            if isFirst {
                guard byte == 0 else { return nil }
                isFirst = false
                passed.append(0)
                continue
            }
            line.append(byte)
            guard byte == 0x0A else {
                if line.count > Self.longest { return nil }
                continue
            }
            let words = String(decoding: line, as: UTF8.self)
            line = []
            if words.hasPrefix("AUTH EXTERNAL ") {
                passed += "AUTH EXTERNAL ".utf8
                for digit in "\(userID)".utf8 { passed += String(digit, radix: 16).utf8 }
                passed += "\r\n".utf8
            } else if words.hasPrefix("NEGOTIATE_UNIX_FD") {
                // Unknown, so that the bus refuses it, in its turn.
                passed += "WITHOUT_UNIX_FD\r\n".utf8
            } else {
                passed += words.utf8
            }
            if words.hasPrefix("BEGIN") {
                isOver = true
                return passed + bytes[(position + 1)...]
            }
        }
        return passed
    }
}

/// A socket of a message bus.
enum BusSocket {
    /// Throws TransportFailure where nobody listens.
    static func connect(to bus: BusAddress) throws(CIMError) -> FileDescriptor {
        let text = try address(of: bus)
        var reason = "no address of a unix socket in '\(text)'"
        for path in paths(in: text) {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { continue }
            if UnixSocket.connect(descriptor, to: path) { return FileDescriptor(rawValue: descriptor) }
            reason = "\(path): \(Errno(rawValue: errno))"
            close(descriptor)
        }
        throw CIMError(.transportFailure, "no bus: \(reason)", cause: DBusError(code: .address, reason))
    }

    /// Where the bus listens, by the rules of ``BusAddress``.
    static func address(of bus: BusAddress) throws(CIMError) -> String {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
        switch bus {
        case .address(let address): return address
        case .system: return variable("DBUS_SYSTEM_BUS_ADDRESS") ?? "unix:path=/var/run/dbus/system_bus_socket"
        case .session:
            if let address = variable("DBUS_SESSION_BUS_ADDRESS") { return address }
            if let folder = variable("XDG_RUNTIME_DIR") { return "unix:path=\(folder)/bus" }
            throw CIMError(
                .transportFailure, "no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set",
                cause: DBusError(code: .address, "no session bus"))
        }
    }

    /// Of the sockets in the file system, and of those with an abstract name, which begins with a zero byte.
    static func paths(in address: String) -> [String] {
        address.split(separator: ";").compactMap { entry in
            guard entry.hasPrefix("unix:") else { return nil }
            for pair in entry.dropFirst(5).split(separator: ",") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { continue }
                if parts[0] == "path" { return unescaped(parts[1]) }
                if parts[0] == "abstract" { return "\0" + unescaped(parts[1]) }
            }
            return nil
        }
    }

    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == 0x25, rest.count >= 2, let number = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(number)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
