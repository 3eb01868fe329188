import CIMBusCore
import DBus
import Logging

/// How a broker runs. The defaults are those of a system's one broker.
public struct BrokerConfiguration: Sendable {
    /// The bus whose `org.cimbus1` it becomes.
    public var address: BusAddress = .system
    public var limits = Limits()
    /// Names that others than root and the broker's own user may register (Design 3).
    public var allowedRegistrations: [(name: String, uid: UInt32)] = []
    /// Where rules of rights are read from, `*.conf`: a file of an earlier directory stands for those of its name in the later ones. Empty: there
    /// are none.
    public var rightsDirectories: [String] = []
    /// The file that keeps classes, static instances and definitions; nil: they live as long as the broker.
    public var repository: String?
    /// A file to write every event of the core to, for finding faults; nil: none.
    public var trace: String?
    /// A file to write the audit to, beside the log; nil: none.
    public var audit: String?
    /// The directory in which consumers of permanent subscriptions write logs; nil: they write none.
    public var eventLogs: String?
    /// Where consumers of permanent subscriptions find the journal.
    public var journalSocket = "/run/systemd/journal/socket"
    /// What `__SERVER` says; nil: the machine's host name.
    public var server: String?
    /// Whether peers may have private connections; else everything goes by the bus.
    public var offersPrivateConnections = true
    /// How long the broker may be off the bus that dropped it, before that ends everything.
    public var busGrace = Duration.seconds(5)
    public var logger = Logger(label: "cimbusd")
    /// What can be changed of the log over the bus; nil: nothing.
    public var log: LogControl?
    /// The unix socket at which metrics can be read (``MetricsSocket``); nil: none.
    public var metricsSocket: String?
    /// Reads the configuration again, for ``Broker/reload()``; nil: it cannot be. What cannot change while the broker runs stays, and the log says so.
    public var reread: (@Sendable () throws(CIMBusError) -> BrokerConfiguration)?
    /// Hears that the broker reads its files again, and that it has done so.
    public var reloading: @Sendable (_ isOver: Bool) -> Void = { _ in }

    public init() {}
}

/// Host trouble: what keeps a broker from running, as opposed to what an operation ends with.
///
/// The fault is the machine's, or that of whoever configured it. It is never that of a peer.
public struct CIMBusError: Error, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// No message bus answers at the address.
        case noBus
        /// The bus does not let this user own `org.cimbus1`, or another broker has it (one broker per bus).
        case noName
        /// The repository cannot be opened: it is damaged, in use, or not to be written.
        case noRepository
        /// The rules of rights cannot be read, or have a fault.
        case noRights
        /// A file of the configuration, or an option, has a fault.
        case badConfiguration
        /// The socket for metrics cannot be made.
        case noMetrics
        /// The trace cannot be written.
        case noTrace
        /// The file of the audit cannot be written.
        case noAudit
        /// The bus went away.
        case busLost
    }

    public let code: Code
    /// What, where, and what to do.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
