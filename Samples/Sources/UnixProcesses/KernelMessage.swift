import CProcess

/// What the kernel says of one process.
enum KernelMessage: Hashable, Sendable {
    case forked(Int32, parent: Int32)
    case executed(Int32)
    /// Another user, group, session or name.
    case changed(Int32)
    /// Its first thread; the process has ended with its last.
    case ended(Int32)
    /// Another thread of it, of one whose first has ended before.
    case threadEnded(of: Int32)

    /// Nil for what is of no use, such as a new thread.
    init?(_ message: cprocess_message) {
        let isFirst = message.process == message.thread
        switch cprocess_kind(message.kind) {
        case cprocess_forked where isFirst: self = .forked(message.process, parent: message.parent)
        case cprocess_executed: self = .executed(message.process)
        case cprocess_changed where isFirst: self = .changed(message.process)
        case cprocess_ended: self = isFirst ? .ended(message.process) : .threadEnded(of: message.process)
        default: return nil
        }
    }
}
