import CDBus
import Glibc

extension EventLoop {
    /// A process that is being watched; give it back to ``stopWatching(_:)``.
    public struct ProcessWatch: Hashable, Sendable {
        let descriptor: Int32
        let token: TimerToken
    }

    /// Calls `ended` on the loop, once, when a process has ended. Unlike a pid, what is watched is never another process: open it while
    /// the process is known to live, and look at the pid again afterwards.
    /// - Returns: nil when there is no such process, or the system cannot watch it.
    public func watchProcess(_ pid: UInt32, ended: @escaping @Sendable () -> Void) -> ProcessWatch? {
        guard let pid = Int32(exactly: pid), pid > 0 else { return nil }
        let descriptor = cdbus_open_process(pid)
        guard descriptor >= 0 else { return nil }
        let token = addWatch(descriptor, events: Int16(POLLIN)) { _ in ended() }
        return ProcessWatch(descriptor: descriptor, token: token)
    }

    /// Ends the watch. On the loop, `ended` is not called any more.
    public func stopWatching(_ watch: ProcessWatch) {
        onLoop { [self] in
            removeWatch(watch.token)
            close(watch.descriptor)
        }
    }
}
