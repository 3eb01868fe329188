import CIM
import CIMBusProvider
import CProcess
import Glibc
import Logging
import Synchronization

/// The source of the events of `Linux_UnixProcess`: processes that begin, change and end.
///
/// By the kernel's process connector all of them. Without it by a descriptor of each process that is seen: then the ends alone, of processes that live
/// long enough to be seen, for which it looks once a second. While nobody listens it sleeps, and has neither socket nor descriptors.
public final class ProcessEvents: Sendable {
    /// Of which events the source can tell.
    public enum Reach: String, Sendable {
        case connector
        case descriptors
        case none

        /// The classes of which it tells whatever happens.
        public var eventClasses: [String] {
            switch self {
            case .connector: ["__InstanceCreationEvent", "__InstanceModificationEvent", "__InstanceDeletionEvent"]
            case .descriptors: ["__InstanceDeletionEvent"]
            case .none: []
            }
        }
    }

    public let reach: Reach
    let table: ProcessTable
    let instances: ProcessInstance
    let logger: Logger
    let buffer: Int32
    private let worker = Mutex<Worker?>(nil)
    private let target = Mutex<EventSink?>(nil)

    /// - Parameters:
    ///   - reach: nil: as far as the kernel lets this process.
    ///   - buffer: bytes of messages that may wait in the kernel.
    public init(_ table: ProcessTable, _ logger: Logger, reach: Reach? = nil, buffer: Int32? = nil) {
        self.table = table
        self.logger = logger
        self.buffer = buffer ?? ProcessConnector.standardBuffer
        self.reach = table.isOwn ? reach ?? (ProcessConnector() == nil ? .descriptors : .connector) : .none
        instances = ProcessInstance(table)
    }

    /// Where it raises its events; nil where it has none.
    public func makeSink() -> EventSink? {
        if reach == .none { return nil }
        let sink = EventSink(onActivity: { [self] isActive in
            worker.withLock { $0 = isActive ? Worker { self.work(bell: $0) } : nil }
            if isActive { return }
            logger.info("nobody listens: the processes are not watched")
        })
        target.withLock { $0 = sink }
        return sink
    }

    private func work(bell: Int32) {
        if reach == .connector {
            if let connector = ProcessConnector(buffer: buffer) {
                return follow(connector, bell)
            }
            // Its subscribers miss what it said that they would get.
            logger.error("the kernel's process connector is not to be had any more: only the ends of processes are seen")
        }
        followDescriptors(bell)
    }

    /// - Parameter time: when it happened, by the monotonic clock; nil: now.
    func raise(_ changes: [ProcessLedger.Change], at time: UInt64? = nil) {
        if changes.isEmpty { return }
        let created = CIMValue.uint64(time.map { Clocks.filetime(monotonic: $0) } ?? Clocks.filetime())
        target.withLock { $0 }?.post(changes.map { instances.event($0, created) })
    }

    func reportLoss(_ count: UInt64) { target.withLock { $0 }?.reportLoss(count) }
}

extension ProcessInstance {
    func event(_ change: ProcessLedger.Change, _ time: CIMValue) -> CIMInstance {
        switch change {
        case .created(let state):
            CIMInstance(className: "__InstanceCreationEvent", ["TargetInstance": .object(instance(state)), "TIME_CREATED": time])
        case .modified(let state, let before):
            CIMInstance(
                className: "__InstanceModificationEvent",
                ["TargetInstance": .object(instance(state)), "PreviousInstance": .object(instance(before)), "TIME_CREATED": time])
        case .deleted(let state):
            CIMInstance(className: "__InstanceDeletionEvent", ["TargetInstance": .object(instance(state)), "TIME_CREATED": time])
        }
    }

    /// What is known of a process, which may be gone.
    func instance(_ state: ProcessState) -> CIMInstance {
        guard var process = state.seen else { return named(state) }
        (process.id, process.parent) = (state.id, state.parent)
        let whole = instance(process)
        if !state.isCopy, state.hasKnownProgram { return whole }
        var partial = named(state)
        let program = state.hasKnownProgram ? ["Name", "Parameters", "ExecutablePath"] : []
        // What a process has from its parent until it changes it.
        let inherited = [
            "ProcessGroupID", "ProcessSessionID", "ProcessTTY", "RealUserID", "EffectiveUserID", "UserName", "RealGroupID",
        ]
        let own = state.isCopy ? [] : ["CreationDate"]
        for name in program + inherited + own {
            if let value = whole[name], !value.isNull { partial[name] = value }
        }
        return partial
    }

    /// Its keys and its parent.
    private func named(_ state: ProcessState) -> CIMInstance {
        var instance = CIMInstance(className: LinuxUnixProcess.className)
        for (name, value) in constantKeys { instance[name] = .string(value) }
        instance["Handle"] = .string("\(state.id)")
        instance["ParentProcessID"] = .string("\(state.parent)")
        return instance
    }
}

/// Times as events have them: 100 ns since 1601, UTC.
enum Clocks {
    static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func filetime() -> UInt64 { nanoseconds(CLOCK_REALTIME) / 100 + 11_644_473_600 * 10_000_000 }

    static func filetime(monotonic time: UInt64) -> UInt64 {
        let now = nanoseconds(CLOCK_MONOTONIC)
        return filetime() - (now > time ? (now - time) / 100 : 0)
    }
}
