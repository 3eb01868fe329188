import Synchronization

/// Names one match rule that was added.
public struct MatchToken: Hashable, Sendable {
    let id: UInt64
}

extension Connection {
    /// Asks the bus for the signals that `rule` selects. From its return on no signal is missed; some may come before.
    ///
    /// When the rule's sender is a well-known name, signals count only from whoever owns the name when they arrive.
    /// - Parameter receive: called on the loop for each.
    public nonisolated(nonsending) func addMatch(
        _ rule: MatchRule, receive: @escaping @Sendable (Message) -> Void
    ) async throws(DBusError) -> MatchToken {
        try await subscribe(rule, receive) { _ in }
    }

    /// Ends a subscription: nothing is received after this returns.
    public nonisolated(nonsending) func removeMatch(_ token: MatchToken) async {
        let link = link
        let rule: MatchRule? = await withUnsafeContinuation { continuation in
            link.loop.onLoop { continuation.resume(returning: link.signals.remove(token.id)?.rule) }
        }
        if let rule { _ = try? await callBus("RemoveMatch", [.string(rule.text)]) }
    }

    /// The signals that `rule` selects, in order. The stream ends with an error: `.disconnected` with the connection, `.queueFull` when
    /// more than ``ConnectionOptions/maximumBufferedSignals`` wait to be taken. Dropping it, or cancelling the task that iterates, ends the subscription.
    public nonisolated(nonsending) func signals(
        matching rule: MatchRule
    ) async throws(DBusError) -> AsyncThrowingStream<Message, any Error> {
        let limit = link.options.maximumBufferedSignals
        let (stream, continuation) = AsyncThrowingStream<Message, any Error>.makeStream(bufferingPolicy: .bufferingOldest(limit))
        let token = try await subscribe(rule) { message in
            if case .dropped = continuation.yield(message) {
                continuation.finish(throwing: DBusError(code: .queueFull, "more than \(limit) signals wait to be taken"))
            }
        } ended: {
            continuation.finish(throwing: $0)
        }
        let link = link
        continuation.onTermination = { _ in
            link.loop.execute {
                guard let rule = link.signals.remove(token.id)?.rule else { return }
                link.removeRule(rule)
            }
        }
        return stream
    }

    /// Calls back on the loop for every bus name, unique or well-known, that loses its last owner. One rule (`arg2=''`) for all of them.
    /// - Parameter observer: the name, and the unique name that owned it.
    public nonisolated(nonsending) func onNameVanished(
        _ observer: @escaping @Sendable (_ name: String, _ owner: String) -> Void
    ) async throws(DBusError) -> MatchToken {
        let rule = MatchRule(
            sender: .bus, interface: .bus, member: MemberName(verified: "NameOwnerChanged"), path: .bus, arguments: [2: ""])
        return try await addMatch(rule) { message in
            guard message.hasSignature("sss") else { return }
            var reader = message.reader
            guard let name = try? reader.readString(), let owner = try? reader.readString() else { return }
            observer(name, owner)
        }
    }

    /// Calls back on the loop with the owner of a name: once before this returns with whoever owns it, nil for nobody, then at each change.
    ///
    /// Subscribes first, then asks: what the bus tells of a change meanwhile is newer than its answer, which is passed over then. Messages of a new
    /// owner come after the call back that names it.
    public nonisolated(nonsending) func followOwner(
        of name: BusName, _ changed: @escaping @Sendable (_ owner: UniqueName?) -> Void
    ) async throws(DBusError) -> MatchToken {
        let rule = MatchRule(
            sender: .bus, interface: .bus, member: MemberName(verified: "NameOwnerChanged"), path: .bus, arguments: [0: name.text])
        let hasChanged = Flag()
        let token = try await addMatch(rule) { message in
            var reader = message.reader
            guard message.hasSignature("sss"), (try? reader.readString()) == name.text, (try? reader.readString()) != nil,
                let owner = try? reader.readString()
            else { return }
            hasChanged.isSet.store(true, ordering: .relaxed)
            changed(owner.isEmpty ? nil : UniqueName(verified: owner))
        }
        let owner: UniqueName?
        do throws(DBusError) {
            owner = try await nameOwner(of: name)
        } catch {
            await removeMatch(token)
            throw error
        }
        let link = link
        await withUnsafeContinuation { continuation in
            link.loop.onLoop {
                if !hasChanged.isSet.load(ordering: .relaxed) { changed(owner) }
                continuation.resume()
            }
        }
        return token
    }

    private final class Flag: Sendable {
        let isSet = Atomic(false)
    }

    /// Registers first and asks the bus after, so that nothing falls between.
    private nonisolated(nonsending) func subscribe(
        _ rule: MatchRule, _ receive: @escaping @Sendable (Message) -> Void, ended: @escaping @Sendable (DBusError) -> Void
    ) async throws(DBusError) -> MatchToken {
        if let sender = rule.sender, !sender.isUnique, sender != .bus { try await follow(sender) }
        let link = link
        let id: UInt64 = await withUnsafeContinuation { continuation in
            link.loop.onLoop {
                continuation.resume(returning: link.signals.add(.init(rule: rule, deliver: receive, ended: ended)))
            }
        }
        do throws(DBusError) {
            _ = try await callBus("AddMatch", [.string(rule.text)])
        } catch {
            link.loop.onLoop { _ = link.signals.remove(id) }
            throw error
        }
        return MatchToken(id: id)
    }

    /// Keeps track of who owns a name, for as long as the connection lives.
    private nonisolated(nonsending) func follow(_ name: BusName) async throws(DBusError) {
        let link = link
        let isNew: Bool = await withUnsafeContinuation { continuation in
            link.loop.onLoop { continuation.resume(returning: link.signals.startFollowing(name.text)) }
        }
        guard isNew else { return }
        do throws(DBusError) {
            _ = try await followOwner(of: name) { link.signals.setOwner(of: name.text, $0?.text ?? "") }
        } catch {
            link.loop.onLoop { link.signals.stopFollowing(name.text) }
            throw error
        }
    }
}

extension Link {
    /// Tells the bus to send no more of these; nobody waits for the answer.
    func removeRule(_ rule: MatchRule) {
        let message = try? Message.methodCall(
            destination: .bus, path: .bus, interface: .bus, member: MemberName(verified: "RemoveMatch"), flags: .noReplyExpected,
            values: [.string(rule.text)])
        if let message { _ = try? send(message) }
    }
}
