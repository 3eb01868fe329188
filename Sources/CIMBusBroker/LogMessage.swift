import Logging

/// What lines of the log are about, for whoever looks for them by number: `journalctl MESSAGE_ID=…`, and `journalctl -x`, which explains them by
/// `dbus/catalog/cimbus.catalog`.
public enum LogMessage: String, CaseIterable, Sendable {
    /// The broker serves.
    case serving = "c1b05a5e0d1f4b6e9a3d7c2f81e6b001"
    /// The broker has stopped.
    case stopped = "c1b05a5e0d1f4b6e9a3d7c2f81e6b002"
    /// The bus dropped the broker.
    case busDropped = "c1b05a5e0d1f4b6e9a3d7c2f81e6b003"
    /// The broker is back.
    case busRegained = "c1b05a5e0d1f4b6e9a3d7c2f81e6b004"
    /// Files were read again, and what they say is in force.
    case reloaded = "c1b05a5e0d1f4b6e9a3d7c2f81e6b005"
    /// A file has a fault, and what was in force stays.
    case configurationFaulty = "c1b05a5e0d1f4b6e9a3d7c2f81e6b006"
    /// Somebody was refused something for want of a right.
    case denied = "c1b05a5e0d1f4b6e9a3d7c2f81e6b007"
    /// Somebody changed something, or tried to.
    case changed = "c1b05a5e0d1f4b6e9a3d7c2f81e6b008"
    /// A user has as much of something as he may.
    case atBound = "c1b05a5e0d1f4b6e9a3d7c2f81e6b009"
    /// A provider's process ended in the middle of its work.
    case providerVanished = "c1b05a5e0d1f4b6e9a3d7c2f81e6b00a"
    /// A provider kept references past its status.
    case providerLeaked = "c1b05a5e0d1f4b6e9a3d7c2f81e6b00b"
    /// A provider does not answer, or does so again.
    case providerUnresponsive = "c1b05a5e0d1f4b6e9a3d7c2f81e6b00c"
    /// A provider broke the contract.
    case providerViolated = "c1b05a5e0d1f4b6e9a3d7c2f81e6b00d"
    /// A provider was started in vain.
    case startFailed = "c1b05a5e0d1f4b6e9a3d7c2f81e6b00e"
    /// The broker itself is wrong.
    case bug = "c1b05a5e0d1f4b6e9a3d7c2f81e6b00f"

    public static let field = "MESSAGE_ID"

    /// What a line is logged with.
    /// - Parameter fields: by the names that they have in the journal without `CIMBUS_`, in lower case. Empty ones are left out.
    func metadata(_ fields: [(name: String, value: String)] = []) -> Logger.Metadata {
        var metadata: Logger.Metadata = [Self.field: .string(rawValue)]
        for (name, value) in fields where !value.isEmpty { metadata["CIMBUS_\(name.uppercased())"] = .string(value) }
        return metadata
    }
}

extension LogGate.Kind {
    /// What a line of the audit is about.
    var message: LogMessage {
        switch self {
        case .denial, .refusal: .denied
        case .bound: .atBound
        case .violation: .providerViolated
        default: .changed
        }
    }
}
