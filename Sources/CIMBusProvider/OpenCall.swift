import CIM
import CIMBusWire
import DBus
import Synchronization

/// One call of the broker, from its arrival until nothing more is owed: the reply, the batches, the final status, the one reference.
///
/// A call that ends early, with few objects, is answered by its reply alone: one message (L2). A call that goes on is answered at once, and
/// keeps one reference; it continues with Indicate, SetStatus and Release. Messages are decided on under the lock. They leave through
/// ``State/outbox``, in the order of the decisions, on the connection's loop.
final class OpenCall: AsideWork, ListedCall {
    /// How the provider's method ended.
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

    enum Outgoing: Sendable {
        case reply(Message)
        case refusal(DBusError)
        case indicate(Message)
        case plain(Message)
        /// For the provider's log: an object that cannot be sent or that the broker did not take, and why.
        case complaint(String, CIMError)
        /// Nothing follows.
        case end
    }

    struct State: ~Copyable {
        var phase = Phase.calling
        /// Why the call is over early, or has failed. The provider gets this error when it goes on.
        var failure: CIMError?
        /// Whether objects go as packed rows.
        var packs: Bool
        /// Rows, while there are no objects in `batch`.
        var packed = PackedWriter()
        /// How often objects of another shape came soon.
        var shapeChanges = 0
        /// While there is an object in it.
        var batch: BodyWriter?
        /// The objects in `batch`. From them the batch is written anew when its last object turns out to be impossible.
        var batchObjects: [CIMInstance] = []
        /// With how many objects the batch is full. The next batch is larger.
        var batchSize = OpenCall.firstBatch
        /// Full batches that wait for credit.
        var sealed: [Objects] = []
        var inFlight = 0
        /// How many batches may be without a reply: one at first, so that what is first reaches its client before more is made, and one more
        /// with each reply.
        var window = 1
        var outbox: [Outgoing] = []
        /// What goes in front of the next message, and not by itself.
        var preface: Message?
        var isDraining = false
        var isFlushScheduled = false
        /// The references that the provider retained, by number.
        var retained: Set<UInt64> = []
        var lastRetained: UInt64 = 0
        /// Set when the provider's method has returned.
        var outcome: Outcome?
        /// The tasks that wait for credit. Nobody waits while ``isCreditFree`` is true: ``OpenCall/change(_:)`` resumes the tasks after
        /// every change.
        var waiters: [UnsafeContinuation<Void, Never>] = []
        var task: RunningTask?

        init(packs: Bool) { self.packs = packs }
    }

    /// Where the elements of an `aa{sv}` start in the bodies of Indicate and of the reply, modulo 8.
    static let batchPhase = 4
    static let firstBatch = 16
    static let fullBatch = 256
    static let fullPackedBatch = 1024
    static let mostShapeChanges = 4
    static let fullBatchBytes = 48 << 10
    /// How many batches may be without a reply at most. The broker allows 8.
    static let window = 4
    static let flushDelay = Duration.milliseconds(5)

    let operation: ProviderMethod
    let request: MethodCall
    let connection: Connection
    let sink: ObjectPath
    let brokerName: BusName
    let host: ProviderHost
    let state: Mutex<State>
    /// When its method was begun, as ``EventLoop/now``; 0: not yet.
    let started = Atomic<Int64>(0)
    /// Where it is among the ``OpenCalls``; guarded by their lock.
    nonisolated(unsafe) var position = 0

    init(
        _ operation: ProviderMethod, _ request: MethodCall, on connection: Connection, sink: ObjectPath, broker: BusName, host: ProviderHost
    ) {
        self.operation = operation
        self.request = request
        self.connection = connection
        self.sink = sink
        brokerName = broker
        self.host = host
        state = Mutex(State(packs: request.message.arrival?.carriesPackedObjects ?? false))
    }

    // MARK: The provider's side

    var isOver: Bool { state.withLock { $0.phase == .over } }

    /// Why nothing more is done for the call; nil while it goes on.
    var refusal: CIMError? { state.withLock { $0.refusal } }

