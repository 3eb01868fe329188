import Logging
import WireTestKit

/// Records what is logged: the level and the text.
struct LogRecorder: LogHandler {
    let lines = Recorder<String>()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.record("\(event.level): \(event.message)") }

    var logger: Logger { Logger(label: "recorded") { _ in self } }
}
