import CIM
import CIMBusWire
import DBus

/// How the call goes on, decided under the lock: from the reply to the batches to the end.
extension OpenCall {
    /// Answers the call with the objects that there are, and keeps one reference.
    func detach(_ state: inout State) {
        state.phase = .detached
        state.seal()
        reply(0, references: 1, state.sealed.isEmpty ? nil : state.sealed.removeFirst(), &state)
    }

    /// Sends the batches for which there is credit, and the end when it is due.
    func pump(_ state: inout State) {
        var sent = 0
        while sent < state.sealed.count, state.inFlight < state.window {
            let objects = state.sealed[sent]
            sent += 1
            do throws(DBusError) {
                let message = try Message.methodCall(
                    destination: brokerName, path: sink, interface: objects.interface, member: Self.indicateMember,
                    signature: objects.signature
                ) { (writer: inout BodyWriter) throws(DBusError) in
                    objects.write(to: &writer)
                }
                state.inFlight += 1
                send(.indicate(message), &state)
            } catch {
                let failure = error.ofUnsentObjects
                state.failure = failure
                send(.complaint("objects are not sent", failure), &state)
            }
        }
        state.sealed.removeFirst(sent)
        if state.outcome != nil { concludeIfDone(&state) }
    }

    func concludeIfDone(_ state: inout State) {
        guard state.phase != .over, state.retained.isEmpty, let outcome = state.outcome else { return }
        var failure = state.failure
        if case .failed(let error) = outcome, failure == nil { failure = error }
        failure?.completeStatus()
        var path = ""
        if case .path(let text) = outcome { path = text }
        if state.phase == .calling {
            if state.isBatchEmpty, state.sealed.isEmpty, let failure, !failure.status.isSuccess {
                send(.refusal(DBusError(failure)), &state)
                return becomeOver(&state)
            }
            // A reply to a success has no room for a status object.
            if path.isEmpty, state.sealed.isEmpty, failure?.status.isSuccess ?? true, failure?.extendedStatus == nil {
                reply(failure?.status.rawValue ?? 0, references: 0, state.takeBatch(), &state)
                return becomeOver(&state)
            }
            detach(&state)
            if state.phase == .over { return }
        }
        if !state.isBatchEmpty {
            state.seal()
            return pump(&state)
        }
        guard state.sealed.isEmpty else {
            if state.inFlight < state.window { pump(&state) }
            return
        }
        if let message = finalStatus(failure, path) { send(.plain(message), &state) }
        let release = try? Message.methodCall(
            destination: brokerName, path: sink, interface: Contract.sinkReference, member: Self.releaseMember, flags: .noReplyExpected)
        if let release { send(.plain(release), &state) }
        becomeOver(&state)
    }

    func becomeOver(_ state: inout State) {
        state.phase = .over
        state.task = nil
        state.sealed = []
        _ = state.takeBatch()
        send(.end, &state)
    }

    func scheduleFlush(_ state: inout State) {
        if state.isFlushScheduled { return }
        state.isFlushScheduled = true
        connection.loop.schedule(after: Self.flushDelay) { [weak self] in self?.flush() }
    }

    private func flush() {
        change { state in
            state.isFlushScheduled = false
            // With batches on their way, the next reply flushes.
            guard state.phase == .detached, !state.isBatchEmpty, state.inFlight == 0, state.sealed.isEmpty else { return }
            state.seal()
            pump(&state)
        }
    }
}
