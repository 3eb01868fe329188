import HeapModule

/// Actions by deadline. An action that is removed leaves its entry in the heap until half of the heap is such entries.
struct TimerQueue {
    private struct Entry: Comparable {
        let deadline: Int64
        let id: UInt64

        static func < (a: Entry, b: Entry) -> Bool { a.deadline == b.deadline ? a.id < b.id : a.deadline < b.deadline }
    }

    private var heap = Heap<Entry>()
    private var actions: [UInt64: @Sendable () -> Void] = [:]

    var isEmpty: Bool { actions.isEmpty }

    /// May be that of a removed action: then the loop wakes once for nothing.
    var firstDeadline: Int64? { actions.isEmpty ? nil : heap.min?.deadline }

    mutating func insert(_ id: UInt64, _ deadline: Int64, _ action: @escaping @Sendable () -> Void) {
        actions[id] = action
        heap.insert(Entry(deadline: deadline, id: id))
    }

    mutating func remove(_ id: UInt64) {
        guard actions.removeValue(forKey: id) != nil, heap.count > 64, heap.count > actions.count * 2 else { return }
        heap.removeAll { actions[$0.id] == nil }
    }

    /// Removes and returns the first action whose time has come.
    mutating func popDue(at now: Int64) -> (@Sendable () -> Void)? {
        while let first = heap.min {
            let action = actions[first.id]
            if action != nil, first.deadline > now { return nil }
            heap.removeMin()
            actions[first.id] = nil
            if let action { return action }
        }
        return nil
    }
}
