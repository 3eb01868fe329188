import DBus

/// What the loop calls for each message. `assumeIsolated` asks the runtime each time whether the actor is isolated, which takes longer than what is
/// done here for some of them; the loop knows by one comparison.
extension Broker {
    /// A function of the broker as one that is called by what runs on its loop, and by nothing else.
    nonisolated static func onLoop<Subject, Answer>(
        _ body: @escaping @Sendable (isolated Broker, Subject) -> Answer
    ) -> @Sendable (Broker, Subject) -> Answer {
        // Only the isolation differs, which is nothing at run time: `assumeIsolated` is made in the same way.
        let plain = unsafeBitCast(body, to: (@Sendable (Broker, Subject) -> Answer).self)
        return { broker, subject in
            broker.loop.checkIsolated()
            return plain(broker, subject)
        }
    }
}
