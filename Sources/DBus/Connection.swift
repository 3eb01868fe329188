import CDBus
import Synchronization

/// A connection to a message bus.
///
/// Everything happens on ``loop``, whose thread is the actor's executor: replies, signals and calls are handed out in the order of their
/// arrival, closures run there and must not block. Another actor on the same loop may call in synchronously:
/// `connection.assumeIsolated { try $0.send(message) }`. When the connection is lost every wait fails with `.disconnected`, and it has ended, unless
/// it was told to outlive that (``outliveBus(_:)``). Dropping the last reference closes it.
public actor Connection {
    /// The loop that carries the connection.
    public nonisolated let loop: EventLoop
    /// The name the bus gave it. A connection that came back to the bus has another one.
    public nonisolated var uniqueName: UniqueName { place.withLock { $0 } }
    nonisolated let place: Mutex<UniqueName>
    nonisolated let link: Link

    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Connects, authenticates and says `Hello`, without ever blocking `loop`.
    ///
    /// Throws `.address` when nobody listens, `.authentication` when the server lets this process not in, `.timedOut` after
    /// ``ConnectionOptions/connectTimeout``.
    /// - Parameter loop: nil: ``EventLoop/common``.
    public static func connect(
        to address: BusAddress, on loop: EventLoop? = nil, options: ConnectionOptions = ConnectionOptions()
    ) async throws(DBusError) -> Connection {
        let loop = loop ?? .common
        let end = ContinuousClock.now + options.connectTimeout
        let link = try await Link.open(address: try address.resolve(), loop: loop, options: options)
        do throws(DBusError) {
            let hello = try Message.busCall("Hello")
            return Connection(link, try name(in: try await link.call(.message(hello), timeout: ContinuousClock.now.duration(to: end))))
        } catch {
            loop.execute { link.close(DBusError(code: .disconnected, "connecting failed")) }
            throw error
        }
    }

    /// What the bus answered Hello with.
    static func name(in reply: Message) throws(DBusError) -> UniqueName {
        guard reply.hasSignature("s") else { throw DBusError(code: .malformed, "the bus answered Hello with (\(reply.signature))") }
        return UniqueName(verified: try reply.firstString())
    }

    private init(_ link: Link, _ uniqueName: UniqueName) {
        self.link = link
        self.loop = link.loop
        place = Mutex(uniqueName)
    }

    deinit {
        let link = link
        loop.execute { link.close(DBusError(code: .disconnected, "the connection was closed here")) }
    }

    // MARK: Messages

    /// Queues a message and writes what the socket takes; never blocks, waits for no reply.
    /// Throws `.disconnected`, `.queueFull` (nothing was sent), `.notSupported`.
    public func send(_ message: Message) throws(DBusError) { try link.carrier(of: message).send(message, isBounded: true) }

    /// Sends a call and tells `completion` of its reply: once, on the loop, never before this returns. An error reply is a failure.
    /// - Parameter timeout: nil: for as long as the connection lives.
    public func call(
        _ message: Message, timeout: Duration? = .seconds(25), completion: @escaping @Sendable (Result<Message, DBusError>) -> Void
    ) {
        link.carrier(of: message).call(message, timeout: timeout, completion: completion)
    }

    /// The same as ``send(_:)``, from what runs on ``loop``: nothing asks the runtime whether it does.
    public nonisolated func sendOnLoop(_ message: Message) throws(DBusError) {
        loop.checkIsolated()
        try link.carrier(of: message).send(message, isBounded: true)
    }

    /// The same as ``call(_:timeout:completion:)``, from what runs on ``loop``.
    public nonisolated func callOnLoop(
        _ message: Message, timeout: Duration? = .seconds(25), completion: @escaping @Sendable (Result<Message, DBusError>) -> Void
    ) {
        loop.checkIsolated()
        link.carrier(of: message).call(message, timeout: timeout, completion: completion)
    }

    /// Sends a call and waits for its reply. An error reply is thrown. Cancelling the task ends the wait with `.cancelled`; the call
    /// itself cannot be taken back.
    ///
    /// No thread is switched from an actor on ``loop`` in a task that prefers it, and for a quick reply by a private connection: there a task that
    /// makes one call after the other keeps its thread waiting for up to 300 µs, while the replies before were as quick.
    /// - Parameter timeout: nil: for as long as the connection lives.
    public nonisolated(nonsending) func call(_ message: Message, timeout: Duration? = .seconds(25)) async throws(DBusError) -> Message {
        try await link.call(.message(message), timeout: timeout)
    }

    /// The bytes that wait to be sent.
    public var queuedBytes: Int { link.queuedBytes }

    /// The bytes that were sent to the bus since the connection is on it, those that wait among them.
    public var sentBytes: UInt64 { link.sentBytes }

    /// Which reading the message that is being handed out belongs to: those of one reading had all arrived before the first of them was
    /// handed out, so that none of them can be an answer to what was sent meanwhile.
    public var reading: UInt64 { link.reading }

    /// Sees every method call before the exported objects do, on the loop; true takes the call over. Nil removes it.
    public func setInbound(_ inbound: (@Sendable (Message) -> Bool)?) { link.inbound = link.closure == nil ? inbound : nil }

    /// The call as something to answer, for an inbound hook that takes calls over.
    public nonisolated func methodCall(_ message: Message) -> MethodCall { MethodCall(message, on: link) }

    // MARK: End

    /// Whether the connection has ended.
    public var isOver: Bool { link.closure != nil }

    /// Ends the connection. What waits for a reply fails with `.disconnected`; what is queued and not yet written is lost.
    public func close() { link.close(DBusError(code: .disconnected, "the connection was closed here")) }

    /// Runs on the loop once the connection has ended, for whatever reason; soon when it has.
    public nonisolated func onDisconnected(_ observer: @escaping @Sendable (DBusError) -> Void) {
        let link = link
        loop.execute { link.onClosed(observer) }
    }

    /// Suspends until the connection has ended, and says why.
    public nonisolated var closed: DBusError {
        get async { await withCheckedContinuation { continuation in onDisconnected { continuation.resume(returning: $0) } } }
    }

    // MARK: Objects

    /// Puts an object at a path, and tells the object manager above it. False when there is one already.
    @discardableResult
    public func export(_ object: ExportedObject, at path: ObjectPath) -> Bool {
        guard link.closure == nil, link.tree.add(object, at: path) else { return false }
        if object.isManaged { emitInterfacesAdded(at: path) }
        return true
    }

    /// Takes the object away, and tells the object manager above it. Nothing happens when there is none.
    public func unexport(at path: ObjectPath) {
        guard let object = link.tree.remove(at: path), object.isManaged else { return }
        emitInterfacesRemoved(object.interfaces.map(\.description.name), at: path)
    }

    /// Lets `subtree` answer for every path at or below `path` at which no object is exported. False when there is a subtree already.
    @discardableResult
    public func exportSubtree(_ subtree: ObjectSubtree, at path: ObjectPath) -> Bool {
        link.closure == nil && link.tree.add(subtree, at: path)
    }

    public func unexportSubtree(at path: ObjectPath) { link.tree.removeSubtree(at: path) }

    /// Sends `PropertiesChanged` for those of the properties whose description says so; nothing when there is no such object.
    /// - Parameter receiver: who alone is told; nil: whoever listens.
    public func emitPropertiesChanged(
        _ names: [String], of interface: InterfaceName, at path: ObjectPath, to receiver: BusName? = nil
    ) {
        guard let exported = link.tree.object(at: path, for: receiver?.text)?.interface(interface.text) else { return }
        StandardAnswers.emitChanged(names, of: exported, at: path, to: receiver, on: link)
    }

    /// Sends `InterfacesAdded` from the object manager above `path`, for an object of a subtree; exported ones are announced by themselves.
    public func emitInterfacesAdded(at path: ObjectPath) {
        guard let manager = link.tree.manager(above: path), let object = link.tree.object(at: path, for: nil) else { return }
        let interfaces = StandardAnswers.interfaces(of: object, PropertyAccess(path: path, sender: nil))
        link.emit(manager, .objectManager, "InterfacesAdded", [.objectPath(path), interfaces])
    }

    /// Sends `InterfacesRemoved` from the object manager above `path`.
    public func emitInterfacesRemoved(_ interfaces: [InterfaceName], at path: ObjectPath) {
        guard let manager = link.tree.manager(above: path) else { return }
        link.emit(manager, .objectManager, "InterfacesRemoved", [.objectPath(path), .strings(interfaces.map(\.text))])
    }
}

