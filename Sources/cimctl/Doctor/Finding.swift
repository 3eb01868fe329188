import CIMBusClient

/// What one check of `cimctl doctor` has found.
struct Finding: Hashable, Sendable {
    enum State: String, Sendable {
        case good
        /// It works, and something is not as it should be.
        case doubtful
        case bad
        /// It could not be looked at, because of what is bad.
        case skipped
    }

    var check: String
    var state: State
    var text: String
    /// The command that mends it; nil where there is nothing to mend, or no command does.
    var command: String?

    var row: Row {
        Row([
            ("Check", .string(check)), ("State", .string(state.rawValue)), ("Text", .string(text)),
            ("Command", command.map { .string($0) } ?? .null),
        ])
    }

    /// `good      bus         …`, and below it what mends it.
    var lines: String {
        let mark = state == .good ? "good" : state.rawValue.uppercased()
        func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(1, width - text.count)) }
        let line = FailureReport.printable("\(padded(mark, 10))\(padded(check, 12))\(text)") + "\n"
        return line + (command.map { "\(padded("", 22))mend it: \(FailureReport.printable($0))\n" } ?? "")
    }
}

/// What is known of this machine, and what follows from it: each check is a function of these facts, and asks nobody.
struct DoctorFacts: Sendable {
    /// A folder on disk.
    struct Place: Hashable, Sendable {
        var owner: UInt32
        var mode: UInt32
        var freePercent: Int
    }

    var bus: BusAddress
    /// Nil: it answers.
    var busFailure: CIMError?
    /// The user of the process that has the broker's name; nil: nobody has it.
    var brokerUser: UInt32?
    /// Whether the bus can start a broker.
    var isActivatable = false
    /// Of the broker itself; nil: it answers.
    var brokerFailure: CIMError?
    var figures: BrokerFigures?
    /// What `systemctl show` says of the unit; nil: there is no systemd.
    var unit: [String: String]?
    /// The places of the bus policy that are there.
    var policies: [String] = []
    /// The number of the user that the broker runs as; nil: there is no such user.
    var serviceUser: UInt32?
    /// Where the broker keeps what is stored; nil: it is not there, or this user may not see it.
    var state: Place?
    var ownUser: UInt32
    /// What this user may, one line for each right; nil: the broker did not say.
    var rights: [String]?
    var providers: [RegistrationSummary] = []
    /// How long a question took that the broker itself answers.
    var operation: Result<Duration, CIMError>?
    var aliasFaults: [ConfigurationFault] = []
    var gaugeFaults: [ConfigurationFault] = []

    static let statePath = "/var/lib/cimbus"
    static let policyPaths = ["/usr/share/dbus-1/system.d/org.cimbus1.conf", "/etc/dbus-1/system.d/org.cimbus1.conf"]

    var findings: [Finding] {
        [busFinding, policyFinding, userFinding, unitFinding, brokerFinding, repositoryFinding, rightsFinding, operationFinding]
            .compactMap(\.self) + providerFindings + findings("aliases", aliasFaults) + findings("metrics", gaugeFaults)
    }

    private var isSystem: Bool { bus == .system }
    private var hasBus: Bool { busFailure == nil }
    private var hasBroker: Bool { hasBus && brokerFailure == nil && figures != nil }

    private var busFinding: Finding {
        guard let busFailure else { return Finding(check: "bus", state: .good, text: "the \(bus.words) bus answers") }
        return Finding(
            check: "bus", state: .bad, text: "no message bus: \(busFailure.message)",
            command: isSystem ? "systemctl start dbus" : bus == .session ? "dbus-run-session -- bash" : nil)
    }

    /// Without the policy the bus lets nobody be the broker.
    private var policyFinding: Finding? {
        guard isSystem else { return nil }
        if let place = policies.first { return Finding(check: "policy", state: .good, text: place) }
        return Finding(
            check: "policy", state: .bad,
            text: "the bus has no policy for org.cimbus1: there is no \(Self.policyPaths.joined(separator: ", nor "))",
            command: "apt install --reinstall cimbus && systemctl reload dbus")
    }

    private var userFinding: Finding? {
        guard isSystem else { return nil }
        guard let serviceUser else {
            return Finding(
                check: "user", state: .bad, text: "there is no user cimbus, as which the broker runs", command: "systemd-sysusers")
        }
        if let brokerUser, brokerUser != serviceUser, brokerUser != 0 {
            return Finding(
                check: "user", state: .bad, text: "a process of user \(brokerUser) has the broker's name, and not one of cimbus",
                command: "busctl status org.cimbus1")
        }
        return Finding(check: "user", state: .good, text: "cimbus is user \(serviceUser)")
    }

