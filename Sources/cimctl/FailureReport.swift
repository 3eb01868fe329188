import CIMBusClient

/// What standard error says of a failure: the number, the name, the provider, and what to do next.
struct FailureReport {
    /// Where something failed.
    struct Place {
        /// As the user writes it.
        var command: String
        var namespace: CIMNamespaceName?
        var host: String?
    }

    private let error: CIMError
    private let bus: BusAddress
    private let next: String

    /// - Parameters:
    ///   - bus: the one the command was to use.
    ///   - advice: of the command itself; nil: what is the same for all commands.
    init(_ error: CIMError, on bus: BusAddress, advice: String? = nil) {
        self.error = error
        self.bus = bus
        next = advice ?? FailureAdvice.text(for: error, on: bus)
    }

    /// Lines for a person.
    var text: String {
        var text = "cimctl: \(error.status.hex) \(name): \(Self.printableLines(error.message.trimmingLines))\n"
        if let provider {
            text += "  provider: \(Self.printable(provider))"
            if let process = error.providerProcessID { text += " (process \(process))" }
            if let count = error.objectsDelivered, count > 0 { text += ", \(count) objects delivered before" }
            text += "\n"
        }
        return text + "  next: \(next)\n"
    }

    /// One line of one host among many.
    func line(of host: String) -> String {
        "\(Self.printable(host)): \(error.status.hex) \(name): \(Self.printable(error.message.trimmingLines)); next: \(next)\n"
    }

    /// One object on one line, for a program.
    func json(_ place: Place) -> String {
        var fields: [(String, CIMValue)] = [
            ("status", .uint32(error.status.rawValue)), ("name", .string(name)), ("exit", .sint32(ExitStatus(error).rawValue)),
            ("text", .string(error.message.trimmingLines)), ("what", .string(place.command)),
        ]
        if let host = place.host { fields.append(("host", .string(host))) }
        fields.append(("bus", .string(bus.words)))
        if let namespace = place.namespace { fields.append(("namespace", .string(namespace.text))) }
        if let provider {
            fields.append(("provider", .string(provider)))
            if let process = error.providerProcessID { fields.append(("process", .uint64(UInt64(process)))) }
            fields.append(("objects", .uint64(UInt64(error.objectsDelivered ?? 0))))
        }
        fields.append(("next", .string(next)))
        var text = ""
        JSONText.append(fields, to: &text)
        return text + "\n"
    }

    private var name: String { error.status.errorName ?? error.status.name ?? "unnamed" }

    private var provider: String? { Self.provider(of: error) }

    /// Nil: no provider is involved, and "CIMBus" stands in its place (Semantics B.3.1).
    static func provider(of error: CIMError) -> String? { error.providerName.flatMap { $0.isEmpty || $0 == "CIMBus" ? nil : $0 } }

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

extension BusAddress {
    /// `system`, `session` or the address, as `CIMBUS_BUS` takes them.
    var words: String {
        switch self {
        case .system: "system"
        case .session: "session"
        case .address(let address): address
        }
    }
}

/// The cause of a failure, whoever's fault it is, for which whoever reports it knows best what to do next.
struct Advice: Error {
    /// Nil: what is said of the status.
    var text: String?
    /// Whether a text that the user wrote is wrong: then nothing is missing, and nobody was refused, whatever the status.
    var isAboutText = false
}

extension String {
    /// Without line ends at its end.
    fileprivate var trimmingLines: String {
        var text = self[...]
        while let last = text.last, last.isNewline { text.removeLast() }
        return String(text)
    }
}
