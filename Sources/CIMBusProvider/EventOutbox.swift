import CIM

/// Events that a source has raised and the broker has not taken yet, oldest first. Past its bounds it loses the oldest, and counts them.
struct EventOutbox {
    /// So much waits at most.
    static let mostEvents = 10_000
    static let mostBytes = 16 << 20
    /// So much goes to the broker together.
    static let eventsTogether = 256
    static let bytesTogether = 256 << 10

    /// What is sent next.
    enum Parcel: Hashable {
        case events([CIMInstance])
        /// So many are lost, right before those that come next.
        case loss(UInt64)
    }

    private enum Item {
        case event(CIMInstance, bytes: Int)
        case loss(UInt64)
    }

    private var items: [Item] = []
    /// Where the oldest stands; before it are places of those that were taken.
    private var start = 0
    private(set) var events = 0
    private(set) var bytes = 0
    /// Lost before the oldest.
    private var lost: UInt64 = 0

    var isEmpty: Bool { start == items.count && lost == 0 }

    mutating func append(_ event: CIMInstance) {
        let size = event.roughSize
        items.append(.event(event, bytes: size))
        events += 1
        bytes += size
        while events > Self.mostEvents || bytes > Self.mostBytes, let oldest = removeFirst() {
            switch oldest {
            case .event: lost = lost.saturatingSum(1)
            case .loss(let count): lost = lost.saturatingSum(count)
            }
        }
    }

    /// So many were lost behind what waits.
    mutating func appendLoss(_ count: UInt64) {
        guard count > 0 else { return }
        if start == items.count {
            lost = lost.saturatingSum(count)
        } else if case .loss(let known)? = items.last {
            items[items.count - 1] = .loss(known.saturatingSum(count))
        } else {
            items.append(.loss(count))
        }
    }

    mutating func next() -> Parcel? {
        if lost > 0 {
            defer { lost = 0 }
            return .loss(lost)
        }
        var taken: [CIMInstance] = []
        var size = 0
        while start < items.count {
            switch items[start] {
            case .loss(let count):
                if !taken.isEmpty { return .events(taken) }
                _ = removeFirst()
                return .loss(count)
            case .event(let event, let bytes):
                if taken.count == Self.eventsTogether || !taken.isEmpty && size + bytes > Self.bytesTogether { return .events(taken) }
                taken.append(event)
                size += bytes
                _ = removeFirst()
            }
        }
        return taken.isEmpty ? nil : .events(taken)
    }

    private mutating func removeFirst() -> Item? {
        guard start < items.count else { return nil }
        let item = items[start]
        items[start] = .loss(0)
        start += 1
        if case .event(_, let size) = item {
            events -= 1
            bytes -= size
        }
        if start == items.count {
            items.removeAll(keepingCapacity: items.count < 64)
            start = 0
        } else if start > 256, start > items.count / 2 {
            items.removeFirst(start)
            start = 0
        }
        return item
    }
}

extension UInt64 {
    fileprivate func saturatingSum(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

extension CIMInstance {
    /// About what it takes on the wire.
    package var roughSize: Int { properties.reduce(32 + className.utf8.count) { $0 + 16 + $1.name.utf8.count + $1.value.roughSize } }
}

extension CIMValue {
    fileprivate var roughSize: Int {
        switch self {
        case .string(let text): 8 + text.utf8.count
        case .reference(let path): 8 + "\(path)".utf8.count
        case .object(let instance): instance.roughSize
        case .array(_, let values): values.reduce(8) { $0 + $1.roughSize }
        default: 16
        }
    }
}
