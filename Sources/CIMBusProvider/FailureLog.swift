import CIM
import Logging
import Synchronization

/// Writes failed calls to the provider's log: errors that the provider's own code threw, and objects that the broker refused. The client is
/// told, too, but cannot mend the provider.
///
/// A `CIMError` and a cancellation are outcomes of an operation, meant for the client: level debug. Anything else is a mistake of the
/// provider: level error. The log gets one line for each kind of failure in ``interval``. The next line says how many failures of that kind
/// were left out.
final class FailureLog: Sendable {
    static let interval = Duration.seconds(10)
    /// How many kinds are remembered. When there are more, all are forgotten: a line too many does no harm.
    static let mostKinds = 256

    private struct Kind: Hashable {
        var what: String
        var error: String
    }

    private struct Seen {
        var last: ContinuousClock.Instant
        var suppressed = 0
    }

    private let logger: Logger
    private let seen = Mutex<[Kind: Seen]>([:])

    init(_ logger: Logger) { self.logger = logger }

    /// The provider's method threw.
    func threw(_ error: any Error, in call: OpenCall) {
        if call.isOver || error is CIMError || error is CancellationError {
            logger.debug("\(Self.line("\(call.subject): the provider's method threw \(error)"))")
        } else {
            say("threw", error, in: call, "the provider's method threw \(type(of: error)): \(error)")
        }
    }

    /// Objects that cannot be sent, or that the broker does not take.
    func refused(_ what: String, _ error: CIMError, in call: OpenCall) {
        say(what, error, in: call, "\(what): \(error)")
    }

    /// What was sent and belongs to no call.
    func refused(_ what: String, _ error: CIMError) { say(what, error, what, "\(error)") }

    private func say(_ what: String, _ error: any Error, in call: OpenCall, _ text: @autoclosure () -> String) {
        say("\(call.method) \(what)", error, call.subject, text())
    }

    private func say(_ what: String, _ error: any Error, _ subject: @autoclosure () -> String, _ text: @autoclosure () -> String) {
        var name = String(describing: type(of: error))
        if let error = error as? CIMError { name = error.status.hex }
        guard let suppressed = mayBeSaid(Kind(what: what, error: name)) else { return }
        let more = suppressed == 0 ? "" : "; \(suppressed) more like it in the last \(Self.interval.components.seconds) s or longer"
        logger.error("\(Self.line("\(subject()): \(text())\(more)"))")
    }

    /// One line, whatever a client or a provider wrote into it.
    private static func line(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(4_096).map { $0.properties.generalCategory == .control ? " " : $0 }
        return String(String.UnicodeScalarView(scalars))
    }

    /// How many failures of the kind were left out since the last line. Nil means that this failure is left out, too.
    private func mayBeSaid(_ kind: Kind) -> Int? {
        let now = ContinuousClock.now
        return seen.withLock { seen in
            if let known = seen[kind], now - known.last < Self.interval {
                seen[kind]?.suppressed += 1
                return nil
            }
            let suppressed = seen[kind]?.suppressed ?? 0
            if seen.count >= Self.mostKinds { seen = [:] }
            seen[kind] = Seen(last: now)
            return suppressed
        }
    }
}

extension OpenCall {
    /// The method that the broker called.
    var method: String { request.member }

    /// The method and what it is about, as a person would name it.
    var subject: String {
        let text = ProviderMethod(rawValue: method).flatMap { $0.subject(of: request) } ?? ""
        return text.isEmpty ? method : "\(method) \(text.prefix(600))"
    }
}
