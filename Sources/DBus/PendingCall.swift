import CDBus
import Glibc

/// One call that a task waits for. Touched on the loop only.
final class PendingCall: @unchecked Sendable {
    /// Who waits: set before anything else is done with it.
    var continuation: UnsafeContinuation<Result<Message, DBusError>, Never>?
    private var sent: (carrier: any Carrier, serial: UInt32)?
    private var isCancelled = false
    /// When it was sent by a private connection.
    private var start: Int64 = 0
    private(set) var isAnswered = false

    private static let cancelled = DBusError(code: .cancelled, "the task that waited was cancelled")

    /// Sends it, unless it was cancelled before.
    /// - Returns: how the caller's thread waits for the reply, if it does.
    func send(_ outgoing: OutgoingCall, on link: Link, _ timeout: Duration?, for task: UInt?, mayWait: Bool) -> Attended? {
        guard !isCancelled else {
            end(.failure(Self.cancelled))
            return nil
        }
        guard let own = outgoing.destination.flatMap({ link.detour(to: $0) }) else {
            do throws(DBusError) {
                let serial = (link as any Carrier).call(try outgoing.asMessage(), timeout: timeout) { [self] in end($0) }
                sent = serial.map { (link, $0) }
            } catch {
                end(.failure(error))
            }
            return nil
        }
        let isAttended = own.beginCall(of: task, mayWait: mayWait)
        start = EventLoop.now
        let serial = own.call(outgoing, timeout: timeout) { [self] result in
            own.attendance.took = EventLoop.now &- start
            end(result)
        }
        sent = serial.map { (own, $0) }
        guard isAttended else { return nil }
        if serial != nil, own.outbox.isEmpty, let socket = own.socket {
            return Attended(call: self, connection: own, socket: socket, end: start &+ own.attendance.most)
        }
        own.attendance.isOn = false
        return nil
    }

    private func end(_ result: Result<Message, DBusError>) {
        isAnswered = true
        continuation?.resume(returning: result)
        continuation = nil
    }

    func cancel() {
        isCancelled = true
        if let (carrier, serial) = sent { carrier.drop(serial, Self.cancelled) }
    }
}

/// Whether somebody waits for a reply on a thread of its own. A reply that is quick then switches no thread: the caller sends, reads and goes on.
///
/// One caller at a time does, and only where that delays nobody: its task made the call before this one, too, so that tasks that call side by side
/// have their calls on their way together; and the last reply was as quick, so that a slow provider does not hold up a thread of the tasks' pool
/// with each call. The loop goes on meanwhile: all that it leaves to that thread is the one socket.
struct Attendance {
    var isOn = false
    fileprivate var task: UInt?
    /// How long the last reply took, in nanoseconds.
    fileprivate(set) var took = Int64.max

    /// For how long a thread waits at most, in nanoseconds.
    var most: Int64 = 300_000
    /// What the loop still waits for: that the other end has gone.
    static let events: Int32 = 0x2000
}

extension PrivateConnection {
    /// Before a call is sent: its reply must find the loop's thread asleep where the caller waits for it.
    /// - Returns: whether the caller's thread shall wait.
    fileprivate func beginCall(of task: UInt?, mayWait: Bool) -> Bool {
        defer { attendance.task = task }
        guard mayWait, task != nil, attendance.task == task, attendance.took < attendance.most, !attendance.isOn, closure == nil,
            outbox.isEmpty
        else { return false }
        attendance.isOn = true
        loop.settle(self)
        return true
    }
}

extension PrivateConnection {
    /// As ``Carrier/call(_:timeout:completion:)``.
    fileprivate func call(_ outgoing: OutgoingCall, timeout: Duration?, completion: @escaping Waiter.Completion) -> UInt32? {
        guard case .frame(let frame, let call, _, let flags) = outgoing, !flags.contains(.noReplyExpected) else {
            do throws(DBusError) {
                return (self as any Carrier).call(try outgoing.asMessage(), timeout: timeout, completion: completion)
            } catch {
                loop.execute { completion(.failure(error)) }
                return nil
            }
        }
        do throws(DBusError) {
            let serial = try send(frame)
            expect(serial, of: call.member.text, by: nil, timeout, completion)
            return serial
        } catch {
            loop.execute { completion(.failure(error)) }
            return nil
        }
    }
}

/// A call for whose reply the caller's thread waits.
struct Attended {
    let call: PendingCall
    let connection: PrivateConnection
    /// Open as long as somebody waits for it.
    let socket: FileDescriptorBox
    /// Until then.
    let end: Int64

    /// Reads on this thread until the call is answered, for a moment at most. Not on the loop.
    func wait() {
        let loop = connection.loop
        while cdbus_wait_readable(socket.rawValue, end &- EventLoop.now) > 0 {
            // The loop's own thread has begun something: it does this, too.
            guard loop.tryBorrow() else { break }
            loop.read(connection)
            let isOver = call.isAnswered || connection.closure != nil
            if isOver { connection.attendance.isOn = false }
            loop.giveBack()
            if isOver { return }
        }
        loop.onLoop { [connection] in connection.attendance.isOn = false }
    }
}
