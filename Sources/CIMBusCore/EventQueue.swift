/// Events that wait for one subscriber, oldest first.
struct EventQueue: Hashable, Sendable {
    struct Event: Hashable, Sendable {
        var payload: PayloadID
        var bytes: UInt32
    }

    private var events: [Event] = []
    /// Where the oldest stands; before it are places of those that were taken.
    private var start = 0
    private(set) var bytes = 0

    var count: Int { events.count - start }
    var isEmpty: Bool { start == events.count }

    mutating func append(_ event: Event) {
        events.append(event)
        bytes += Int(event.bytes)
    }

    mutating func removeFirst() -> Event? {
        guard start < events.count else { return nil }
        let event = events[start]
        start += 1
        bytes -= Int(event.bytes)
        if start == events.count {
            events.removeAll(keepingCapacity: count < 64)
            start = 0
        } else if start > 256, start > events.count / 2 {
            events.removeFirst(start)
            start = 0
        }
        return event
    }

    /// The oldest events that make up one batch: at least one, if there is any.
    mutating func takeBatch(most: Int, bytes limit: Int) -> [Event] {
        var taken: [Event] = []
        var used = 0
        while start < events.count, taken.count < most {
            let next = Int(events[start].bytes)
            if !taken.isEmpty, used + next > limit { break }
            used += next
            if let event = removeFirst() { taken.append(event) }
        }
        return taken
    }
}
