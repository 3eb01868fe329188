import Glibc

/// The program that is the message bus of a test. `CIMBUS_TEST_BUS` in the environment decides: `dbus-daemon`, or `dbus-broker`. Without it it is
/// `dbus-daemon`.
public enum BusProgram: String, CaseIterable, Sendable {
    case dbusDaemon = "dbus-daemon"
    case dbusBroker = "dbus-broker"

    public static let ofTests: BusProgram = {
        let word = getenv("CIMBUS_TEST_BUS").map { String(cString: $0) } ?? ""
        guard !word.isEmpty else { return .dbusDaemon }
        guard let program = BusProgram(rawValue: word) else {
            fatalError("CIMBUS_TEST_BUS=\(word): dbus-daemon and dbus-broker are known")
        }
        return program
    }()
}

/// Limits of a bus that a test sets; nil is the bus's own.
public struct BusLimits: Sendable {
    /// Calls of one connection without a reply. dbus-broker has no such limit.
    public var unansweredCalls: Int?
    /// Bytes that wait for one connection to be read; with dbus-broker those that one user has in the bus in all.
    public var bytes: Int?
    /// Match rules of one connection; with dbus-broker those of one user.
    public var matches: Int?

    /// Connections of one user. dbus-broker has no such limit.
    public var connections: Int?

    public init(unansweredCalls: Int? = nil, bytes: Int? = nil, matches: Int? = nil, connections: Int? = nil) {
        self.unansweredCalls = unansweredCalls
        self.bytes = bytes
        self.matches = matches
        self.connections = connections
    }

    /// Lines of dbus-daemon's configuration.
    var configuration: String {
        [
            ("max_replies_per_connection", unansweredCalls), ("max_outgoing_bytes", bytes), ("max_match_rules_per_connection", matches),
            ("max_connections_per_user", connections), ("max_completed_connections", connections),
        ].compactMap { name, value in value.map { "<limit name=\"\(name)\">\($0)</limit>" } }.joined(separator: "\n")
    }

    /// Options of dbus-broker's command line.
    var options: [String] {
        [("--max-bytes", bytes), ("--max-matches", matches)].flatMap { option, value in value.map { [option, "\($0)"] } ?? [] }
    }
}
