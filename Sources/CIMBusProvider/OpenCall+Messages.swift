import CIM
import CIMBusWire
import DBus

/// The messages of a call. They are sent in order, on the connection's loop.
extension OpenCall {
    static let indicateMember = MemberName(verified: "Indicate")
    static let setStatusMember = MemberName(verified: "SetStatus")
    static let releaseMember = MemberName(verified: "Release")
    static let statusSignature = Signature(verified: "iusa{sv}")

    func reply(_ result: UInt32, references: UInt32, _ objects: Objects?, _ state: inout State) {
        let objects = objects ?? .plain([])
        do throws(DBusError) {
            let message = try Message.reply(to: request.message, signature: objects.replySignature) {
                (writer: inout BodyWriter) throws(DBusError) in
                writer.append(uint32: result)
                writer.append(uint32: references)
                objects.write(to: &writer)
            }
            send(.reply(message), &state)
        } catch {
            // An error reply drops the reference, too: the operation is over with it.
            let failure = error.ofUnsentObjects
            state.failure = failure
            send(.complaint("the reply cannot be sent", failure), &state)
            send(.refusal(DBusError(failure)), &state)
            if state.phase != .over { becomeOver(&state) }
        }
    }

    /// The whole answer to a call with one object. Throws where the object cannot be sent: why, ``OpenCall/State/appendPlain(_:)`` says.
    func reply(with object: CIMInstance) throws -> MethodCall.WrittenReply {
        try State.check(object, depth: 1)
        var isTooLarge = false
        let reply = try request.written(Self.objectReply) { (writer: inout BodyWriter) throws(DBusError) in
            writer.append(uint32: 0)
            writer.append(uint32: 0)
            let array = writer.beginArray(elementAlignment: 4)
            let before = writer.count
            writer.append(instance: object)
            isTooLarge = writer.count - before > Contract.largestObject
            writer.endArray(array)
        }
        if isTooLarge { throw CIMError(.outOfMemory, "an object is too large") }
        return reply
    }

    private static let objectReply = Signature(verified: "uuaa{sv}")

    /// Nil when the object cannot be sent, or is larger than the broker takes.
    func status(_ flags: Int32, _ value: UInt32, _ text: String, _ object: CIMInstance?) -> Message? {
        let message = try? Message.methodCall(
            destination: brokerName, path: sink, interface: Contract.objectSink, member: Self.setStatusMember, flags: .noReplyExpected,
            signature: Self.statusSignature
        ) { (writer: inout BodyWriter) throws(DBusError) in
            writer.append(int32: flags)
            writer.append(uint32: value)
            writer.append(string: text)
            if let object { writer.append(instance: object) } else { writer.endArray(writer.beginArray(elementAlignment: 8)) }
        }
        return message.flatMap { $0.bodySize <= Contract.largestStatus ? $0 : nil }
    }

    /// The end of a call. When the status object of a failure is too large, only its words are sent.
    func finalStatus(_ failure: CIMError?, _ path: String) -> Message? {
        let number = failure?.status.rawValue ?? 0
        var objects: [CIMInstance?] = []
        if let failure {
            if let own = failure.extendedStatus { objects.append(own) }
            if !failure.status.isSuccess { objects.append(failure.words) }
        }
        for object in objects + [nil] {
            if let message = status(StatusType.complete, number, path, object) { return message }
        }
        return status(StatusType.complete, number, "", nil)
    }

    func send(_ outgoing: Outgoing, _ state: inout State) {
        if let preface = state.preface {
            state.preface = nil
            state.outbox.append(.plain(preface))
        }
        state.outbox.append(outgoing)
    }

    /// Decides under the lock, and sends what was decided: at once where this thread may, else soon. Then resumes the tasks that wait for
    /// credit, when there is credit now, or never will be any.
    func change<Result: Sendable>(_ decide: (inout State) -> Result) -> Result {
        let (result, mustDrain, waiters) = state.withLock { state -> (Result, Bool, [UnsafeContinuation<Void, Never>]) in
            let result = decide(&state)
            let mustDrain = !state.outbox.isEmpty && !state.isDraining
            if mustDrain { state.isDraining = true }
            return (result, mustDrain, state.takeFreeWaiters())
        }
        if mustDrain { connection.loop.onLoop { [self] in drain() } }
        for waiter in waiters { waiter.resume() }
        return result
    }

    private func drain() {
        send(
            state.withLock { state in
                state.isDraining = false
                return state.takeOutbox()
            })
    }

    /// On the loop.
    private func send(_ outbox: [Outgoing]) {
        for outgoing in outbox {
            switch outgoing {
            case .reply(let message): request.reply(with: message)
            case .refusal(let error): request.fail(error)
            case .complaint(let what, let error): host.log.refused(what, error, in: self)
            case .plain(let message): connection.assumeIsolated { try? $0.send(message, inStepWith: request.message) }
            case .indicate(let message):
                connection.assumeIsolated {
                    $0.call(message, inStepWith: request.message, timeout: nil) { [self] result in indicated(result) }
                }
            case .end: host.ended(self)
            }
        }
    }
}

extension OpenCall.State {
    /// Whether nobody needs to wait for credit: every full batch was sent, or no batch will be sent any more.
    private var isCreditFree: Bool { phase == .over || failure != nil || sealed.isEmpty }

    fileprivate mutating func takeFreeWaiters() -> [UnsafeContinuation<Void, Never>] {
        guard isCreditFree, !waiters.isEmpty else { return [] }
        defer { waiters = [] }
        return waiters
    }

    fileprivate mutating func takeOutbox() -> [OpenCall.Outgoing] {
        var taken: [OpenCall.Outgoing] = []
        swap(&taken, &outbox)
        return taken
    }
}
