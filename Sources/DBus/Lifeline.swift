import CDBus
import Glibc

/// A thread that shares this process's memory, and not its descriptors: so that others hear of the process's death at once.
///
/// The kernel ends a killed process thread by thread. The last thread that uses the memory gives it back, which takes a quarter of a
/// millisecond for each 4 MiB or so, and only then are that thread's descriptors closed: all of the process's, where all its threads share them. So a
/// process that uses much memory is long dead before anybody hears of it. With this thread there are two tables of descriptors. If this
/// thread is the last, the process's own are closed before the memory goes; if it is not, its one descriptor is: the lifeline.
///
/// Nothing depends on the thread but how soon the others hear.
enum Lifeline {
    /// Touched on the loop, once the thread runs.
    private final class Handover: @unchecked Sendable {
        var lifeline: FileDescriptorBox?

        init(_ lifeline: FileDescriptorBox) { self.lifeline = lifeline }
    }

    /// A thread holds `lifeline` from now on, until its other end is closed.
    /// - Parameter held: runs on `loop` once the thread holds it: from then on nobody else needs to. It does not run where there is no such
    ///   thread.
    static func hold(_ lifeline: FileDescriptorBox, on loop: EventLoop, held: @escaping @Sendable () -> Void) {
        let handover = Handover(lifeline)
        let number = lifeline.rawValue
        _ = SystemThread.start(named: "lifeline") {
            let isAlone = cdbus_leave_files(number) == 0
            // What is closed here would be closed in this thread's table.
            loop.execute {
                handover.lifeline = nil
                if isAlone { held() }
            }
            if isAlone { waitForEnd(of: number) }
        }
    }

    private static func waitForEnd(of number: Int32) {
        cdbus_go_last()
        var other = pollfd(fd: number, events: 0, revents: 0)
        // With no events it tells of the other end's closing alone.
        while poll(&other, 1, -1) < 0, errno == EINTR {}
    }

    /// The same for a process that holds no lifeline: where the thread is the last, which it mostly is, its end is told of at once.
    static let isKept: Bool = SystemThread.start(named: "lifeline") {
        guard cdbus_leave_files(-1) == 0 else { return }
        cdbus_go_last()
        while true { pause() }
    }
}

extension EventLoop {
    /// The process's end by a signal is told of before its memory is given back, mostly. For processes that others wait for, and that use much memory. It
    /// takes a thread, and only the first call does anything. A private connection with a lifeline does more (``PrivateConnection/hold(_:)``).
    public static func tellOfEndEarly() { _ = Lifeline.isKept }
}
