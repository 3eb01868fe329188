/// Who wants which signals of one connection. Touched on the loop only. A class, so that a receiver may subscribe and leave while it is served.
final class SignalRegistry {
    struct Subscription {
        let rule: MatchRule
        let deliver: @Sendable (Message) -> Void
        let ended: @Sendable (DBusError) -> Void
    }

    private var subscriptions: [UInt64: Subscription] = [:]
    private var order: [UInt64] = []
    private var next: UInt64 = 1
    /// The owners of the well-known names that rules state as sender; empty text: nobody.
    private var owners: [String: String] = [:]

    func add(_ subscription: Subscription) -> UInt64 {
        let id = next
        next += 1
        subscriptions[id] = subscription
        order.append(id)
        return id
    }

    func remove(_ id: UInt64) -> Subscription? {
        order.removeAll { $0 == id }
        return subscriptions.removeValue(forKey: id)
    }

    /// What the bus is to send, in the order in which it was asked.
    var rules: [MatchRule] { order.compactMap { subscriptions[$0]?.rule } }

    private var followed: Set<String> = []

    var followedNames: [String] { followed.sorted() }

    /// False when the owner of the name is followed already.
    func startFollowing(_ name: String) -> Bool { followed.insert(name).inserted }

    func stopFollowing(_ name: String) { followed.remove(name) }

    func setOwner(of name: String, _ owner: String) { owners[name] = owner }

    func deliver(_ message: Message) {
        for id in order {
            guard let subscription = subscriptions[id] else { continue }
            let owner = subscription.rule.sender.flatMap { $0.isUnique ? nil : owners[$0.text] }
            if subscription.rule.matches(message, senderOwner: owner) { subscription.deliver(message) }
        }
    }

    func end(_ error: DBusError) {
        let ending = order.compactMap { subscriptions[$0] }
        subscriptions = [:]
        order = []
        for subscription in ending { subscription.ended(error) }
    }
}
