import CProcess
import Glibc

/// The processes below one mount of the proc file system.
public struct ProcessTable: Sendable {
    /// Why something could not be done to a process.
    public enum Refusal: Error, Hashable, Sendable {
        case vanished
        /// Not this client's to touch.
        case denied
        /// Only a privileged client may.
        case privilegeNeeded
        /// The table shows the processes of another machine or container.
        case foreign
        /// The errno of a system call.
        case failed(String, Int32)
    }

    public let root: String
    public let ticksPerSecond: UInt64
    /// Seconds since 1970; nil when it cannot be read.
    public let bootTime: Int64?
    private let pageSize: UInt64

    /// - Parameter root: where the proc file system is mounted.
    public init(root: String = "/proc") {
        self.root = root
        ticksPerSecond = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        pageSize = UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
        let lines = ProcessFolder(root)?.text("stat")?.split(separator: "\n") ?? []
        bootTime = lines.first { $0.hasPrefix("btime ") }.flatMap { Int64($0.dropFirst(6)) }
    }

    /// The numbers of the processes there are now.
    public var identifiers: [Int32] { ProcessFolder.numbers(in: root) }

    /// Those that are there now.
    var processes: [UnixProcess] { identifiers.compactMap { process($0) } }

    /// A process; nil when there is none, or it may not be seen, or vanishes while it is read.
    public func process(_ id: Int32) -> UnixProcess? {
        ProcessFolder("\(root)/\(id)").flatMap { UnixProcess($0, pageSize: pageSize) }
    }

    /// A thread of a process, told of as processes are.
    private func process(_ thread: Int32, of id: Int32) -> UnixProcess? {
        ProcessFolder("\(root)/\(id)/task/\(thread)").flatMap { UnixProcess($0, pageSize: pageSize) }
    }

    /// Whether the numbers in this table are those that system calls of this process take.
    var isOwn: Bool { ProcessFolder(root)?.link("self") == "\(getpid())" }

    // MARK: Changes

    /// Sends a signal on behalf of `user`. The process that is asked about is the one that gets it, whatever becomes of its number.
    public func signal(_ id: Int32, _ number: Int32, for user: UInt32) throws(Refusal) {
        guard isOwn else { throw .foreign }
        // First the descriptor, then the question who it is: not the other way round.
        let descriptor = cprocess_open(id)
        guard descriptor >= 0 else { throw Self.refusal("pidfd_open", errno) }
        defer { close(descriptor) }
        guard let process = process(id) else { throw .vanished }
        guard process.maySignal(user) else { throw .denied }
        if cprocess_send_signal(descriptor, number) != 0 { throw Self.refusal("pidfd_send_signal", errno) }
    }

    /// Changes the nice value of every thread on behalf of `user`. Lower values are for root only.
    public func setNice(_ id: Int32, _ nice: Int32, for user: UInt32) throws(Refusal) {
        guard isOwn else { throw .foreign }
        guard let process = process(id) else { throw .vanished }
        guard process.maySetNice(user) else { throw .denied }
        // On Linux a nice value belongs to a thread: each may have its own.
        let threads = ProcessFolder.numbers(in: "\(root)/\(id)/task")
        if user != 0 {
            for thread in threads where nice < self.process(thread, of: id)?.nice ?? process.nice { throw .privilegeNeeded }
        }
        var changed = 0
        for thread in threads {
            if setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(thread), nice) == 0 {
                changed += 1
            } else if errno != ESRCH {
                throw Self.refusal("setpriority", errno)
            }
        }
        guard changed > 0, self.process(id)?.startTime == process.startTime else { throw .vanished }
    }

    private static func refusal(_ call: String, _ number: Int32) -> Refusal {
        switch number {
        case ESRCH: .vanished
        case EPERM: .denied
        case EACCES: .privilegeNeeded
        default: .failed(call, number)
        }
    }
}
