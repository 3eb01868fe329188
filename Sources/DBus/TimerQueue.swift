/// Actions by deadline: a binary heap in which removed ones stay as husks until half of it is husks.
struct TimerQueue {
    private struct Entry {
        let deadline: Int64
        let id: UInt64

        func isBefore(_ other: Entry) -> Bool { deadline == other.deadline ? id < other.id : deadline < other.deadline }
    }

    private var heap: [Entry] = []
    private var actions: [UInt64: @Sendable () -> Void] = [:]

    var isEmpty: Bool { actions.isEmpty }

    /// May be that of a husk: then the loop wakes once for nothing.
    var firstDeadline: Int64? { actions.isEmpty ? nil : heap.first?.deadline }

    mutating func insert(_ id: UInt64, _ deadline: Int64, _ action: @escaping @Sendable () -> Void) {
        actions[id] = action
        heap.append(Entry(deadline: deadline, id: id))
        siftUp(heap.count - 1)
    }

    mutating func remove(_ id: UInt64) {
        guard actions.removeValue(forKey: id) != nil, heap.count > 64, heap.count > actions.count * 2 else { return }
        heap.removeAll { actions[$0.id] == nil }
        heap.sort { $0.isBefore($1) }
    }

    /// Removes and returns the first action whose time has come.
    mutating func popDue(at now: Int64) -> (@Sendable () -> Void)? {
        while let first = heap.first {
            let action = actions[first.id]
            if action != nil, first.deadline > now { return nil }
            removeFirst()
            actions[first.id] = nil
            if let action { return action }
        }
        return nil
    }

    private mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && heap[child].isBefore(heap[least]) { least = child }
            if least == index { return }
            heap.swapAt(least, index)
            index = least
        }
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0, heap[index].isBefore(heap[(index - 1) / 2]) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }
}