    /// Whether the broker has the reply, or does not wait for one.
    var isAnswered: Bool { state.withLock { $0.phase != .calling } }

    /// The task that runs the provider's method, while it does: any thread may cancel it, and do nothing else with it.
    struct RunningTask: @unchecked Sendable {
        fileprivate let task: UnsafeCurrentTask

        func cancel() { task.cancel() }
    }

    /// Runs the provider's method in this task, which is cancelled with the call.
    nonisolated(nonsending) func run() async {
        await withUnsafeCurrentTask { task in
            guard let task else { return await host.serve(self) }
            let isOver = state.withLock { [running = RunningTask(task: task)] state in
                state.task = running
                return state.phase == .over && state.failure != nil
            }
            if isOver { task.cancel() }
            await host.serve(self)
            // Under the lock under which it would be cancelled.
            state.withLock { $0.task = nil }
        }
        host.returned(self)
    }

    /// Puts objects into the batch, as many as there is credit for.
    /// - Parameter instances: those are left that were not put there.
    /// - Returns: whether the caller must wait for credit before the next.
    func append(_ instances: inout ArraySlice<CIMInstance>) throws -> Bool {
        let result: Result<Bool, CIMError> = change { state in
            if let refusal = state.refusal { return .failure(refusal) }
            while state.sealed.isEmpty, let instance = instances.popFirst() {
                do throws(CIMError) {
                    try state.append(instance)
                } catch {
                    state.failure = error
                    send(.complaint("an object is not sent", error), &state)
                    passOnSealed(&state)
                    return .failure(error)
                }
                if state.isBatchFull { passOn(&state) } else { passOnSealed(&state) }
            }
            if !state.isBatchEmpty, state.phase == .detached { scheduleFlush(&state) }
            return .success(!state.sealed.isEmpty)
        }
        return try result.get()
    }

    /// Puts a batch of rows behind the objects that were appended before.
    /// - Returns: as ``append(_:)``.
    func append(_ rows: PackedRows) throws -> Bool {
        let result: Result<Bool, CIMError> = change { state in
            if let refusal = state.refusal { return .failure(refusal) }
            do throws(ObjectFault) {
                let objects: [Objects] = state.packs ? [.packed(rows)] : try rows.unpackedParts().map { .plain($0) }
                state.seal()
                state.sealed += objects
            } catch {
                let failure = CIMError(error.resultStatus, "rows cannot be sent: \(error)", cause: error)
                state.failure = failure
                send(.complaint("rows are not sent", failure), &state)
                return .failure(failure)
            }
            passOn(&state)
            return .success(!state.sealed.isEmpty)
        }
        return try result.get()
    }

    /// An object that does not go beside the others has sealed those.
    private func passOnSealed(_ state: inout State) {
        if state.sealed.isEmpty { return }
        if state.phase == .calling { detach(&state) }
        pump(&state)
    }

    /// A batch is full: it goes on its way as soon as there is credit.
    private func passOn(_ state: inout State) {
        if state.phase == .calling { detach(&state) } else { state.seal() }
        pump(&state)
    }

    /// Waits until every full batch was sent. Meanwhile the method gives up its place. Throws when the operation ends meanwhile.
    func waitForCredit() async throws {
        await host.givingUpPlace(of: self) {
            await withUnsafeContinuation { continuation in
                change { $0.waiters.append(continuation) }
            }
        }
        if let refusal = state.withLock({ $0.refusal }) { throw refusal }
    }

    /// Sends a progress report. Does nothing when the operation is over.
    func report(current: UInt16, total: UInt16, text: String, _ object: CIMInstance?) {
        change { state in
            guard state.phase != .over else { return }
            let value = UInt32(total) << 16 | UInt32(current)
            guard let message = status(StatusType.progress, value, text, object) else {
                let error = CIMError(.quotaViolation, "it is no message, or takes more than \(Contract.largestStatus) bytes")
                return send(.complaint("a report is not sent", error), &state)
            }
            send(.plain(message), &state)
        }
    }