    private var unitFinding: Finding? {
        guard isSystem else { return nil }
        guard let unit else { return Finding(check: "unit", state: .skipped, text: "there is no systemd here") }
        let active = unit["ActiveState"] ?? ""
        switch (unit["LoadState"] ?? "", active) {
        case ("loaded", "active"), ("loaded", "reloading"):
            return Finding(check: "unit", state: .good, text: "cimbusd.service is \(active)")
        case ("loaded", "failed"):
            return Finding(
                check: "unit", state: .bad,
                text: "cimbusd.service has failed (\(unit["Result"] ?? "unknown")): 'journalctl -u cimbusd' says why",
                command: "systemctl reset-failed cimbusd && systemctl start cimbusd")
        case ("loaded", _) where isActivatable:
            return Finding(check: "unit", state: .good, text: "cimbusd.service is \(active); the bus starts it when somebody asks")
        case ("loaded", _):
            return Finding(check: "unit", state: .bad, text: "cimbusd.service is \(active)", command: "systemctl start cimbusd")
        case ("masked", _):
            return Finding(check: "unit", state: .bad, text: "cimbusd.service is masked", command: "systemctl unmask cimbusd")
        case (let load, _):
            return Finding(
                check: "unit", state: .bad, text: "cimbusd.service is not installed (\(load))",
                command: "apt install cimbus && systemctl daemon-reload")
        }
    }

    private var brokerFinding: Finding {
        guard hasBus else { return Finding(check: "broker", state: .skipped, text: "there is no bus") }
        if let figures, brokerFailure == nil {
            return Finding(check: "broker", state: .good, text: "version \(figures.version), \(figures.openOperations) open operations")
        }
        let reason = brokerFailure?.message ?? "it does not answer"
        if brokerUser != nil {
            return Finding(
                check: "broker", state: .bad, text: "the broker is there, and does not answer: \(reason)",
                command: isSystem ? "systemctl restart cimbusd" : nil)
        }
        return Finding(
            check: "broker", state: .bad, text: reason,
            command: isSystem ? "systemctl start cimbusd" : bus == .session ? "cimbusd --session &" : "cimbusd --address '\(bus.words)' &")
    }

    private var repositoryFinding: Finding? {
        guard isSystem else { return nil }
        guard let state else {
            return Finding(
                check: "repository", state: hasBroker ? .skipped : .doubtful,
                text: "\(Self.statePath) is not there, or not yours to see: it is made when the broker starts")
        }
        if let serviceUser, state.owner != serviceUser {
            return Finding(
                check: "repository", state: .bad, text: "\(Self.statePath) is user \(state.owner)'s: the broker can store nothing",
                command: "chown -R cimbus:cimbus \(Self.statePath)")
        }
        if state.mode & 0o077 != 0 {
            return Finding(
                check: "repository", state: .doubtful,
                text: "\(Self.statePath) is open to others (mode \(String(state.mode & 0o7777, radix: 8)))",
                command: "chmod 0700 \(Self.statePath)")
        }
        if state.freePercent < 5 {
            return Finding(
                check: "repository", state: .doubtful, text: "the disk with \(Self.statePath) is full to \(100 - state.freePercent) %",
                command: "df -h \(Self.statePath)")
        }
        return Finding(
            check: "repository", state: .good, text: "\(Self.statePath) is cimbus's, and \(state.freePercent) % of its disk are free")
    }

    private var rightsFinding: Finding {
        guard hasBroker, let rights else { return Finding(check: "rights", state: .skipped, text: "there is no broker to ask") }
        let refused = rights.filter { $0.contains(": no") }.map { String($0.prefix { $0 != ":" }) }
        if refused.contains("Enable") {
            return Finding(
                check: "rights", state: .bad, text: "user \(ownUser) may not read anything (Enable)",
                command: "cimctl rights check user:\(ownUser)")
        }
        let rest = refused.isEmpty ? "" : "; not \(refused.joined(separator: ", "))"
        return Finding(check: "rights", state: .good, text: "user \(ownUser) may read\(rest)")
    }

    private var operationFinding: Finding {
        switch operation {
        case nil: return Finding(check: "operation", state: .skipped, text: "there is no broker to ask")
        case .success(let time)?:
            let milliseconds = time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000
            let isSlow = milliseconds >= 1000
            return Finding(
                check: "operation", state: isSlow ? .doubtful : .good, text: "a class was read in \(milliseconds) ms",
                command: isSlow ? "cimctl top --count 1" : nil)
        case .failure(let error)?:
            return Finding(
                check: "operation", state: .bad, text: "a class cannot be read: \(error.message)",
                command: isSystem ? "journalctl -u cimbusd -n 50" : nil)
        }
    }

    private var providerFindings: [Finding] {
        guard hasBroker else { return [] }
        let ill = providers.filter { ["unresponsive", "losing-replies", "suspended"].contains($0.state) }
        let found = ill.prefix(20).map { provider in
            Finding(
                check: "provider", state: .doubtful,
                text: "\(provider.name) is \(provider.state)\(provider.lastFailure.isEmpty ? "" : ": \(provider.lastFailure)")",
                command: "cimctl providers \(provider.name) --output list")
        }
        let running = providers.count { $0.state == "running" }
        return found.isEmpty ? [Finding(check: "providers", state: .good, text: "\(running) running of \(providers.count)")] : found
    }

    private func findings(_ check: String, _ faults: [ConfigurationFault]) -> [Finding] {
        faults.prefix(20).map { Finding(check: check, state: .doubtful, text: $0.text, command: "$EDITOR \($0.file)") }
    }
}
