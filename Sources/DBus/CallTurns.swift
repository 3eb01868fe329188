/// The calls of one connection to the bus that are without a reply, and those that wait until there are fewer.
///
/// The bus counts a call until it is answered, or until one of the two leaves; that nobody waits for the reply any more changes nothing.
struct CallTurns {
    /// So many may be unanswered; nil: any number, and nothing is counted.
    private var most: Int?
    /// Calls that the bus has and that are not answered. The messages are kept for the case that the bus refuses them.
    private var unanswered: [UInt32: Message] = [:]
    /// Calls that wait, by serial, and the order in which they do, from `first` on.
    private var waiting: [UInt32: Message] = [:]
    private var order: [UInt32] = []
    private var first = 0

    init(most: Int?) { self.most = most }

    /// Whether a call may be sent now; else it waits.
    mutating func mayGo(_ serial: UInt32, _ message: Message) -> Bool {
        guard let most else { return true }
        if unanswered.count < most, waiting.isEmpty {
            unanswered[serial] = message
            return true
        }
        waiting[serial] = message
        order.append(serial)
        return false
    }

    /// A reply has come, or the call could not be sent after all.
    mutating func answered(_ serial: UInt32) { unanswered[serial] = nil }

    /// The bus has refused a call because too many are without a reply: as many as there are now are the most.
    /// - Returns: false when no other call is out, so that waiting would not help.
    mutating func refused(_ serial: UInt32, isWanted: Bool) -> Bool {
        guard let message = unanswered.removeValue(forKey: serial), !unanswered.isEmpty else { return false }
        most = unanswered.count
        guard isWanted else { return true }
        waiting[serial] = message
        if first > 0 { first -= 1 } else { order.insert(serial, at: 0) }
        order[first] = serial
        return true
    }

    /// The next call that may be sent now, and counts from then on. Those that nobody wants any more are left out.
    mutating func next(isWanted: (UInt32) -> Bool) -> (serial: UInt32, message: Message)? {
        guard let most, unanswered.count < most else { return nil }
        while first < order.count {
            let serial = order[first]
            first += 1
            if first > 64, first * 2 > order.count {
                order.removeFirst(first)
                first = 0
            }
            guard let message = waiting.removeValue(forKey: serial), isWanted(serial) else { continue }
            unanswered[serial] = message
            return (serial, message)
        }
        return nil
    }
}
