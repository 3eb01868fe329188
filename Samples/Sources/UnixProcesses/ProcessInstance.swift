import CIM
import Glibc

/// Turns processes into instances of `Linux_UnixProcess`.
struct ProcessInstance: Sendable {
    let table: ProcessTable
    let computer: String

    static let systemClass = "Linux_ComputerSystem"
    static let operatingSystemClass = "Linux_OperatingSystem"
    static let operatingSystem = "Linux"

    init(_ table: ProcessTable) {
        self.table = table
        var name = [CChar](repeating: 0, count: 256)
        let isKnown = gethostname(&name, name.count - 1) == 0
        computer = isKnown ? String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "localhost"
    }

    /// The keys but for the handle.
    var constantKeys: [(String, String)] {
        [
            ("CSCreationClassName", Self.systemClass), ("CSName", computer), ("OSCreationClassName", Self.operatingSystemClass),
            ("OSName", Self.operatingSystem), ("CreationClassName", LinuxUnixProcess.className),
        ]
    }

    func isKey(_ name: String) -> Bool { CIMName.equal(name, "Handle") || constantKeys.contains { CIMName.equal($0.0, name) } }

    func path(_ process: UnixProcess) -> CIMObjectPath {
        let keys = constantKeys + [("Handle", "\(process.id)")]
        return CIMObjectPath(className: LinuxUnixProcess.className, keys: .keys(keys.map { .init(name: $0.0, value: .string($0.1)) }))
    }

    func instance(_ process: UnixProcess) -> CIMInstance {
        var instance = CIMInstance(className: LinuxUnixProcess.className, reservingCapacity: 26)
        for (name, value) in constantKeys { instance.append(name: name, value: .string(value)) }
        instance.append(name: "Handle", value: .string("\(process.id)"))
        instance.append(name: "Name", value: .string(Self.printable(process.name)))
        instance.append(name: "Parameters", value: .strings(process.arguments.map(Self.printable)))
        if let executable = process.executable { instance.append(name: "ExecutablePath", value: .string(Self.printable(executable))) }
        instance.append(name: "State", value: .string(String(process.state)))
        instance.append(name: "ExecutionState", value: .uint16(Self.executionState(process.state)))
        instance.append(name: "Priority", value: .sint32(process.nice))
        instance.append(name: "ParentProcessID", value: .string("\(process.parent)"))
        instance.append(name: "ProcessGroupID", value: .uint64(UInt64(clamping: process.group)))
        instance.append(name: "ProcessSessionID", value: .uint64(UInt64(clamping: process.session)))
        if process.terminal != 0 { instance.append(name: "ProcessTTY", value: .string("\(process.terminal)")) }
        instance.append(name: "RealUserID", value: .uint64(UInt64(process.realUser)))
        instance.append(name: "EffectiveUserID", value: .uint64(UInt64(process.effectiveUser)))
        if let name = Self.userName(process.realUser) { instance.append(name: "UserName", value: .string(name)) }
        instance.append(name: "RealGroupID", value: .uint64(UInt64(process.realGroup)))
        if let date = creationDate(process) { instance.append(name: "CreationDate", value: .datetime(date)) }
        instance.append(name: "KernelModeTime", value: .uint64(milliseconds(process.kernelTime)))
        instance.append(name: "UserModeTime", value: .uint64(milliseconds(process.userTime)))
        instance.append(name: "WorkingSetSize", value: .uint64(process.residentSize))
        instance.append(name: "VirtualSize", value: .uint64(process.virtualSize))
        instance.append(name: "ThreadCount", value: .uint32(process.threads))
        instance.append(name: "PageFaults", value: .uint64(process.pageFaults))
        return instance
    }

    private func milliseconds(_ ticks: UInt64) -> UInt64 {
        let (seconds, rest) = ticks.quotientAndRemainder(dividingBy: table.ticksPerSecond)
        return seconds &* 1000 &+ rest &* 1000 / table.ticksPerSecond
    }

    private func creationDate(_ process: UnixProcess) -> CIMDateTime? {
        guard let bootTime = table.bootTime else { return nil }
        let (seconds, rest) = process.startTime.quotientAndRemainder(dividingBy: table.ticksPerSecond)
        let (sum, overflow) = bootTime.addingReportingOverflow(Int64(clamping: seconds))
        if overflow { return nil }
        return CIMDateTime(secondsSince1970: sum, microseconds: Int(clamping: rest &* 1_000_000 / table.ticksPerSecond))
    }

    /// A process chooses its own name and arguments: NUL cannot be sent, the rest can.
    private static func printable(_ text: String) -> String { text.contains("\0") ? text.filter { $0 != "\0" } : text }

    static func executionState(_ state: Character) -> UInt16 {
        switch state {
        case "R": 3
        case "S", "D", "I": 4
        case "Z", "X", "x": 7
        case "T", "t": 8
        default: 0
        }
    }

    private static func userName(_ user: UInt32) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name else { return nil }
        return String(cString: name)
    }
}
