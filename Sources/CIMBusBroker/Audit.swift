import CIM
import CIMBusCore
import CIMRepository
import DBus
import Logging

/// What an administrator may want to know later: who was refused what, and who changed something.
struct AuditEntry {
    enum Outcome: String {
        case done
        case failed
        /// He has not the right.
        case refused
        /// His connection ended first.
        case abandoned
    }

    /// What was asked for: the name of a method of the contract.
    var action: String
    var outcome: Outcome
    var status: WBEMStatus
    /// One line for people.
    var text: String
    /// What else is known, by the names that the fields have in the journal without `CIMBUS_`, in lower case. Empty ones are left out.
    var details: [(name: String, value: String)]

    /// All fields, in the order in which they are written.
    var fields: [(name: String, value: String)] {
        let own = [("action", action), ("outcome", outcome.rawValue), ("status", status.errorName ?? status.name ?? status.hex)]
        return own + details.filter { !$0.value.isEmpty }
    }
}

extension Broker {
    /// Writes what a peer did, or was refused, into the log, and into the file of the audit where there is one. Of what one user does many times a
    /// second the first is written, and how many more there were.
    func audit(_ kind: LogGate.Kind, of uid: UInt32?, _ entry: () -> AuditEntry) {
        gated(kind, of: uid, isAlways: false) {
            let entry = entry()
            let message = entry.outcome == .refused ? LogMessage.denied : kind.message
            logger.log(level: .notice, "\(entry.text)", metadata: message.metadata(entry.fields))
            auditFile?.write(entry.fields + [("text", entry.text)], logger)
        } more: { broker, text in
            broker.logger.notice("\(text)")
            broker.auditFile?.write([("text", text)], broker.logger)
        }
    }

    private func who(_ peer: PeerID?, _ caller: Caller?) -> [(name: String, value: String)] {
        [
            ("client_uid", caller.map { "\($0.uid)" } ?? ""), ("client", peer.flatMap { peers.name(of: $0)?.text } ?? ""),
            ("client_pid", peer.flatMap { core.peers[$0]?.pid }.map { "\($0)" } ?? ""),
        ]
    }

    private func words(_ who: [(name: String, value: String)]) -> String {
        let process = who[2].value.isEmpty ? "" : ", process \(who[2].value)"
        return "uid \(who[0].value) (\(who[1].value)\(process))"
    }

    // MARK: - Operations

    /// An operation ended, or was refused. Of reads only refusals are written.
    /// - Parameters:
    ///   - id: nil: it was refused before it began.
    ///   - error: what it failed with; nil with a failure's status: its client is gone.
    func audit(_ id: OperationID?, _ record: AuditedOperation, _ status: WBEMStatus, _ error: CIMError?) {
        let isRefused = status == .accessDenied
        guard isRefused || record.kind.changes else { return }
        audit(isRefused ? .denial : record.kind == .execMethod ? .method : .write, of: record.caller.uid) {
            let outcome: AuditEntry.Outcome =
                isRefused ? .refused : status.isSuccess ? .done : error == nil ? .abandoned : .failed
            let who = who(record.client, record.caller)
            let ruling = ruling(record, error?.denial)
            let end: String =
                switch outcome {
                case .done: "done"
                case .abandoned: "its client left before the end"
                case .failed, .refused: error.map { $0.message.clipped(500) } ?? status.meaning
                }
            return AuditEntry(
                action: record.kind.rawValue, outcome: outcome, status: status,
                text: "\(record.kind.rawValue) \(record.subject.clipped(300)) in \(record.namespace) by \(words(who)): \(end)",
                details: who + [
                    ("namespace", record.namespace.text), ("class", (record.className ?? "").clipped()),
                    ("method", record.method.clipped()),
                    ("target", record.subject.clipped(300)), ("right", ruling.right), ("rule", ruling.place ?? ""),
                    ("operation", id.map { "\($0.number)" } ?? ""),
                    ("provider", id.flatMap { records[$0]?.registration }.flatMap { core.registry.find($0)?.name } ?? ""),
                ])
        }
    }

    /// Which right the operation took, and which rule decided about it.
    private func ruling(_ record: AuditedOperation, _ denial: Denial?) -> (right: String, place: String?) {
        if let denial { return (denial.right, denial.place) }
        let wanted = resolver(for: record.caller).right(for: record.kind, record.className, in: record.namespace)
        let subject = RightsSubject(
            namespace: record.namespace.text, className: record.className, method: record.method.isEmpty ? nil : record.method)
        for (name, right) in Right.names where wanted.contains(right) {
            let decision = core.rights.decision(on: right, subject, for: record.caller)
            if decision.isAllowed { return (name, decision.rule?.place) }
        }
        return (wanted.text, nil)
    }

    // MARK: - What is no operation

    /// A call that is no operation's was carried out, or was refused.
    /// - Parameters:
    ///   - text: what happened, in words; nil: the member, and how it ended.
    ///   - details: beside who called, and the denial.
    func audit(
        _ kind: LogGate.Kind, _ call: MethodCall, _ error: CIMError?, text: String? = nil, _ details: [(name: String, value: String)] = []
    ) {
        let peer = peer(of: call)
        let caller = peer.flatMap { self.caller($0) }
        audit(kind, of: caller?.uid) {
            let who = who(peer, caller)
            let outcome: AuditEntry.Outcome = error == nil ? .done : error?.status == .accessDenied ? .refused : .failed
            let denial = error?.denial
            return AuditEntry(
                action: call.member, outcome: outcome, status: error?.status ?? .noError,
                text: text ?? "\(call.member) by \(words(who)): \(error.map { $0.message.clipped(500) } ?? "done")",
                details: who + details + [("right", denial?.right ?? ""), ("rule", denial?.place ?? "")])
        }
    }

    /// Answers a call that is refused, and writes it down where it is for want of a right.
    func refuse(_ call: MethodCall, _ error: CIMError) {
        if error.status == .accessDenied { audit(.denial, call, error) }
        call.fail(error)
    }
}

/// What the audit says of an operation.
protocol AuditedOperation {
    var kind: Request.Kind { get }
    var namespace: CIMNamespaceName { get }
    var subject: String { get }
    var className: String? { get }
    var method: String { get }
    var client: PeerID { get }
    var caller: Caller { get }
}

extension OperationRecord: AuditedOperation {}

/// A request that was refused before it became an operation.
struct RefusedRequest: AuditedOperation {
    let arguments: ServicesCall
    let client: PeerID
    let caller: Caller

    var kind: Request.Kind { arguments.kind }
    var namespace: CIMNamespaceName { arguments.namespace }
    var subject: String { arguments.subject }
    var className: String? { (arguments.path?.className).flatMap { $0.isEmpty ? nil : $0 } }
    var method: String { arguments.method }
}

extension Request.Kind {
    /// Whether it may change something.
    var changes: Bool { isWrite || self == .execMethod }
}

extension CIMError {
    /// The right that was missing, where it failed for want of one.
    var denial: Denial? { (reason as? Refusal)?.denial }
}
