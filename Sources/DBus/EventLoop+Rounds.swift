import CDBus
import Glibc

/// What the loop's threads do. One is enough until code of users runs on it (``runAside(_:)``): then a second waits in its place.
extension EventLoop {
    /// More threads than these end when they have nothing to do.
    private static let mostSleepers = 2
    /// For how many rounds code of users waits for the loop to have nothing else to do.
    private static let mostAsideDelay = 8

    private enum Next {
        case stop
        /// There is more to do: only looks at what has happened.
        case look
        case sleep
        case aside(any AsideWork)
    }

    /// What a thread of the loop does that leads, until it ends.
    func rounds() {
        var happened: [Poller.Happened] = []
        while true {
            runWork()
            runTimers()
            let hasMore = processSources()
            let isBusy = settle() || hasMore || !local.isEmpty
            switch next(isBusy: isBusy) {
            case .stop: return end()
            case .look:
                poller.wait(isPatient: false, &happened)
                handOut(happened)
            case .sleep:
                guard sleep(&happened) else { return }
            case .aside(let work):
                // Nobody's task locals, nobody's priority.
                Task.immediateDetached { await work.run() }
                let isNeeded = inbox.withLock { inbox in
                    guard inbox.phase == .running, inbox.sleepers < Self.mostSleepers else { return false }
                    inbox.sleepers += 1
                    return true
                }
                guard isNeeded, sleep(&happened) else { return }
            }
        }
    }

    /// Ends the round: afterwards the caller leads no more, unless there is something to do or the loop ends.
    private func next(isBusy: Bool) -> Next {
        let aside = asides.isEmpty ? nil : takeAside(isBusy: isBusy)
        var isHandedOver = false
        let next: Next = inbox.withLock { inbox in
            if inbox.phase != .running { return .stop }
            if isBusy || !inbox.work.isEmpty { return .look }
            // Behind the next line the loop's state is another leader's.
            if aside != nil { asideDelay = 0 }
            isHandedOver = inbox.giveUp(self)
            if let aside { return .aside(aside) }
            inbox.sleepers += 1
            return .sleep
        }
        if isHandedOver { turn.signal() }
        if let aside {
            if case .aside = next { return next }
            asides.append(aside)
        }
        return next
    }

    /// What this thread runs if it leads no more after this round; all else goes to Swift's threads. Where the loop has more to do it waits for a
    /// few rounds, and then goes there, too.
    private func takeAside(isBusy: Bool) -> (any AsideWork)? {
        for work in asides.dropFirst() { Task.detached { await work.run() } }
        let first = asides[0]
        asides.removeAll(keepingCapacity: true)
        asideDelay += 1
        if isBusy, asideDelay < Self.mostAsideDelay {
            asides.append(first)
        } else if isBusy || !mayLeave() {
            asideDelay = 0
            Task.detached { await first.run() }
        } else {
            return first
        }
        return nil
    }

    /// Whether another thread waits for what happens, or is started to; false: there is none.
    private func mayLeave() -> Bool {
        let mustStart = inbox.withLock { inbox in
            if inbox.sleepers + inbox.waiting > 0 { return false }
            inbox.sleepers += 1
            return true
        }
        if !mustStart { return true }
        if !isShared {
            isShared = true
            for registration in sources { registration.isArmed = false }
            settle()
        }
        let isStarted = SystemThread.start(named: name) { [self] in
            var happened: [Poller.Happened] = []
            if sleep(&happened) { rounds() }
        }
        if !isStarted { inbox.withLock { $0.sleepers -= 1 } }
        return isStarted
    }

    /// Sleeps until something happens, and leads and hands it out then. False: the loop has ended, and so does the thread.
    private func sleep(_ happened: inout [Poller.Happened]) -> Bool {
        poller.wait(isPatient: true, &happened)
        guard lead(afterSleep: true) else { return wakeNext() }
        handOut(happened)
        return true
    }

    /// The loop has ended: every thread that sleeps wakes the next.
    private func wakeNext() -> Bool {
        if inbox.withLock({ $0.sleepers > 0 }) { poller.wake() }
        return false
    }

    private func end() {
        endSources()
        inbox.withLock { $0.phase = .draining }
        _ = wakeNext()
        runLast()
    }

    /// Runs what was given to a loop that has ended.
    func drain() {
        lead(afterSleep: false)
        runLast()
    }

    /// Runs what was given to a loop whose sources are gone, until nothing is left.
    private func runLast() {
        while true {
            runWork()
            for work in asides { Task.detached { await work.run() } }
            asides = []
            var isHandedOver = false
            let isDone = inbox.withLock { inbox in
                guard local.isEmpty, inbox.work.isEmpty else { return false }
                inbox.phase = .ended
                isHandedOver = inbox.giveUp(self)
                return true
            }
            if isHandedOver { turn.signal() }
            if isDone { return }
        }
    }

