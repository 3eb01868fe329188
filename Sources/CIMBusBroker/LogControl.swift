import CIM
import CIMBusCore
import CIMBusWire
import DBus
import Logging
import Synchronization

/// What can be changed of a log while it is written (`org.freedesktop.LogControl1`): `systemctl service-log-level cimbusd debug`.
public final class LogControl: Sendable {
    /// Where the log goes.
    public enum Target: String, Sendable, CaseIterable {
        /// The journal, with fields.
        case journal
        /// Standard error.
        case console
    }

    private let levels: Mutex<(level: Logger.Level, target: Target)>
    /// Whether there is a journal to write to.
    private let hasJournal: Bool
    public let identifier: String

    public init(_ identifier: String, _ level: Logger.Level, hasJournal: Bool) {
        self.identifier = identifier
        self.hasJournal = hasJournal
        levels = Mutex((level, hasJournal ? .journal : .console))
    }

    /// The least level that is written.
    public var level: Logger.Level {
        get { levels.withLock { $0.level } }
        set { levels.withLock { $0.level = newValue } }
    }

    public var target: Target { levels.withLock { $0.target } }

    /// - Returns: whether the log goes there now; it does not where there is no journal.
    public func setTarget(_ target: Target) -> Bool {
        guard target == .console || hasJournal else { return false }
        levels.withLock { $0.target = target }
        return true
    }
}

extension Logger.Level {
    /// The number that syslog, the journal and `sd-daemon` have for it.
    public var syslogNumber: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// The word that syslog has for it.
    var syslogWord: String { Self.words[syslogNumber] }

    /// The level that a word of syslog's means; nil: it is none.
    init?(syslogWord word: String) {
        switch Self.words.firstIndex(of: word) {
        case 0, 1, 2: self = .critical
        case 3: self = .error
        case 4: self = .warning
        case 5: self = .notice
        case 6: self = .info
        case 7: self = .debug
        default: return nil
        }
    }

    private static let words = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
}

extension Broker {
    static let logControlPath = ObjectPath(verified: "/org/freedesktop/LogControl1")

    /// Everybody may read it, and an administrator may set it.
    nonisolated func logControlInterface(_ log: LogControl) -> ExportedInterface {
        let text = Signature(verified: "s")
        func describe(_ name: String, _ access: InterfaceDescription.Property.Access, isConstant: Bool = false)
            -> InterfaceDescription.Property
        {
            InterfaceDescription.Property(MemberName(verified: name), text, access: access, changes: isConstant ? .constant : .none)
        }
        return ExportedInterface(
            InterfaceDescription(
                InterfaceName(verified: "org.freedesktop.LogControl1"),
                properties: [
                    describe("LogLevel", .readWrite), describe("LogTarget", .readWrite),
                    describe("SyslogIdentifier", .read, isConstant: true),
                ]),
            properties: [
                "LogLevel": PropertyImplementation(
                    get: { _ in .string(log.level.syslogWord) },
                    set: { [weak self] (access, value) throws(DBusError) in
                        try self?.checkMaySetLog(access)
                        guard case .string(let word) = value, let level = Logger.Level(syslogWord: word) else {
                            throw DBusError(.invalidArguments, "LogLevel takes emerg, alert, crit, err, warning, notice, info or debug")
                        }
                        log.level = level
                    }),
                "LogTarget": PropertyImplementation(
                    get: { _ in .string(log.target.rawValue) },
                    set: { [weak self] (access, value) throws(DBusError) in
                        try self?.checkMaySetLog(access)
                        guard case .string(let word) = value, let target = LogControl.Target(rawValue: word), log.setTarget(target) else {
                            throw DBusError(.invalidArguments, "LogTarget takes console; and journal, where systemd started the broker")
                        }
                    }),
                "SyslogIdentifier": PropertyImplementation(get: { _ in .string(log.identifier) }),
            ])
    }

    private nonisolated func checkMaySetLog(_ access: PropertyAccess) throws(DBusError) {
        let isAllowed = assumeIsolated { broker in
            guard let peer = broker.peers.id(of: access.sender), let uid = broker.uid(of: peer) else { return false }
            return broker.core.rights.isAdministrator(uid: uid)
        }
        guard isAllowed else { throw DBusError(.accessDenied, "only root and the broker's user may change the log") }
    }
}
