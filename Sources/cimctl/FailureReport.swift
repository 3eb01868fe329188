import CIMBusClient

/// What standard error says of a failure: the number, the name, the provider, and what to do next.
struct FailureReport {
    let text: String

    /// - Parameters:
    ///   - bus: the one the command was to use.
    ///   - advice: of the command itself; nil: what is the same for all commands.
    init(_ error: CIMError, on bus: BusAddress, advice: String? = nil) {
        let name = error.status.errorName ?? error.status.name ?? "unnamed"
        var text = "cimctl: \(error.status.hex) \(name): \(Self.printableLines(error.message.trimmingLines))\n"
        // "CIMBus" stands where no provider is involved (Semantics B.3.1).
        if let provider = error.providerName, !provider.isEmpty, provider != "CIMBus" {
            text += "  provider: \(Self.printable(provider))"
            if let process = error.providerProcessID { text += " (process \(process))" }
            if let count = error.objectsDelivered, count > 0 { text += ", \(count) objects delivered before" }
            text += "\n"
        }
        text += "  next: \(advice ?? FailureAdvice.text(for: error, on: bus))\n"
        self.text = text
    }

    /// The lines of a text, each but the first so far in that none can be taken for a line of the report: a traceback has many.
    private static func printableLines(_ text: String) -> String {
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.map { printable(String($0)) }.joined(separator: "\n        ")
    }

    /// What does not print must not reach a terminal from a peer.
    static func printable(_ text: String) -> String {
        text.replacingUnprintable(by: "\u{FFFD}")
    }
}

/// The cause of a failure, whoever's fault it is, for which whoever reports it knows best what to do next.
struct Advice: Error {
    let text: String
}

extension String {
    /// Without line ends at its end.
    fileprivate var trimmingLines: String {
        var text = self[...]
        while let last = text.last, last.isNewline { text.removeLast() }
        return String(text)
    }
}
