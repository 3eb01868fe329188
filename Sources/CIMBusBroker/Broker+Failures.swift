import CIM
import CIMBusCore
import CIMBusWire

/// The words for what went wrong: what, where, whose provider, and what to do (L6; Semantics B.3.1).
extension Broker {
    /// A failed operation as its client sees it, with the extended status that rides along.
    func failure(
        _ outcome: Outcome, _ own: CIMInstance?, _ record: OperationRecord, _ id: OperationID
    ) -> CIMError {
        // What a part of a part failed with has its words already.
        if record.form == .part, record.work != nil, let error = Self.passedOn(outcome, own) { return error }
        let registration = record.registration.flatMap { core.registry.find($0) }
        let who = registration.map { registration in
            let pid = outcome.explanation?.isAboutNobody == true ? nil : outcome.explanation?.pid ?? registration.pid
            return "provider \(registration.name)" + (pid.map { " (process \($0))" } ?? "")
        }
        // What a part was asked as a whole, its whole says.
        let what = record.form == .part ? record.subject : "\(record.kind.rawValue) \(record.subject)"
        let message: String
        if let explanation = outcome.explanation {
            message = "\(what): \(Self.words(explanation, who ?? "the provider", record.delivered, registration, configuration.limits))"
        } else if let text = own?["Description"]?.stringValue, !text.isEmpty {
            message = "\(what): \(text)" + (who.map { ", says \($0)" } ?? "")
        } else {
            message = "\(what): \(outcome.status.meaning)" + (who.map { ", says \($0)" } ?? "")
        }
        if let own {
            var status = completed(own, outcome, record, registration)
            // The broker's own words about a part are about the whole now.
            if CIMName.equal(own.className, "CIMBus_ExtendedStatus") { status["Description"] = .string(message) }
            return CIMError(outcome.status, message, extendedStatus: status)
        }
        var status = CIMInstance(
            className: "CIMBus_ExtendedStatus",
            [
                "StatusCode": .uint32(outcome.status.rawValue), "Description": .string(message), "Operation": .string(record.kind.rawValue),
                "ParameterInfo": .string(record.subject), "ProviderName": .string(registration?.name ?? "CIMBus"),
            ])
        let isGone = outcome.explanation?.isAboutNobody == true
        if !isGone, let pid = outcome.explanation?.pid ?? registration?.pid { status["ProviderProcessID"] = .uint32(pid) }
        status["OperationID"] = .uint64(id.number)
        status["ObjectsDelivered"] = .uint64(UInt64(record.delivered))
        return CIMError(outcome.status, message, extendedStatus: status)
    }

    private static func passedOn(_ outcome: Outcome, _ own: CIMInstance?) -> CIMError? {
        if let own, let text = own["Description"]?.stringValue { return CIMError(outcome.status, text, extendedStatus: own) }
        guard let explanation = outcome.explanation, explanation.reason == .stated else { return nil }
        return CIMError(outcome.status, explanation.text)
    }

    /// The service's part of a provider's own status object.
    private func completed(_ own: CIMInstance, _ outcome: Outcome, _ record: OperationRecord, _ registration: Entry<Registration>?)
        -> CIMInstance
    {
        var status = own
        if status.className.isEmpty { status.className = "__ExtendedStatus" }
        if status["StatusCode"] == nil { status["StatusCode"] = .uint32(outcome.status.rawValue) }
        if status["Operation"] == nil { status["Operation"] = .string(record.kind.rawValue) }
        if status["ParameterInfo"] == nil { status["ParameterInfo"] = .string(record.subject) }
        if status["ProviderName"] == nil { status["ProviderName"] = .string(registration?.name ?? "CIMBus") }
        return status
    }

    /// The peer of a note by what it served, its process and its connection.
    func words(_ note: Note) -> String {
        var names = note.serving.compactMap { core.registry.find($0)?.name }
        if names.count > 3 { names[2...] = ["\(names.count - 2) more"] }
        let connection = note.peer.flatMap { peers.name(of: $0)?.text }
        let which = [note.pid.map { "process \($0)" }, connection].compactMap(\.self).joined(separator: ", ")
        return (names.isEmpty ? "peer" : "provider " + names.joined(separator: ", ")) + " (\(which))"
    }

    /// Why a call was refused, and whose doing it is.
    func words(_ refusal: Refusal) -> String {
        guard let name = refusal.culprit.flatMap({ peers.name(of: $0) }) else { return refusal.message }
        let pid = refusal.culprit.flatMap { core.peers[$0]?.pid }
        return refusal.message + "; most are those of \(name)" + (pid.map { " (process \($0))" } ?? "")
    }

