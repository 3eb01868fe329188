import CIM
import CIMBusWire
import DBus
import Synchronization

/// One call of the broker, from its arrival until nothing more is owed: the reply, the batches, the final status, the one reference.
///
/// A call that ends early, with few objects, is answered by its reply alone: one message (L2). One that goes on is answered at once with
/// one reference kept, and continues with Indicate, SetStatus and Release. What is sent is decided under the lock and leaves through
/// ``State/outbox``, in that order, on the connection's loop.
final class OpenCall: Sendable {
    /// What the provider's method came to.
    enum Outcome: Sendable {
        case object(CIMInstance)
        /// The path of a Put, where the provider chose a key.
        case path(String)
        case done
        case failed(CIMError)
    }

    enum Phase {
        /// The broker waits for the reply; the call itself is the reference. Can transition to: detached, over.
        case calling
        /// Replied; one reference is kept. Can transition to: over.
        case detached
        /// Everything is sent, or the broker no longer wants it. Final.
        case over
    }

    enum Outgoing {
        case reply(Message)
        case refusal(DBusError)
        case indicate(Message)
        case plain(Message)
    }

    struct State: ~Copyable {
        var phase = Phase.calling
        /// Why it is over early, or failed; thrown to whoever goes on.
        var failure: CIMError?
        var batch = BodyWriter(phase: OpenCall.batchPhase)
        var batchCount = 0
        var batchTarget = OpenCall.firstBatch
        /// Full batches without credit.
        var sealed: [[UInt8]] = []
        var inFlight = 0
        var outbox: [Outgoing] = []
        var isDraining = false
        var isFlushScheduled = false
        /// The references that were asked for, by number.
        var retained: Set<UInt64> = []
        var lastRetained: UInt64 = 0
        /// Set when the provider's method has returned.
        var outcome: Outcome?
        var waiters: [UnsafeContinuation<Void, Never>] = []
        var task: Task<Void, Never>?
    }

    /// Where the elements of an `aa{sv}` start in the bodies of Indicate and of the reply, modulo 8.
    static let batchPhase = 4
    static let firstBatch = 16
    static let fullBatch = 256
    static let fullBatchBytes = 48 << 10
    static let largestObject = 8 << 20
    /// Batches without a reply. The broker allows 8.
    static let window = 4
    static let flushDelay = Duration.milliseconds(5)
    /// How long the broker waits for a reply from a provider that works on.
    static let replyDelay = Duration.milliseconds(20)

    let request: MethodCall
    let connection: Connection
    let sink: ObjectPath
    let brokerName: BusName
    private let ended: @Sendable (OpenCall) -> Void
    private let state = Mutex(State())

    /// - Parameter ended: runs once, when the call is over.
    init(_ request: MethodCall, on connection: Connection, sink: ObjectPath, broker: BusName, ended: @escaping @Sendable (OpenCall) -> Void)
    {
        self.request = request
        self.connection = connection
        self.sink = sink
        brokerName = broker
        self.ended = ended
    }

    // MARK: The provider's side

    var isOver: Bool { state.withLock { $0.phase == .over } }

    /// The task that runs the provider's method, to be cancelled with the call.
    func runs(in task: Task<Void, Never>) {
        let isOver = state.withLock { state in
            if state.phase != .over, state.outcome == nil { state.task = task }
            return state.phase == .over && state.failure != nil
        }
        if isOver { task.cancel() }
    }

    /// Puts an object into the batch.
    /// - Returns: whether the caller must wait for credit before the next.
    func append(_ instance: CIMInstance) throws -> Bool {
        let result: Result<Bool, CIMError> = state.withLock { state in
            if let refusal = state.refusal(forCaller: true) { return .failure(refusal) }
            do throws(CIMError) {
                try state.append(instance)
            } catch {
                state.failure = error
                return .failure(error)
            }
            if state.isBatchFull {
                if state.phase == .calling { detach(&state) } else { state.seal() }
                pump(&state)
            } else if state.phase == .detached {
                scheduleFlush(&state)
            }
            return .success(!state.sealed.isEmpty)
        }
        return try result.get()
    }

