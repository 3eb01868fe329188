import Glibc
import Synchronization
import WireTestKit

/// What a process has of the machine.
struct Usage {
    /// Those that are not the broker's repository: SQLite opens its journal with the first write, and keeps it open.
    var descriptors: Int
    /// What each of them is.
    var targets: [String] = []
    /// Bytes in memory.
    var memory: Int

    init(of process: pid_t) throws {
        guard let folder = opendir("/proc/\(process)/fd") else {
            throw ProcessError(description: "process \(process) is not there")
        }
        var count = 0
        var target = [CChar](repeating: 0, count: 4096)
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            let length = readlink("/proc/\(process)/fd/\(name)", &target, target.count)
            let path = String(decoding: target.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if length > 0, !path.contains("/repository.sqlite") {
                count += 1
                targets.append("\(name) \(path)\(path.contains("pidfd") ? Self.process(watchedBy: name, of: process) : "")")
            }
        }
        closedir(folder)
        descriptors = count
        memory = try ChildProcess.residentBytes(of: process)
    }
}

extension Usage {
    /// Which process a descriptor watches; -1 has ended.
    private static func process(watchedBy descriptor: String, of process: pid_t) -> String {
        guard let file = fopen("/proc/\(process)/fdinfo/\(descriptor)", "r") else { return "" }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 256)
        while fgets(&buffer, 256, file) != nil {
            let line = String(decoding: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if line.hasPrefix("Pid:") { return " of \(line.dropFirst(4).filter { $0 != "\t" })" }
        }
        return ""
    }
}

/// A value for closures of any thread.
final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }
}

/// Counts the lives of a slot.
final class Atomic64: Sendable {
    private let value = Atomic<UInt64>(0)

    func next() -> UInt64 { value.wrappingAdd(1, ordering: .relaxed).newValue }
}

extension BrokerProcess {
    /// Starts the broker where the machine has much else to do: one start may take longer than a test would wait.
    static func startPatiently(on bus: PrivateBus, _ options: [String]) async throws -> BrokerProcess {
        for _ in 0..<3 {
            do { return try await start(on: bus, options) } catch is DeadlinePassed {
                say("torture: a start of the broker took more than 10 s")
            }
        }
        return try await start(on: bus, options)
    }
}
