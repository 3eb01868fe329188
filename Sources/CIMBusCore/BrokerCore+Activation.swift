import CIM

/// Providers that are not there: they are waited for, or started, one start at a time, and not again at once after a start that failed.
extension BrokerCore {
    // MARK: - What the broker reports

    /// The registration's process was alive when the broker came back: for a while its calls wait for it to register again (L11).
    public mutating func expect(_ id: RegistrationID) {
        began(.expect(id))
        if registry[id]?.peer == nil, registry[id]?.activation == .idle {
            become(id, .expected(until: now + limits.comeback))
            agenda.schedule(.registration(id), at: now + limits.comeback)
        }
    }

    /// The process that was expected ended.
    public mutating func expectationFailed(_ id: RegistrationID) {
        began(.expectationFailed(id))
        if case .expected = registry[id]?.activation { endExpectation(id) }
    }

    /// The start did not succeed: calls that wait end, and for a while new ones fail at once (Semantics G.3). A lost race, and nothing
    /// happens, unless it is being started. That it cannot initialize itself, a process says of itself, whoever started it: then it is enough
    /// that none serves it (Semantics D.4).
    /// - Parameter reason: ``Explanation/Reason/startFailed`` or ``Explanation/Reason/initializationFailed``.
    public mutating func startFailed(
        _ id: RegistrationID, _ text: String, reason: Explanation.Reason = .startFailed
    ) {
        began(.startFailed(id, text, reason))
        if let known = registry[id], known.activation.isStarting || reason == .initializationFailed && known.peer == nil {
            failStart(id, Explanation(reason, text: text))
        }
    }

    /// Starts it now, whether or not a call needs it.
    ///
    /// - Throws: ProviderLoadFailure when nothing starts it, or its last start failed just now.
    public mutating func load(_ id: RegistrationID) throws(Refusal) {
        began(.load(id))
        // It is gone, or is there, or somebody was faster and it is on its way.
        guard let registration = registry[id], registration.peer == nil, registration.activation.limit == nil else { return }
        if case .failed(let until, let explanation) = registration.activation, until > now {
            throw Refusal(explanation.reason.status, explanation.text)
        }
        guard registration.isStartable else { throw Refusal(.providerLoadFailure, "nothing starts it: its definition has no BusName") }
        start(id)
    }

    /// Somebody listens for events of the provider, or nobody does any more. While somebody does it is started, and started again when its process
    /// dies, with the pauses of failed starts between; not when it leaves of its own accord.
    public mutating func want(_ id: RegistrationID, _ isWanted: Bool) {
        began(.want(id, isWanted))
        registry[id]?.isWanted = isWanted
        wake(id)
    }

    /// A provider that is wanted, and has no process, is started, or will be after its pause.
    mutating func wake(_ id: RegistrationID) {
        guard let registration = registry[id], registration.isWanted, registration.peer == nil, registration.isStartable, !isShuttingDown
        else {
            return
        }
        switch registration.activation {
        case .idle: start(id)
        case .failed(let until, _) where until > now: agenda.schedule(.registration(id), at: until)
        case .failed: start(id)
        case .expected, .starting: break
        }
    }

    // MARK: - Waiting

    /// The operation's provider has no process: it waits for one, or ends.
    mutating func awaitProvider(_ id: OperationID, _ registrationID: RegistrationID) {
        guard let registration = registry[registrationID] else {
            bug("operation \(id.number) waits for registration \(registrationID.number), which is gone")
            return conclude(id, .because(.notRunning), discarding: false)
        }
        switch registration.activation {
        case .expected, .starting: break
        case .failed(let until, let explanation) where until > now:
            return conclude(id, Outcome(explanation.reason.status, explanation: explanation), discarding: false)
        case .idle, .failed:
            guard registration.isStartable else { return conclude(id, .because(.notRunning), discarding: false) }
            start(registrationID)
        }
        registry[registrationID]?.waiting.insert(id)
        operations[id]?.awaited = registrationID
        record(.waitsForProcess(registrationID), id)
        agenda.schedule(.operation(id), at: registry[registrationID]?.activation.limit ?? now)
    }

