import Glibc

/// Who leads the loop. All that is confined to the loop is confined to whoever leads it.
///
/// A thread of the loop leads while it works, and neither while it sleeps nor while it runs code of users. Then another may: a thread of the loop
/// that has something to do, or, for a moment, one that has something to say and need not wake anybody for it.
extension EventLoop {
    /// What other threads touch.
    struct Inbox: ~Copyable {
        var work: [Work] = []
        var phase = Phase.running
        /// Whether somebody leads. The thread with which the loop begins does from the start.
        var isLed = true
        /// Whether a thread was woken that has not led since.
        var isWoken = false
        /// The loop's threads that wait for something to happen, or are about to.
        var sleepers = 0
        /// The loop's threads that have something to do, and wait for their turn.
        var waiting = 0

        var hasEnded: Bool { phase == .draining || phase == .ended }

        /// Whether a sleeping thread has to be woken for what was put into ``work``: who leads finds it there.
        mutating func mustWake() -> Bool {
            if isLed || isWoken { return false }
            isWoken = true
            return true
        }

        /// The loop is not led any more. True: one thread that waits for its turn leads from now on.
        mutating func giveUp(_ loop: EventLoop) -> Bool {
            // Before anybody else can write there.
            loop.leader.store(0, ordering: .relaxed)
            guard waiting > 0 else {
                isLed = false
                return false
            }
            waiting -= 1
            isWoken = false
            return true
        }
    }

    /// Leads from now on. Waits for its turn: only threads of the loop may, and nobody leads for long.
    /// - Returns: false when the loop has ended, for a thread that has slept; then it does not lead.
    @discardableResult
    func lead(afterSleep: Bool) -> Bool {
        enum Turn { case now, later, never }
        let turn: Turn = inbox.withLock { inbox in
            if afterSleep {
                inbox.sleepers -= 1
                if inbox.hasEnded { return .never }
            }
            if inbox.isLed {
                inbox.waiting += 1
                return .later
            }
            inbox.isLed = true
            inbox.isWoken = false
            return .now
        }
        if turn == .never { return false }
        if turn == .later { self.turn.wait() }
        leader.store(Self.thread, ordering: .relaxed)
        guard turn == .later, afterSleep, inbox.withLock({ $0.hasEnded }) else { return true }
        if inbox.withLock({ $0.giveUp(self) }) { self.turn.signal() }
        return false
    }

    /// Leads until ``giveBack()``, where nobody does and nothing waits to be run: so nothing that a thread says now overtakes what it said before.
    /// Meanwhile nothing may run that can block. False: the loop's own thread has to do it.
    func tryBorrow() -> Bool {
        let isMine = inbox.withLock { inbox in
            if inbox.isLed || inbox.isWoken || !inbox.work.isEmpty || inbox.phase != .running { return false }
            inbox.isLed = true
            return true
        }
        guard isMine else { return false }
        leader.store(Self.thread, ordering: .relaxed)
        isBorrowed = true
        return true
    }

    func giveBack() {
        let mustRun = settle() || !local.isEmpty
        isBorrowed = false
        let (isHandedOver, mustWake) = inbox.withLock { inbox in
            if inbox.giveUp(self) { return (true, false) }
            return (false, mustRun || !inbox.work.isEmpty ? inbox.mustWake() : false)
        }
        if isHandedOver { turn.signal() } else if mustWake { poller.wake() }
    }

    /// Runs `action` on the loop, after what was given to it before: on this thread before this returns where nothing else happens on the loop, else
    /// soon. `action` must not block, and takes no lock that the caller holds.
    public func onLoop(_ action: @escaping @Sendable () -> Void) {
        if isOnLoop { return action() }
        guard tryBorrow() else { return execute(action) }
        action()
        giveBack()
    }
}