    /// Waits until every full batch is on its way. Throws when the operation is over meanwhile.
    func waitForCredit() async throws {
        await withUnsafeContinuation { continuation in
            let isFree = state.withLock { state in
                if state.phase == .over || state.failure != nil || state.sealed.isEmpty { return true }
                state.waiters.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        if let refusal = state.withLock({ $0.refusal(forCaller: true) }) { throw refusal }
    }

    /// Sends a report on the way; nothing when the operation is over.
    func report(current: UInt16, total: UInt16, text: String) {
        state.withLock { state in
            guard state.phase != .over else { return }
            let value = UInt32(total) << 16 | UInt32(current)
            if let message = status(StatusType.progress, value, text, nil) { send(.plain(message), &state) }
        }
    }

    func retain() throws -> UInt64 {
        let result: Result<UInt64, CIMError> = state.withLock { state in
            if let refusal = state.refusal(forCaller: true) { return .failure(refusal) }
            state.lastRetained &+= 1
            state.retained.insert(state.lastRetained)
            return .success(state.lastRetained)
        }
        return try result.get()
    }

    /// Gives one of the references back. Nothing happens when it was.
    func release(_ number: UInt64, _ error: CIMError?) {
        state.withLock { state in
            guard state.retained.remove(number) != nil else { return }
            if let error, state.failure == nil { state.failure = error }
            concludeIfDone(&state)
        }
    }

    /// The provider's method has returned.
    func finish(_ outcome: Outcome) {
        state.withLock { state in
            guard state.phase != .over, state.outcome == nil else { return }
            state.task = nil
            var outcome = outcome
            if case .object(let object) = outcome {
                do throws(CIMError) {
                    try state.append(object)
                    outcome = .done
                } catch {
                    outcome = .failed(error)
                }
            }
            state.outcome = outcome
            if !state.retained.isEmpty, state.phase == .calling {
                detach(&state)
                pump(&state)
            }
            concludeIfDone(&state)
        }
    }

    // MARK: The broker's side

    /// The broker waits no longer for the reply: the provider works on with a reference. Nothing happens when it was sent.
    func detachIfCalling() {
        state.withLock { state in
            guard state.phase == .calling, state.outcome == nil else { return }
            detach(&state)
        }
    }

    /// Ends the call from the broker's side: it was cancelled, or the broker is gone.
    func end(_ error: CIMError, answering: Bool) {
        let waiters: [UnsafeContinuation<Void, Never>] = state.withLock { state in
            guard state.phase != .over else { return [] }
            if answering, state.phase == .calling { send(.refusal(DBusError(error)), &state) }
            return end(&state, error)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// What an Indicate was answered with.
    private func indicated(_ result: Result<Message, DBusError>) {
        let waiters: [UnsafeContinuation<Void, Never>] = state.withLock { state in
            state.inFlight -= 1
            guard state.phase != .over else { return [] }
            if case .failure(let failure) = result {
                let error = CIMError(failure)
                let isOver = error.status == .callCancelled || error.status == .transportFailure || failure.name == .unknownObject
                if isOver { return end(&state, error) }
                if state.failure == nil { state.failure = error }
            }
            // Nothing is under way: what little there is need not wait for more.
            if state.inFlight == 0, state.sealed.isEmpty, state.batchCount > 0 { state.seal() }
            pump(&state)
            guard state.sealed.isEmpty || state.failure != nil else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func end(_ state: inout State, _ error: CIMError) -> [UnsafeContinuation<Void, Never>] {
        state.failure = error
        state.task?.cancel()
        state.retained = []
        becomeOver(&state)
        defer { state.waiters = [] }
        return state.waiters
    }

    // MARK: Decisions, under the lock

    /// Answers the call with one reference kept, and the objects there are.
    private func detach(_ state: inout State) {
        state.phase = .detached
        state.seal()
        reply(0, references: 1, state.sealed.isEmpty ? nil : state.sealed.removeFirst(), &state)
    }

    /// Sends what there is credit for, and the end when it is due.
    private func pump(_ state: inout State) {
        var sent = 0
        while sent < state.sealed.count, state.inFlight < Self.window {
            let objects = state.sealed[sent]
            sent += 1
            do throws(DBusError) {
                let message = try Message.methodCall(
                    destination: brokerName, path: sink, interface: Contract.objectSink, member: Self.indicateMember,
                    signature: Self.objects
                ) { (writer: inout BodyWriter) throws(DBusError) in
                    Self.write(objects, to: &writer)
                }
                state.inFlight += 1
                send(.indicate(message), &state)
            } catch {
                state.failure = CIMError(.invalidObject, error.message, cause: error)
            }
        }
        state.sealed.removeFirst(sent)
        if state.outcome != nil { concludeIfDone(&state) }
    }

    private func concludeIfDone(_ state: inout State) {
        guard state.phase != .over, state.retained.isEmpty, let outcome = state.outcome else { return }
        var failure = state.failure
        if case .failed(let error) = outcome, failure == nil { failure = error }
        var path = ""
        if case .path(let text) = outcome { path = text }
        if state.phase == .calling {
            if state.batchCount == 0, state.sealed.isEmpty, let failure, !failure.status.isSuccess {
                send(.refusal(DBusError(failure)), &state)
                return becomeOver(&state)
            }
            if path.isEmpty, state.sealed.isEmpty, failure?.status.isSuccess ?? true {
                let count = state.batchCount
                let objects = state.takeBatch()
                reply(failure?.status.rawValue ?? 0, references: 0, count == 0 ? nil : objects, &state)
                return becomeOver(&state)
            }
            detach(&state)
            if state.phase == .over { return }
        }
        if state.batchCount > 0 {
            state.seal()
            return pump(&state)
        }
        guard state.sealed.isEmpty else { return }
        var extended = failure?.extendedStatus
        if extended == nil, let failure, !failure.status.isSuccess {
            extended = CIMInstance(
                className: "__ExtendedStatus", ["StatusCode": .uint32(failure.status.rawValue), "Description": .string(failure.message)])
        }
        let number = failure?.status.rawValue ?? 0
        if let message = status(StatusType.complete, number, path, extended) ?? status(StatusType.complete, number, "", nil) {
            send(.plain(message), &state)
        }
        let release = try? Message.methodCall(
            destination: brokerName, path: sink, interface: Contract.sinkReference, member: Self.releaseMember, flags: .noReplyExpected)
        if let release { send(.plain(release), &state) }
        becomeOver(&state)
    }

    private func becomeOver(_ state: inout State) {
        state.phase = .over
        state.task = nil
        state.sealed = []
        _ = state.takeBatch()
        connection.loop.execute { [self] in ended(self) }
    }

    private func scheduleFlush(_ state: inout State) {
        if state.isFlushScheduled { return }
        state.isFlushScheduled = true
        connection.loop.schedule(after: Self.flushDelay) { [weak self] in self?.flush() }
    }

    private func flush() {
        state.withLock { state in
            state.isFlushScheduled = false
            // With batches on their way, the next reply flushes.
            guard state.phase == .detached, state.batchCount > 0, state.inFlight == 0, state.sealed.isEmpty else { return }
            state.seal()
            pump(&state)
        }
    }

    // MARK: Messages

    private static let indicateMember = MemberName(verified: "Indicate")
    private static let setStatusMember = MemberName(verified: "SetStatus")
    private static let releaseMember = MemberName(verified: "Release")
    private static let objects = Signature(verified: "aa{sv}")
    private static let replySignature = Signature(verified: "uuaa{sv}")
    private static let statusSignature = Signature(verified: "iusa{sv}")

    private static func write(_ objects: [UInt8]?, to writer: inout BodyWriter) {
        let array = writer.beginArray(elementAlignment: 4)
        objects?.withUnsafeBytes { writer.append(block: $0, phase: batchPhase) }
        writer.endArray(array)
    }

    private func reply(_ result: UInt32, references: UInt32, _ objects: [UInt8]?, _ state: inout State) {
        do throws(DBusError) {
            let message = try Message.reply(to: request.message, signature: Self.replySignature) {
                (writer: inout BodyWriter) throws(DBusError) in
                writer.append(uint32: result)
                writer.append(uint32: references)
                Self.write(objects, to: &writer)
            }
            send(.reply(message), &state)
        } catch {
            // An error reply drops the reference, too: the operation is over with it.
            let failure = CIMError(.invalidObject, error.message, cause: error)
            state.failure = failure
            send(.refusal(DBusError(failure)), &state)
            if state.phase != .over { becomeOver(&state) }
        }
    }

    private func status(_ flags: Int32, _ value: UInt32, _ text: String, _ object: CIMInstance?) -> Message? {
        try? Message.methodCall(
            destination: brokerName, path: sink, interface: Contract.objectSink, member: Self.setStatusMember, flags: .noReplyExpected,
            signature: Self.statusSignature
        ) { (writer: inout BodyWriter) throws(DBusError) in
            writer.append(int32: flags)
            writer.append(uint32: value)
            writer.append(string: text)
            if let object { writer.append(instance: object) } else { writer.endArray(writer.beginArray(elementAlignment: 8)) }
        }
    }

    private func send(_ outgoing: Outgoing, _ state: inout State) {
        state.outbox.append(outgoing)
        if state.isDraining { return }
        state.isDraining = true
        connection.loop.execute { [self] in drain() }
    }

    /// On the loop.
    private func drain() {
        let outbox = state.withLock { state in
            defer { state.outbox = [] }
            state.isDraining = false
            return state.outbox
        }
        for outgoing in outbox {
            switch outgoing {
            case .reply(let message): request.reply(with: message)
            case .refusal(let error): request.fail(error)
            case .plain(let message): connection.assumeIsolated { try? $0.send(message) }
            case .indicate(let message):
                connection.assumeIsolated { $0.call(message, timeout: nil) { [self] result in indicated(result) } }
            }
        }
    }
}
