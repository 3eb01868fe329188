import CProcess
import Glibc

extension ProcessEvents {
    /// Tells of the ends of the processes that it sees, until the bell rings.
    func followDescriptors(_ bell: Int32) {
        guard let watch = ProcessWatch(table) else {
            return logger.error("no descriptors for processes (errno \(errno)): no events of processes")
        }
        watch.look()
        logger.info("processes are watched by descriptors: only their ends are seen, of those that live for a second")
        var next = ContinuousClock.now + ProcessWatch.pause
        while true {
            let rest = max(.zero, next - .now).components
            let milliseconds = Int32(rest.seconds * 1_000 + rest.attoseconds / 1_000_000_000_000_000)
            if cprocess_wait(watch.descriptor, bell, milliseconds) < 0 { return }
            raise(watch.ended().map { .deleted($0) })
            guard .now >= next else { continue }
            next = .now + ProcessWatch.pause
            watch.look()
            if watch.takesNoMore {
                logger.warning("no descriptors are left: \(watch.count) processes are watched, and no more")
            }
        }
    }
}

/// A descriptor of each process that was seen, to hear of its end.
private final class ProcessWatch {
    /// How long after a look the next one follows.
    static let pause = Duration.seconds(1)
    /// These are left to the rest of the process.
    private static let reserve = 256

    let descriptor: Int32
    private let table: ProcessTable
    private var descriptors: [Int32: Int32] = [:]
    private var states: [Int32: ProcessState] = [:]
    /// Seen for the first time by the last look: what has just begun may still become another program.
    private var fresh: Set<Int32> = []
    private let most: Int
    private var isFull = false
    private var hasTold = false

    init?(_ table: ProcessTable) {
        descriptor = cprocess_watch_new()
        guard descriptor >= 0 else { return nil }
        self.table = table
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        most = max(0, Int(clamping: limit.rlim_cur) - Self.reserve)
    }

    deinit {
        for pidfd in descriptors.values { close(pidfd) }
        close(descriptor)
    }

    var count: Int { descriptors.count }

    /// Once.
    var takesNoMore: Bool {
        defer { if isFull { hasTold = true } }
        return isFull && !hasTold
    }

    func look() {
        for id in fresh { if let process = table.process(id), descriptors[id] != nil { states[id] = ProcessState(process) } }
        fresh = []
        for id in table.identifiers where descriptors[id] == nil {
            guard descriptors.count < most else {
                isFull = true
                return
            }
            // First the descriptor, then the question who it is.
            let pidfd = cprocess_open(id)
            if pidfd < 0 { continue }
            guard let process = table.process(id), cprocess_watch(descriptor, pidfd, id) == 0 else {
                close(pidfd)
                continue
            }
            descriptors[id] = pidfd
            states[id] = ProcessState(process)
            fresh.insert(id)
        }
    }

    func ended() -> [ProcessState] {
        var ended: [ProcessState] = []
        var ids = [Int32](repeating: 0, count: 64)
        while case let count = cprocess_watched(descriptor, &ids, Int32(ids.count)), count > 0 {
            for id in ids[..<Int(count)] {
                if let pidfd = descriptors.removeValue(forKey: id) { close(pidfd) }
                if let state = states.removeValue(forKey: id) { ended.append(state) }
            }
        }
        return ended
    }
}
