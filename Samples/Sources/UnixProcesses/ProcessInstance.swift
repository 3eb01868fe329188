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

    /// What every process has values of, in the order of ``values(of:_:)``.
    static let shape = RowShape(
        LinuxUnixProcess.className,
        [
            .init("CSCreationClassName", .string), .init("CSName", .string), .init("OSCreationClassName", .string),
            .init("OSName", .string),
            .init("CreationClassName", .string), .init("Handle", .string), .init("Name", .string), .init("Parameters", .array(of: .string)),
            .init("ExecutablePath", .string), .init("State", .string), .init("ExecutionState", .uint16), .init("Priority", .sint32),
            .init("ParentProcessID", .string), .init("ProcessGroupID", .uint64), .init("ProcessSessionID", .uint64),
            .init("ProcessTTY", .string), .init("RealUserID", .uint64), .init("EffectiveUserID", .uint64), .init("UserName", .string),
            .init("RealGroupID", .uint64), .init("CreationDate", .datetime), .init("KernelModeTime", .uint64),
            .init("UserModeTime", .uint64),
            .init("WorkingSetSize", .uint64), .init("VirtualSize", .uint64), .init("ThreadCount", .uint32), .init("PageFaults", .uint64),
        ])

    func instance(_ process: UnixProcess) -> CIMInstance {
        var users = UserNames()
        var instance = CIMInstance(className: LinuxUnixProcess.className, reservingCapacity: Self.shape.columns.count)
        for (column, value) in zip(Self.shape.columns, values(of: process, &users)) where !value.isNull {
            instance.append(name: column.name, value: value)
        }
        return instance
    }

    /// The values of a process, NULL where there is none.
    func values(of process: UnixProcess, _ users: inout UserNames) -> [CIMValue] {
        constantKeys.map { .string($0.1) } + [
            .string("\(process.id)"), .string(Self.printable(process.name)), .strings(process.arguments.map(Self.printable)),
            process.executable.map { .string(Self.printable($0)) } ?? .null, .string(String(process.state)),
            .uint16(Self.executionState(process.state)), .sint32(process.nice), .string("\(process.parent)"),
            .uint64(UInt64(clamping: process.group)), .uint64(UInt64(clamping: process.session)),
            process.terminal == 0 ? .null : .string("\(process.terminal)"), .uint64(UInt64(process.realUser)),
            .uint64(UInt64(process.effectiveUser)), users.name(of: process.realUser).map { .string($0) } ?? .null,
            .uint64(UInt64(process.realGroup)), creationDate(process).map { .datetime($0) } ?? .null,
            .uint64(milliseconds(process.kernelTime)), .uint64(milliseconds(process.userTime)), .uint64(process.residentSize),
            .uint64(process.virtualSize), .uint32(process.threads), .uint64(process.pageFaults),
        ]
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
}

/// The names of users: each is looked up once, since a machine has many processes of few users.
struct UserNames {
    private var known: [UInt32: String?] = [:]

    mutating func name(of user: UInt32) -> String? {
        if let name = known[user] { return name }
        let name = Self.lookUp(user)
        known[user] = .some(name)
        return name
    }

    private static func lookUp(_ user: UInt32) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name else { return nil }
        return String(cString: name)
    }
}