    // MARK: A round

    /// Runs what is there, and what that gives rise to, for a few rounds: then sources and timers have their turn.
    private func runWork() {
        inbox.withLock { inbox in
            if !inbox.work.isEmpty {
                local.append(contentsOf: inbox.work)
                inbox.work.removeAll(keepingCapacity: true)
            }
        }
        for _ in 0..<8 where !local.isEmpty {
            swap(&spare, &local)
            var batch: [Work] = []
            swap(&batch, &spare)
            for work in batch {
                switch work {
                case .isolated(let job): job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
                case .task(let job): job.runSynchronously(on: asUnownedTaskExecutor())
                case .action(let action): action()
                }
            }
            // Keeps the memory of the batch for the one after the next.
            batch.removeAll(keepingCapacity: true)
            swap(&batch, &spare)
        }
    }

    /// Actions may schedule and cancel, so the queue is not held while one runs.
    private func runTimers() {
        if timers.isEmpty { return }
        let now = Self.now
        while let due = timers.popDue(at: now) { due() }
        if armedFor <= now { armedFor = .max }
    }

    /// True when there is more to do.
    func processSources() -> Bool {
        var isBusy = false
        for registration in sources where !registration.isRemoved {
            if registration.standing != 0 {
                registration.source.isReady(registration.standing)
                isBusy = true
            }
            if registration.source.process() { isBusy = true }
        }
        return isBusy
    }

    private func handOut(_ happened: [Poller.Happened]) {
        isHandingOut = true
        defer { isHandingOut = false }
        for (id, events) in happened {
            guard let registration = registrations[id] else { continue }
            if isShared { registration.isArmed = false }
            registration.source.isReady(events)
        }
    }

    /// Hands out what lies in one of the sources, as if the poller had told of it.
    func read(_ source: any PollSource) {
        isHandingOut = true
        source.isReady(Int16(POLLIN))
        isHandingOut = false
        _ = processSources()
    }

    // MARK: What is waited for

    /// From now on those things are waited for that the sources and timers want.
    /// - Returns: whether a source has something that need not be waited for.
    @discardableResult
    func settle() -> Bool {
        var isBusy = false
        for registration in sources {
            settle(registration)
            if registration.standing != 0 { isBusy = true }
        }
        if let deadline = timers.firstDeadline, deadline < armedFor {
            armedFor = deadline
            poller.setTimer(deadline)
        }
        return isBusy
    }

    /// The same for one source, at once.
    func settle(_ source: any PollSource) {
        if let registration = sources.first(where: { $0.source === source }) { settle(registration) }
    }

    private func settle(_ registration: Registration) {
        let events = registration.source.events
        let descriptor = registration.source.descriptor
        // One that wants nothing is left out: its hang-up would be told again and again.
        guard descriptor >= 0, events != 0 else { return forget(registration) }
        if registration.descriptor == descriptor {
            if registration.events == events, registration.isArmed || registration.standing != 0 { return }
        } else {
            forget(registration)
        }
        let isNew = registration.descriptor < 0
        registration.descriptor = descriptor
        registration.events = events
        registration.isArmed = true
        registration.standing = 0
        var number = registration.duplicate < 0 ? descriptor : registration.duplicate
        var problem = poller.set(isNew ? .add : .modify, number, events, isOnce: isShared, id: registration.id)
        // Somebody else waits for the same: under a number of its own this one may, too.
        if isNew, problem == EEXIST {
            number = cdbus_duplicate(descriptor)
            registration.duplicate = number
            problem = poller.set(.add, number, events, isOnce: isShared, id: registration.id)
        }
        if problem == 0 {
            owners[number] = registration.id
        } else {
            registration.standing = problem == EPERM ? events : Int16(POLLNVAL)
        }
    }

    /// Nothing is told of it until the next round ends: before its descriptor is closed while it has another for the same socket, which the system
    /// would go on telling of.
    func forget(_ source: any PollSource) {
        if let registration = sources.first(where: { $0.source === source }) { forget(registration) }
    }

    /// Nothing is told of it any more.
    func forget(_ registration: Registration) {
        let number = registration.duplicate < 0 ? registration.descriptor : registration.duplicate
        registration.standing = 0
        registration.isArmed = false
        registration.events = 0
        registration.descriptor = -1
        // The number may have been closed, and be another's by now.
        if number >= 0, owners[number] == registration.id {
            owners[number] = nil
            _ = poller.set(.remove, number, 0, isOnce: false, id: registration.id)
        }
        if registration.duplicate >= 0 { close(registration.duplicate) }
        registration.duplicate = -1
    }
}
