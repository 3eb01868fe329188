import CIMBusClient

/// What standard error says of a failure: the number, the name, the provider, and what to do next.
struct FailureReport {
    let text: String

    init(_ error: CIMError, brokerCommand: String, advice: String? = nil) {
        let name = error.status.errorName ?? error.status.name ?? "unnamed"
        var text = "cimctl: \(error.status.hex) \(name): \(Self.printable(error.message.trimmingLines))\n"
        // "CIMBus" stands where no provider is involved (SEMANTICS B.3.1).
        if let provider = error.providerName, !provider.isEmpty, provider != "CIMBus" {
            text += "  provider: \(Self.printable(provider))"
            if let process = error.providerProcessID { text += " (process \(process))" }
            if let count = error.objectsDelivered, count > 0 { text += ", \(count) objects delivered before" }
            text += "\n"
        }
        if let advice = advice ?? Self.advice(error.status, brokerCommand) { text += "  next: \(advice)\n" }
        self.text = text
    }

    private static func advice(_ status: WBEMStatus, _ brokerCommand: String) -> String? {
        switch status {
        case .transportFailure, .fatalTransportError: "start the broker: \(brokerCommand)"
        case .providerFailure: "see 'cimctl providers' for its state; start it again if it is gone, and retry"
        case .providerTimedOut: "see 'cimctl providers' for its state; restart the provider if it hangs"
        case .providerLoadFailure, .providerNotFound: "start the provider ('cimctl providers' shows which are running), and retry"
        case .providerSuspended: "resume the provider and retry"
        case .timedOut: "retry with a longer --timeout"
        case .accessDenied: "ask as a user who may, e.g. with sudo"
        case .invalidClass: "'cimctl classes' lists the classes; is it another --namespace?"
        case .invalidNamespace: "'cimctl namespaces' lists those there are"
        case .invalidQuery, .unparsableQuery: "write a query like \"SELECT Name FROM Linux_UnixProcess WHERE Handle = '1'\""
        case .classHasChildren: "'cimctl classes CLASS' lists its subclasses, which come first"
        case .serverTooBusy: "retry when other texts have been compiled"
        case .invalidObjectPath: "write a path like Class.Key=\"value\", quoted from the shell"
        case .quotaViolation: "too much is under way for this user; retry when less is"
        default: nil
        }
    }

    /// Control characters of a peer must not reach a terminal.
    static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }
}

extension String {
    /// Without line ends at its end.
    fileprivate var trimmingLines: String {
        var text = self[...]
        while let last = text.last, last.isNewline { text.removeLast() }
        return String(text)
    }
}
