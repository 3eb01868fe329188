/// The processes that are known to be there, and what changes among them. It knows no socket: messages go in, changes come out.
struct ProcessLedger {
    enum Change {
        case created(ProcessState)
        case modified(ProcessState, from: ProcessState)
        /// As it was when something was last heard of it.
        case deleted(ProcessState)
    }

    private struct Entry {
        var state: ProcessState
        /// Whether anybody was told that it began.
        var isTold: Bool
        /// Its first thread has ended, and others go on.
        var hasLostFirstThread = false
    }

    private var entries: [Int32: Entry] = [:]

    /// - Parameter present: the processes that are there before anybody listens.
    init(_ present: [UnixProcess]) {
        for process in present { entries[process.id] = Entry(state: ProcessState(process), isTold: false) }
    }

    /// - Parameter read: what the process is now; nil when it is gone.
    mutating func take(_ message: KernelMessage, _ read: (Int32) -> UnixProcess?) -> [Change] {
        switch message {
        case .forked(let id, let parent): forked(id, parent, read(id))
        case .executed(let id): changed(id, read(id), isOtherProgram: true)
        case .changed(let id): changed(id, read(id), isOtherProgram: false)
        case .ended(let id): entries[id] == nil ? [] : ended(id, read(id))
        case .threadEnded(let id): entries[id]?.hasLostFirstThread == true ? ended(id, read(id)) : []
        }
    }

    private mutating func forked(_ id: Int32, _ parent: Int32, _ process: UnixProcess?) -> [Change] {
        var changes: [Change] = []
        if let known = entries[id] {
            let isOther = process.map { $0.startTime != known.state.seen?.startTime } ?? false
            if !isOther {
                // A look at all processes was faster than the message.
                if known.isTold { return [] }
                entries[id]?.isTold = true
                return [.created(known.state)]
            }
            changes.append(.deleted(known.state))
        }
        var state = process.map { ProcessState($0) } ?? ProcessState(id, parent: parent, copyOf: entries[parent]?.state)
        // What forked it may be gone since, and another have taken it over.
        state.parent = parent
        entries[id] = Entry(state: state, isTold: true)
        return changes + [.created(state)]
    }

    private mutating func changed(_ id: Int32, _ process: UnixProcess?, isOtherProgram: Bool) -> [Change] {
        // The message of its beginning is lost: a look at all processes finds it, if it is still there.
        guard let before = entries[id]?.state else { return [] }
        var state = before
        if let process {
            state = ProcessState(process)
        } else if isOtherProgram {
            state.hasKnownProgram = false
        }
        entries[id]?.state = state
        if isOtherProgram { entries[id]?.hasLostFirstThread = false }
        return state.differs(from: before) ? [.modified(state, from: before)] : []
    }

    /// The first thread of a process may end before the others: then the process is a zombie with threads.
    private mutating func ended(_ id: Int32, _ process: UnixProcess?) -> [Change] {
        guard let entry = entries[id] else { return [] }
        if let process, process.startTime == entry.state.seen?.startTime || entry.state.isCopy {
            let isDead = "ZXx".contains(process.state)
            // Another thread has taken the first one's place: exec does that.
            if !isDead { return [] }
            if process.threads > 1 {
                entries[id]?.hasLostFirstThread = true
                return []
            }
        }
        entries[id] = nil
        return [.deleted(entry.state)]
    }

    /// Messages were lost: what is there now is compared with what was known. What began and ended in between is told to nobody.
    mutating func synchronize(_ present: [UnixProcess]) -> [Change] {
        var changes: [Change] = []
        var found: Set<Int32> = []
        for process in present {
            // What has ended and is not yet fetched by its parent has had its message, or will have it.
            if "ZXx".contains(process.state), process.threads <= 1, entries[process.id] == nil { continue }
            found.insert(process.id)
            let state = ProcessState(process)
            guard let known = entries[process.id]?.state else {
                entries[process.id] = Entry(state: state, isTold: true)
                changes.append(.created(state))
                continue
            }
            entries[process.id]?.state = state
            if !known.isCopy, known.seen?.startTime != process.startTime {
                entries[process.id] = Entry(state: state, isTold: true)
                changes += [.deleted(known), .created(state)]
            } else if state.differs(from: known) {
                changes.append(.modified(state, from: known))
            }
        }
        for id in entries.keys.sorted() where !found.contains(id) {
            if let entry = entries.removeValue(forKey: id) { changes.append(.deleted(entry.state)) }
        }
        return changes
    }
}
