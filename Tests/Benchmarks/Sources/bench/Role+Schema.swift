import DBus
import Glibc

extension Role {
    /// Reads a MOF file with all that it includes, and has the broker compile it in one transaction. Prints the bytes, the seconds from
    /// the first file to the answer, and how many of them the broker and the bus took.
    static func compile(_ address: String, _ root: String) async throws {
        let connection = try await Connection.connect(to: .address(address), on: EventLoop(name: "client"))
        let start = nanoseconds()
        let text = try flattened(root)
        let sent = nanoseconds()
        let message = try Message.methodCall(
            destination: BusName(verified: "org.cimbus1"), path: ObjectPath(verified: "/org/cimbus1"),
            interface: InterfaceName(verified: "org.cimbus1.MofCompiler"), member: MemberName(verified: "CompileBuffer"),
            values: [.string(text), .string(""), .int32(0), .int32(0), .int32(0)])
        let reply = try await connection.call(message, timeout: .seconds(120)).values()
        let end = nanoseconds()
        guard reply.first == .int32(0) else { throw BenchError("CompileBuffer: \(reply)") }
        print("\(text.utf8.count) \(Double(end - start) / 1e9) \(Double(end - sent) / 1e9)")
        fflush(nil)
        await connection.close()
    }

    /// The text with those in the place of the pragmas that include them, which stand on lines of their own.
    private static func flattened(_ root: String) throws -> String {
        let slash = root.utf8.lastIndex(of: UInt8(ascii: "/")) ?? root.startIndex
        let folder = String(root[..<slash])
        var text: [UInt8] = []
        for line in try contents(root).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.starts(with: "#pragma include".utf8) {
                let words = line.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false)
                guard words.count == 3 else { throw BenchError("an include that names no file") }
                text += try contents("\(folder)/\(String(decoding: words[1], as: UTF8.self))")
            } else {
                text += line
            }
            text.append(UInt8(ascii: "\n"))
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw BenchError("cannot read \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return bytes
    }

    /// Reads a class six levels below the top again and again, undecoded. Prints what it took.
    static func readClass(_ address: String, count: Int) async throws {
        let connection = try await Connection.connect(to: .address(address), on: EventLoop(name: "client"))
        var times: [UInt64] = []
        for _ in 0..<count {
            let start = nanoseconds()
            let message = try Message.methodCall(
                destination: BusName(verified: "org.cimbus1"), path: ObjectPath(verified: "/org/cimbus1/namespaces/root/cimv2"),
                interface: InterfaceName(verified: "org.cimbus1.Services"), member: MemberName(verified: "GetObject"),
                values: [.string("CIM_LogicalDisk"), .int32(0), .dictionary([])])
            _ = try await connection.call(message)
            times.append(nanoseconds() - start)
        }
        print("CIM_LogicalDisk, \(count) times: \(Latency(times).text)")
        fflush(nil)
        await connection.close()
    }
}
