/// What the kernel tells about one process: proc(5), `stat` and `status`. Nil fields are what may not be seen.
public struct UnixProcess: Sendable {
    public var id: Int32
    /// The first 15 bytes of the program's name.
    public var name: String
    /// `R`, `S`, `D`, `Z`, `T`, …
    public var state: Character
    public var parent: Int32
    public var group: Int32
    public var session: Int32
    /// The device number of the controlling terminal, 0 without one.
    public var terminal: Int32
    public var pageFaults: UInt64
    /// In clock ticks.
    public var userTime: UInt64
    /// In clock ticks.
    public var kernelTime: UInt64
    public var nice: Int32
    public var threads: UInt32
    /// In clock ticks after the start of the system. With ``id`` it tells processes apart for ever.
    public var startTime: UInt64
    /// In bytes.
    public var virtualSize: UInt64
    /// In bytes.
    public var residentSize: UInt64
    public var realUser: UInt32
    public var effectiveUser: UInt32
    public var savedUser: UInt32
    public var realGroup: UInt32
    public var arguments: [String]
    public var executable: String?

    /// Reads a process. Nil when it vanishes meanwhile, and when what is read makes no sense.
    init?(_ folder: ProcessFolder, pageSize: UInt64) {
        guard let stat = folder.text("stat"), let status = folder.text("status") else { return nil }
        // The name may hold spaces and parentheses; nothing after it does.
        guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"), open < close else { return nil }
        let rest = stat[stat.index(after: close)...].split(whereSeparator: \.isWhitespace)
        guard rest.count >= 22, let state = rest[0].first, let id = Int32(stat[..<open].filter { !$0.isWhitespace }) else { return nil }
        func number<T: FixedWidthInteger>(_ index: Int, _ type: T.Type = T.self) -> T? { T(rest[index]) }
        guard let parent: Int32 = number(1), let group: Int32 = number(2), let session: Int32 = number(3), let terminal: Int32 = number(4),
            let minorFaults: UInt64 = number(7), let majorFaults: UInt64 = number(9), let userTime: UInt64 = number(11),
            let kernelTime: UInt64 = number(12), let nice: Int32 = number(16), let threads: UInt32 = number(17),
            let startTime: UInt64 = number(19), let virtualSize: UInt64 = number(20), let residentPages: Int64 = number(21)
        else { return nil }
        let users = Self.numbers(of: "Uid:", in: status)
        guard users.count >= 3, let realGroup = Self.numbers(of: "Gid:", in: status).first else { return nil }
        self.id = id
        name = String(stat[stat.index(after: open)..<close])
        self.state = state
        self.parent = parent
        self.group = group
        self.session = session
        self.terminal = terminal
        pageFaults = minorFaults &+ majorFaults
        self.userTime = userTime
        self.kernelTime = kernelTime
        self.nice = nice
        self.threads = threads
        self.startTime = startTime
        self.virtualSize = virtualSize
        residentSize = UInt64(max(0, residentPages)).multipliedReportingOverflow(by: pageSize).partialValue
        realUser = users[0]
        effectiveUser = users[1]
        savedUser = users[2]
        self.realGroup = realGroup
        arguments = (folder.contents("cmdline") ?? []).split(separator: 0, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // Every argument ends with a NUL, so the last piece is empty.
        if arguments.last == "" { arguments.removeLast() }
        executable = folder.link("exe")
    }

    private static func numbers(of key: String, in status: String) -> [UInt32] {
        for line in status.split(separator: "\n") where line.hasPrefix(key) {
            return line.dropFirst(key.count).split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) }
        }
        return []
    }

    /// Whether `user` may send it signals: kill(2).
    public func maySignal(_ user: UInt32) -> Bool { user == 0 || user == realUser || user == savedUser }

    /// Whether `user` may change its nice value: setpriority(2).
    public func maySetNice(_ user: UInt32) -> Bool { user == 0 || user == realUser || user == effectiveUser }
}