    /// It waits no longer, whatever for.
    mutating func leaveWaiting(_ id: OperationID) {
        guard let awaited = operations[id]?.awaited else { return }
        registry[awaited]?.waiting.remove(id)
        operations[id]?.awaited = nil
    }

    /// The provider is there: what waited goes out, in the order in which it came. Whether its start was a success, one that was started still
    /// has to show.
    mutating func cameToLife(_ id: RegistrationID) {
        if registry[id]?.activation.isStarting == true {
            registry[id]?.startedAt = now
        } else {
            registry[id]?.failedStarts = 0
        }
        become(id, .idle)
        agenda.remove(.registration(id))
        for operation in takeWaiting(id) { call(operation, id) }
    }

    /// What is due about a registration without a process.
    mutating func review(_ id: RegistrationID) {
        // An operation that waits for it may have been looked at first, for the same reason.
        guard let activation = registry[id]?.activation, let limit = activation.limit else { return wake(id) }
        if limit > now { return agenda.schedule(.registration(id), at: limit) }
        if activation.isStarting {
            let text =
                "it did not register within \(limits.start / 1_000_000) s of its start; look at its log, and at `systemctl status` of its unit: "
                + "a bus may never tell that a program ended without taking its name, or hangs"
            failStart(id, Explanation(.startFailed, text: text))
        } else {
            endExpectation(id)
        }
    }

    /// A call came back with the provider's own word: it serves, and its start was a success.
    mutating func proved(_ id: RegistrationID) {
        registry[id]?.startedAt = nil
        registry[id]?.failedStarts = 0
        if case .failed = registry[id]?.activation { become(id, .idle) }
    }

    /// The provider is there no more. One that was started, and neither answered a call nor lived for the longest pause, failed to start: else
    /// each call to it would start it once more.
    mutating func leftLife(_ id: RegistrationID) {
        guard let since = registry[id]?.startedAt else { return }
        registry[id]?.startedAt = nil
        guard now - since < limits.longestPause else {
            registry[id]?.failedStarts = 0
            return
        }
        failStart(id, Explanation(.startFailed, text: "it was started, and left before it answered a call; look at its log"))
    }

    // MARK: - Starting

    private mutating func start(_ id: RegistrationID) {
        become(id, .starting(until: now + limits.start))
        agenda.schedule(.registration(id), at: now + limits.start)
        effects.append(.start(id))
    }

    private mutating func failStart(_ id: RegistrationID, _ explanation: Explanation) {
        let failures = min((registry[id]?.failedStarts ?? 0) + 1, 16)
        let pause = min(limits.firstPause << (failures - 1), limits.longestPause)
        registry[id]?.failedStarts = failures
        become(id, .failed(until: now + pause, explanation))
        agenda.remove(.registration(id))
        note(.startFailed, peer: nil, "\(registry[id]?.name ?? "") in \(registry[id]?.namespace ?? ""): \(explanation.text)")
        for operation in takeWaiting(id) {
            conclude(operation, Outcome(explanation.reason.status, explanation: explanation), discarding: false)
        }
        wake(id)
    }

    /// Nobody came back: what waited for it is served as if nobody had been expected.
    private mutating func endExpectation(_ id: RegistrationID) {
        become(id, .idle)
        agenda.remove(.registration(id))
        for operation in takeWaiting(id) { awaitProvider(operation, id) }
        wake(id)
    }

    private mutating func takeWaiting(_ id: RegistrationID) -> [OperationID] {
        let waiting = registry[id]?.waiting.sorted() ?? []
        registry[id]?.waiting = []
        for operation in waiting { operations[operation]?.awaited = nil }
        return waiting
    }
}