    /// What went wrong last, for people to read: code, operation and reason; empty if nothing.
    func lastFailure(of registration: Entry<Registration>) -> String {
        guard let failure = registration.lastFailure else { return "" }
        let isLosing = !registration.lost.isEmpty && ![.replyLost, .deadlinePassed].contains(failure.explanation?.reason)
        let losses = isLosing ? "; it left \(Self.unanswered(registration)) without an answer" : ""
        let words =
            failure.explanation.map { Self.words($0, "the provider", 0, registration, configuration.limits) }
            ?? registrations.ownWords(of: registration.id) ?? failure.status.meaning
        return "\(failure.status.hex) \(failure.kind.rawValue): \(words.clipped())\(losses)"
    }

    private static func words(
        _ explanation: Explanation, _ who: String, _ delivered: Int, _ registration: Entry<Registration>?, _ limits: Limits
    ) -> String {
        let after = delivered == 0 ? "" : " after \(delivered) objects"
        let detail = explanation.text.isEmpty ? "" : ": \(explanation.text)"
        return switch explanation.reason {
        case .providerVanished: "\(who) left the bus\(after) before it reported a status; start it again and retry"
        case .providerUnresponsive:
            "\(who) does not answer on the bus\(after): no answer to a ping within \(seconds(registration?.ping ?? limits.ping)); resume or "
                + "restart it and retry, or, where its methods take long and its library answers nothing meanwhile, register it with more PingSeconds"
        case .replyLost:
            "\(who) left \(unanswered(registration)) without an answer that nobody waits for any more; every call must be answered, "
                + "by an error if need be: look for an exception in that method in its log"
        case .releasedWithoutStatus: "\(who) gave back its last reference\(after) without a status, which is a defect in it"
        case .providerSilent:
            "\(who) was silent for \(seconds(registration?.silence ?? limits.silence))\(after); look what it is doing, or give it more time"
        case .noCallSlot: "\(who) took no new call for \(seconds(limits.slotWait)); it has too many open"
        case .deadlinePassed:
            "the caller's own deadline passed\(after)"
                + (registration?.lost.isEmpty == false
                    ? "; \(who) left \(unanswered(registration)) without an answer" : "; allow more time")
        case .flooded: "\(who) flooded the broker\(detail); it must wait for the reply to each Indicate"
        case .wrongObjectCount: "\(who) broke the contract\(detail)"
        case .misfit: "\(who) sent an object that does not fit\(detail)"
        case .oversized:
            "\(who) answered with a result that is too large\(detail); it must keep a reference and send the rest by Indicate, in smaller "
                + "batches, or ask for less"
        case .badAnswer: "\(who) failed\(detail)"
        case .notReentrant: "\(who) is not re-entrant: it waits for a call that leads back to itself"
        case .tooDeep: "nested too deep, more than \(limits.depth) operations"
        case .clientTooSlow: "the client took no results for too long\(after); Acknowledge or pull them in time"
        case .resultTooLarge: "the result is too large for this form of call\(detail)"
        case .cancelled: "cancelled\(after)"
        case .parentEnded: "the operation it was nested in has ended"
        case .unregistered: "\(who) unregistered before it was called"
        case .notRunning: "\(who) is registered and not running; start it and retry"
        case .startFailed: "\(who) is not running and cannot be started\(detail)"
        case .initializationFailed: "\(who) is not running\(detail)"
        case .noRegistrationOfUser:
            "\(who) is one for each user, and none is registered for \(explanation.text); start it as that user and retry"
        case .suspended: "\(who) is suspended; resume it"
        case .shuttingDown: "the broker is stopping; retry when it is back"
        case .stated: explanation.text
        }
    }

    /// The calls that a provider has lost, by method.
    private static func unanswered(_ registration: Entry<Registration>?) -> String {
        let kinds = (registration?.lost ?? [:]).sorted { $0.key.rawValue < $1.key.rawValue }
        return kinds.isEmpty ? "a call" : kinds.map { "\($0.value) of \($0.key.rawValue)Async" }.joined(separator: ", ")
    }

    private static func seconds(_ time: Microseconds) -> String {
        time % 1_000_000 == 0 ? "\(time / 1_000_000) s" : "\(Double(time) / 1e6) s"
    }
}

extension Explanation {
    /// There is no process that it is about.
    fileprivate var isAboutNobody: Bool {
        switch reason {
        case .notRunning, .startFailed, .initializationFailed, .noRegistrationOfUser: true
        default: false
        }
    }
}
