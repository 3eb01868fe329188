/// A process as it was when something was last heard of it.
struct ProcessState: Sendable {
    let id: Int32
    var parent: Int32
    /// What was read last; of a process that was gone before it could be read, what its parent had when it forked; nil: nothing.
    var seen: UnixProcess?
    /// Whether ``seen`` is the parent's.
    var isCopy = false
    /// Whether the program is still the one that was seen.
    var hasKnownProgram = true

    init(_ process: UnixProcess) {
        (id, parent) = (process.id, process.parent)
        seen = process.clipped
    }

    /// A process that is gone before it could be read.
    init(_ id: Int32, parent: Int32, copyOf state: ProcessState?) {
        (self.id, self.parent) = (id, parent)
        seen = state?.seen
        isCopy = true
        hasKnownProgram = state?.hasKnownProgram ?? false
    }

    /// Whether what counts as a modification differs: the program, its name and arguments, users, groups, session, terminal.
    func differs(from other: ProcessState) -> Bool {
        guard hasKnownProgram == other.hasKnownProgram, let a = seen, let b = other.seen else {
            return hasKnownProgram != other.hasKnownProgram || (seen == nil) != (other.seen == nil)
        }
        return (hasKnownProgram && (a.name != b.name || a.arguments != b.arguments || a.executable != b.executable))
            || a.realUser != b.realUser || a.effectiveUser != b.effectiveUser || a.realGroup != b.realGroup
            || a.group != b.group || a.session != b.session || a.terminal != b.terminal
    }
}

extension UnixProcess {
    /// So much of the arguments is remembered: a process may have megabytes of them, and there are many processes.
    static let mostArgumentBytes = 4_096

    /// With as many of its arguments as are remembered.
    var clipped: UnixProcess {
        var size = 0
        guard
            let end = arguments.firstIndex(where: {
                size += $0.utf8.count + 16
                return size > Self.mostArgumentBytes
            })
        else { return self }
        var process = self
        process.arguments.removeSubrange(end...)
        return process
    }
}
