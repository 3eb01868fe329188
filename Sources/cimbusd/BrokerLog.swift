import CIMBusBroker
import Glibc
import Logging

/// The log of the broker: to the journal with its fields, where systemd started the broker, else to standard error.
///
/// All loggers share one level, which can be changed while the broker runs (``LogControl``).
struct BrokerLog: LogHandler {
    private let control: LogControl
    private let journal: Journal?
    private let label: String
    var metadata: Logger.Metadata = [:]
    /// What swift-log itself writes on standard error.
    private var stream: StreamLogHandler

    init(label: String, _ control: LogControl, _ journal: Journal?) {
        self.label = label
        self.control = control
        self.journal = journal
        stream = StreamLogHandler.standardError(label: label)
        stream.logLevel = .trace
    }

    var logLevel: Logger.Level {
        get { control.level }
        set { control.level = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }
        let pairs = fields.map { ($0.key, "\($0.value)") }.sorted { $0.0 < $1.0 }
        if control.target == .journal, let journal, journal.write("\(event.message)", event.level, label, pairs) { return }
        let shown = pairs.filter { $0.0 != LogMessage.field }.map { ($0.0, Self.quoted($0.1)) }
        guard journal != nil else {
            var event = event
            event.metadata = Logger.Metadata(uniqueKeysWithValues: shown.map { ($0.0, .string($0.1)) })
            return stream.log(event: event)
        }
        // systemd reads standard error: it knows the time, and wants the level in front.
        let words = shown.map { " \($0.0)=\($0.1)" }.joined()
        let line = "<\(event.level.syslogNumber)>\(Self.line("\(event.message)"))\(words)\n"
        _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }

    /// The rest of a message of several lines would be lines without a level.
    private static func line(_ text: String) -> String { text.replacing("\n", with: " ") }

    /// A value that a client chose must not be taken for another field of the line.
    static func quoted(_ value: String) -> String {
        let isPlain = value.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "-"): true
            default: false
            }
        }
        if isPlain { return value }
        return "\"" + value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
