import CIMBusClient

/// What standard error says of a failure: the number, the name, the provider, and what to do next.
struct FailureReport {
    let text: String

    init(_ error: CIMError, brokerCommand: String) {
        let name = error.status.errorName ?? error.status.name ?? "unnamed"
        var text = "cimctl: \(error.status.hex) \(name): \(Self.printable(error.message))\n"
        if let provider = error.providerName, !provider.isEmpty {
            text += "  provider: \(Self.printable(provider))"
            if let process = error.providerProcessID { text += " (process \(process))" }
            if let count = error.objectsDelivered { text += ", \(count) objects delivered before" }
            text += "\n"
        }
        if let advice = Self.advice(error.status, brokerCommand) { text += "  next: \(advice)\n" }
        self.text = text
    }

    init(_ error: CIMError, _ options: CommandOptions) { self.init(error, brokerCommand: options.brokerCommand) }

    private static func advice(_ status: WBEMStatus, _ brokerCommand: String) -> String? {
        switch status {
        case .transportFailure, .fatalTransportError: "start the broker: \(brokerCommand)"
        case .providerFailure: "see 'cimctl providers' for its state; start it again if it is gone, and retry"
        case .providerTimedOut: "see 'cimctl providers' for its state; restart the provider if it hangs"
        case .providerLoadFailure, .providerNotFound: "start the provider ('cimctl providers' shows which are running), and retry"
        case .providerSuspended: "resume the provider and retry"
        case .timedOut: "retry with a longer --timeout"
        case .accessDenied: "ask as a user who may, e.g. with sudo"
        case .invalidClass: "'cimctl providers' lists the classes; is it another --namespace?"
        case .invalidNamespace: "the namespaces are root and root/cimv2"
        case .notFound: "'cimctl enumerate CLASS' lists the instances there are"
        case .invalidObjectPath: "write a path like Class.Key=\"value\", quoted from the shell"
        case .invalidMethod, .methodNotImplemented: "the class has no such method for this provider; its MOF lists those it has"
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