extension Link {
    nonisolated(nonsending) func call(_ outgoing: OutgoingCall, timeout: Duration?) async throws(DBusError) -> Message {
        let call = PendingCall()
        let result: Result<Message, DBusError> = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                call.continuation = continuation
                begin(call, outgoing, timeout)
            }
        } onCancel: {
            loop.execute { call.cancel() }
        }
        return try result.get()
    }

    /// Sends a call, from this thread if it may; a reply that is quick is there when this returns.
    private func begin(_ call: PendingCall, _ outgoing: OutgoingCall, _ timeout: Duration?) {
        // One pointer: what hashing it would tell, too.
        let task = withUnsafeCurrentTask { $0.map { unsafeBitCast($0, to: UInt.self) } }
        let isOnLoop = loop.isOnLoop
        guard isOnLoop || loop.tryBorrow() else {
            return loop.execute { [self] in _ = call.send(outgoing, on: self, timeout, for: task, mayWait: false) }
        }
        let attended = call.send(outgoing, on: self, timeout, for: task, mayWait: !isOnLoop)
        if isOnLoop { return }
        loop.giveBack()
        attended?.wait()
    }
}

extension Message {
    /// The first value, which must be a string.
    func firstString() throws(DBusError) -> String {
        guard firstType == TypeCode.string else { throw DBusError(code: .malformed, "a string was expected, not (\(signature))") }
        var reader = reader
        do { return try reader.readString() } catch { throw DBusError(code: .malformed, error.description) }
    }
}

extension Connection {
    /// Hands a method call that an inbound hook took over to the exported objects after all.
    public func dispatch(_ message: Message) { dispatchOnLoop(message) }

    /// The same, from what runs on ``loop``.
    public nonisolated func dispatchOnLoop(_ message: Message) {
        loop.checkIsolated()
        if link.closure == nil { link.tree.answer(methodCall(message), on: link) }
    }

    /// Hands the exported objects a call that another connection received; its answer goes back by that one.
    public func dispatch(_ call: MethodCall) {
        if link.closure == nil { link.tree.answer(call, on: link) }
    }
}
