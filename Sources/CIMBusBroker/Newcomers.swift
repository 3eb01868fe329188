import DBus

/// Callers whose credentials the bus has not told yet, and what they sent meanwhile, in the order in which it came.
///
/// Bounded in all: they are nobody yet, so that no quota of a user applies to them.
struct Newcomers {
    /// Messages of one caller, and bytes of all of them. One message alone is always taken from a caller.
    static let mostMessages = 256
    static let mostBytes = 64 << 20

    private var messages: [String: [Message]] = [:]
    private(set) var bytes = 0

    func contains(_ sender: String) -> Bool { messages[sender] != nil }

    /// - Returns: false when it is too much, and was not taken.
    mutating func append(_ message: Message, of sender: String) -> Bool {
        let size = message.size
        if let waiting = messages[sender] {
            guard waiting.count < Self.mostMessages, bytes + size <= Self.mostBytes else { return false }
        }
        messages[sender, default: []].append(message)
        bytes += size
        return true
    }

    /// What a caller sent; none when it is no newcomer.
    mutating func remove(_ sender: String) -> [Message] {
        guard let taken = messages.removeValue(forKey: sender) else { return [] }
        for message in taken { bytes -= message.size }
        return taken
    }
}
