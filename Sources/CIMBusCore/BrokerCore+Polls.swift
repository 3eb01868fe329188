import CIM

/// Polling, where a subscription says how often and nobody tells of changes (Semantics J.4). Who looks when, and what is compared with what, the
/// core decides; the broker looks and compares.
extension BrokerCore {
    /// The subscription wants to know of changes of these instances, and of no others, this long after them at the latest.
    public mutating func watch(_ id: OperationID, _ wanted: [Poll.Subject], every interval: Microseconds) {
        began(.watch(id, wanted, every: interval))
        // The end of the subscription was faster.
        guard events.subscriptions[id] != nil, operations[id]?.outcome == nil else { return }
        let known = Set(wanted)
        for poll in events.polls(of: id) where events.polls[poll].map({ !known.contains($0.subject) }) ?? false { leave(poll, id) }
        for subject in wanted {
            let poll = events.poll(of: subject)
            guard events.polls[poll]?.watchers[id] == nil else { continue }
            events.polls[poll]?.watchers[id] = .init(interval: interval, due: now)
            schedule(poll)
        }
    }

    /// The subscription has ended: nothing is polled for it.
    mutating func stopWatching(_ id: OperationID) {
        for poll in events.polls(of: id) { leave(poll, id) }
    }

    private mutating func leave(_ poll: PollID, _ id: OperationID) {
        guard let watcher = events.polls[poll]?.value.watchers.removeValue(forKey: id) else { return }
        events.polls[poll]?.look?.watchers.removeAll { $0 == id }
        release(watcher.baseLine)
        // Its part ends with it; another looks.
        if events.polls[poll]?.look?.driver == id { events.polls[poll]?.look = nil }
        guard events.polls[poll]?.watchers.isEmpty == true else { return schedule(poll) }
        agenda.remove(.poll(poll))
        events.forget(poll)
    }

    private mutating func schedule(_ poll: PollID) {
        guard let known = events.polls[poll], known.look == nil, let due = known.due else { return }
        agenda.schedule(.poll(poll), at: due)
    }

    /// It is time to look, unless a look is under way.
    mutating func review(_ poll: PollID) {
        guard let known = events.polls[poll], known.look == nil, let due = known.due else { return }
        guard due <= now, !isShuttingDown else { return schedule(poll) }
        // Whose time comes before the next look takes part in this one.
        let next = later(known.shortest)
        let watchers = known.watchers.filter { $0.value.due < next }.keys.sorted()
        guard let driver = watchers.first else { return bug("poll \(poll.number) is due for nobody") }
        let look = Poll.Look(id: events.newLook(), driver: driver, began: now, watchers: watchers)
        events.polls[poll]?.look = look
        effects.append(.look(poll, look.id, by: driver))
    }

    /// A look found all instances, and takes so many bytes of memory as long as somebody compares with it.
    public mutating func looked(_ poll: PollID, _ id: LookID, bytes: Int) {
        began(.looked(poll, id, bytes: bytes))
        guard let look = take(id, of: poll), let subject = events.polls[poll]?.subject else { return }
        if let text = noRoom(for: bytes, subject.uid) { return fail(poll, look, .quotaViolation, text) }
        events.polls[poll]?.looks += 1
        events.keep(id, bytes: bytes, uid: subject.uid)
        var compared: [LookID: [OperationID]] = [:]
        for watcher in look.watchers {
            events.retain(id)
            if let old = events.polls[poll]?.watchers[watcher]?.baseLine { compared[old, default: []].append(watcher) }
            events.polls[poll]?.watchers[watcher]?.baseLine = id
            rest(poll, watcher, look)
        }
        for (old, watchers) in compared.sorted(by: { $0.key < $1.key }) {
            effects.append(.compare(poll, old, with: id, for: watchers))
            for _ in watchers { release(old) }
        }
        schedule(poll)
    }

    /// A look failed: whoever has a base line keeps it, since nothing says what became of the instances; whoever has none has no subscription.
    public mutating func lookFailed(_ poll: PollID, _ id: LookID, _ status: WBEMStatus, _ text: String) {
        began(.lookFailed(poll, id, status, text))
        guard let look = take(id, of: poll) else { return }
        fail(poll, look, status, text)
    }

    private mutating func fail(_ poll: PollID, _ look: Poll.Look, _ status: WBEMStatus, _ text: String) {
        effects.append(.forgetLook(look.id))
        events.polls[poll]?.failures += 1
        events.polls[poll]?.lastFailure = text
        let className = events.polls[poll]?.subject.className ?? ""
        for watcher in look.watchers {
            if events.polls[poll]?.watchers[watcher]?.baseLine == nil {
                conclude(watcher, .stated(status, "the first look at the instances of \(className) failed: \(text)"), discarding: true)
            } else {
                rest(poll, watcher, look)
            }
        }
        schedule(poll)
    }

    /// The look, if it is the one that is under way: another may have begun since.
    private mutating func take(_ id: LookID, of poll: PollID) -> Poll.Look? {
        guard let look = events.polls[poll]?.look, look.id == id else {
            effects.append(.forgetLook(id))
            return nil
        }
        events.polls[poll]?.look = nil
        return look
    }

    /// The next look is an interval after the begin of this one; after a long one there is as long a rest.
    private mutating func rest(_ poll: PollID, _ id: OperationID, _ look: Poll.Look) {
        guard let interval = events.polls[poll]?.watchers[id]?.interval else { return bug("poll \(poll.number) lost a watcher in a look") }
        let (next, overflow) = look.began.addingReportingOverflow(interval)
        let due = max(overflow ? .max : next, later(now - look.began))
        events.polls[poll]?.watchers[id]?.due = due
    }

    // MARK: - Memory

    private func noRoom(for bytes: Int, _ uid: UInt32) -> String? {
        let own = events.lookBytes[uid] ?? 0
        if own + bytes > limits.pollingBytesPerUser {
            return
                "what is compared for uid \(uid) takes \(own) bytes, and would take \(own + bytes); \(limits.pollingBytesPerUser) are the most"
        }
        let all = events.lookBytes.values.reduce(0, +)
        if uid != 0, all + bytes > limits.pollingBytes {
            return "what is compared for all users takes \(all) bytes, and would take \(all + bytes); \(limits.pollingBytes) are the most"
        }
        return nil
    }

    private mutating func release(_ look: LookID?) {
        guard let look, events.release(look) else { return }
        drop(look)
    }

    private mutating func drop(_ look: LookID) {
        events.dropLook(look)
        effects.append(.forgetLook(look))
    }
}
