import Glibc

extension ChildProcess {
    /// Bytes of the process that are in memory.
    public func residentBytes() throws -> Int { try Self.residentBytes(of: processID) }

    public static func residentBytes(of process: pid_t) throws -> Int {
        guard let file = fopen("/proc/\(process)/statm", "r") else {
            throw ProcessError(description: "process \(process) is not there")
        }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 128)
        fgets(&buffer, 128, file)
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
    }
}
