import CProcess

extension ProcessEvents {
    /// Tells of what the kernel says, until the bell rings.
    func follow(_ connector: ProcessConnector, _ bell: Int32) {
        var following = Following(self, connector)
        logger.info("processes are watched by the kernel's process connector")
        while cprocess_wait(connector.descriptor, bell, following.isBehind ? 100 : -1) >= 0 {
            guard following.readAll(until: bell) else { return }
        }
    }
}

/// The work of one thread: the connector's messages become changes of the ledger.
private struct Following {
    let events: ProcessEvents
    let connector: ProcessConnector
    var ledger: ProcessLedger
    /// Since when it is known that messages are lost, and what is there has not been looked at since.
    private var behind: ContinuousClock.Instant?
    /// Whether how many are lost is not known yet.
    private var isCounting = false

    /// However much comes: so long after a loss everything is looked at.
    private static let longestBehind = Duration.seconds(1)

    init(_ events: ProcessEvents, _ connector: ProcessConnector) {
        self.events = events
        self.connector = connector
        ledger = ProcessLedger(events.table.processes)
    }

    var isBehind: Bool { behind != nil }

    /// Reads what is there.
    /// - Returns: whether to go on.
    mutating func readAll(until bell: Int32) -> Bool {
        while true {
            switch connector.read() {
            case .messages(let messages, let lost):
                // Whoever listens next has another thread.
                if cprocess_wait(-1, bell, 0) < 0 { return false }
                if lost > 0 {
                    events.reportLoss(lost)
                    fallBehind()
                }
                for message in messages { take(message) }
                if let behind, .now - behind > Self.longestBehind { catchUp() }
            case .overrun:
                fallBehind()
                isCounting = true
            case .nothing:
                guard isCounting else {
                    if isBehind { catchUp() }
                    return true
                }
                // A message of every CPU says how many of its own are lost.
                isCounting = false
                cprocess_probe()
            case .failed(let number):
                events.logger.error("reading the kernel's process connector failed with errno \(number): no more events of processes")
                return false
            }
        }
    }

    private mutating func take(_ message: cprocess_message) {
        guard let known = KernelMessage(message) else { return }
        let changes = ledger.take(known) { [table = events.table] in table.process($0) }
        events.raise(changes, at: message.time)
    }

    private mutating func fallBehind() {
        if behind != nil { return }
        behind = .now
        events.logger.warning("the kernel's messages about processes come faster than they are read: some are lost, and counted")
    }

    private mutating func catchUp() {
        behind = nil
        events.raise(ledger.synchronize(events.table.processes))
    }
}