    /// From now on the broker lets only those objects pass that satisfy the query (Semantics B.3, WBEM_REQUIREMENTS_START_POSTFILTER). It is told
    /// so with the first thing that it is told.
    func requirePostFilter() {
        change { state in
            guard state.phase != .over else { return }
            state.preface = status(StatusType.requirements, 0, "", nil)
        }
    }

    func retain() throws -> UInt64 {
        let result: Result<UInt64, CIMError> = change { state in
            if let refusal = state.refusal { return .failure(refusal) }
            state.lastRetained &+= 1
            state.retained.insert(state.lastRetained)
            return .success(state.lastRetained)
        }
        return try result.get()
    }

    /// Gives one of the references back. Does nothing when it was given back before.
    func release(_ number: UInt64, _ error: CIMError?) {
        change { state in
            guard state.retained.remove(number) != nil else { return }
            if let error, state.failure == nil { state.failure = error }
            concludeIfDone(&state)
        }
    }

    /// The provider's method has returned.
    func finish(_ outcome: Outcome) {
        if case .object(let object) = outcome, answer(with: object) { return }
        change { state in
            guard state.phase != .over, state.outcome == nil else { return }
            var outcome = outcome
            if case .object(let object) = outcome {
                do throws(CIMError) {
                    try state.appendPlain(object)
                    outcome = .done
                } catch {
                    send(.complaint("an object is not sent", error), &state)
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

    /// Ends the call by its reply, with its one object in it, where nothing was sent before and nothing is to follow.
    /// - Returns: false where there is more to it; nothing has happened then.
    private func answer(with object: CIMInstance) -> Bool {
        guard state.withLock({ $0.isUntouched }), let reply = try? reply(with: object) else { return false }
        let isMine = state.withLock { state in
            guard state.isUntouched else { return false }
            state.outcome = .done
            state.phase = .over
            state.task = nil
            return true
        }
        guard isMine else { return false }
        connection.loop.onLoop { [self] in
            request.reply(with: reply)
            host.ended(self)
        }
        return true
    }

    // MARK: The broker's side

    /// Sends the reply, and keeps a reference: the provider works on. Does nothing when the reply was sent before.
    func detachIfCalling() {
        change { state in
            guard state.phase == .calling, state.outcome == nil else { return }
            detach(&state)
        }
    }

    /// Ends the call from the broker's side: it was cancelled, or the broker is gone.
    func end(_ error: CIMError, answering: Bool) {
        change { state in
            guard state.phase != .over else { return }
            if answering, state.phase == .calling { send(.refusal(DBusError(error)), &state) }
            end(&state, error)
        }
    }

    /// Ends the call from the provider's side, though its method runs on: `error` is the client's result.
    func abandon(_ error: CIMError) {
        change { state in
            guard state.phase != .over else { return }
            state.task?.cancel()
            state.retained = []
            state.sealed = []
            _ = state.takeBatch()
            state.failure = error
            state.outcome = .failed(error)
            concludeIfDone(&state)
        }
    }

    /// What an Indicate was answered with.
    func indicated(_ result: Result<Message, DBusError>) {
        change { state in
            state.inFlight -= 1
            state.window = min(Self.window, state.window + 1)
            var refusal: CIMError?
            if case .failure(let failure) = result {
                let error = CIMError(failure)
                let isOver = error.status == .callCancelled || error.status == .transportFailure || failure.name == .unknownObject
                if isOver {
                    if state.phase != .over { end(&state, error) }
                    return
                }
                // Also of a call that ended meanwhile: its provider has to know.
                send(.complaint("the broker refuses objects", error), &state)
                refusal = failure.ofRefusedObjects
            }
            guard state.phase != .over else { return }
            if state.failure == nil { state.failure = refusal }
            // Nothing is under way: what little there is need not wait for more.
            if state.inFlight == 0, state.sealed.isEmpty, !state.isBatchEmpty { state.seal() }
            pump(&state)
        }
    }

    private func end(_ state: inout State, _ error: CIMError) {
        state.failure = error
        state.task?.cancel()
        state.retained = []
        becomeOver(&state)
    }
}
