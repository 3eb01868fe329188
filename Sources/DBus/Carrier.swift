/// What carries messages to somebody and back: the connection to the bus, or a private one. Touched on its loop only.
protocol Carrier: AnyObject, Sendable {
    var loop: EventLoop { get }
    var options: ConnectionOptions { get }
    /// Who waits for a reply, by the serial of the call.
    var waiters: [UInt32: Waiter] { get set }
    /// Counts the times that it was lost and went on: an answer goes back in the stay in which its call came.
    var stay: UInt64 { get }

    /// Queues the message. Never blocks.
    /// - Parameter isBounded: false for what must get out even past the queue's limit.
    /// - Returns: its serial.
    @discardableResult
    func send(_ message: Message, isBounded: Bool) throws(DBusError) -> UInt32

    /// Queues a call whose reply is waited for; it may have to wait for its turn.
    /// - Returns: its serial.
    func sendCall(_ message: Message) throws(DBusError) -> UInt32
}

/// Who waits for the reply to one call.
struct Waiter {
    typealias Completion = @Sendable (Result<Message, DBusError>) -> Void

    let completion: Completion
    let timer: EventLoop.TimerToken?
    /// Who alone may answer; nil when the call went to a well-known name.
    let expectedSender: String?

    func end(_ error: DBusError, on loop: EventLoop) {
        if let timer { loop.cancel(timer) }
        completion(.failure(error))
    }
}

extension Carrier {
    var stay: UInt64 { 0 }

    func sendCall(_ message: Message) throws(DBusError) -> UInt32 { try send(message, isBounded: true) }

    /// Sends a call. `completion` runs once, on the loop, never before this returns.
    /// - Returns: the serial, nil when nothing was sent.
    @discardableResult
    func call(_ message: Message, timeout: Duration?, completion: @escaping Waiter.Completion) -> UInt32? {
        let serial: UInt32
        do throws(DBusError) {
            serial = try sendCall(message)
        } catch {
            loop.execute { completion(.failure(error)) }
            return nil
        }
        if message.isNoReplyExpected {
            loop.execute { completion(.failure(DBusError(code: .notSupported, "a call that expects no reply was waited for"))) }
            return serial
        }
        let destination = message.destination
        let isCertain = destination?.utf8.first == UInt8(ascii: ":") || destination == BusName.bus.text
        expect(serial, of: message.member, by: isCertain ? destination : nil, timeout, completion)
        return serial
    }

    /// Notes who waits for the reply to a call that was sent.
    /// - Parameters:
    ///   - member: that was called.
    ///   - sender: who alone may answer; nil: whoever does.
    func expect(
        _ serial: UInt32, of member: String?, by sender: String?, _ timeout: Duration?, _ completion: @escaping Waiter.Completion
    ) {
        let timer = timeout.map { timeout in
            loop.schedule(after: timeout) { [weak self] in
                self?.drop(serial, DBusError(code: .timedOut, "no reply to \(member ?? "?") within \(timeout)"))
            }
        }
        let waiter = Waiter(completion: completion, timer: timer, expectedSender: sender)
        // Serials begin again after 2^32 calls; whoever still waits under this one is told, not forgotten.
        let forgotten = waiters.updateValue(waiter, forKey: serial)
        forgotten?.end(DBusError(code: .timedOut, "no reply came before the connection's serials began again"), on: loop)
    }

    /// Ends the wait for one reply; nothing happens when it has come.
    func drop(_ serial: UInt32, _ error: DBusError) {
        waiters.removeValue(forKey: serial)?.end(error, on: loop)
    }

    /// Gives a reply to whoever waits for it.
    func answer(_ message: Message, expecting isExpected: (Waiter) -> Bool = { _ in true }) {
        let serial = message.replySerial
        guard let index = waiters.index(forKey: serial), isExpected(waiters.values[index]) else { return }
        let waiter = waiters.remove(at: index).value
        if let timer = waiter.timer { loop.cancel(timer) }
        waiter.completion(message.kind == .error ? .failure(DBusError(reply: message)) : .success(message))
    }

    /// Nothing comes any more: whoever waits is told why, in the order of the calls.
    func endWaiting(_ error: DBusError) {
        let orphans = waiters.sorted { $0.key < $1.key }
        waiters = [:]
        for (_, waiter) in orphans { waiter.end(error, on: loop) }
    }
}
