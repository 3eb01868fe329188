import CDBus
import Glibc

/// One call that a task waits for. Touched on the loop only.
final class PendingCall: @unchecked Sendable {
    private var sent: (carrier: any Carrier, serial: UInt32)?
    private var isCancelled = false
    private(set) var isAnswered = false

    private static let cancelled = DBusError(code: .cancelled, "the task that waited was cancelled")

    /// Sends it, unless it was cancelled before.
    /// - Returns: how the caller's thread waits for the reply, if it does.
    func send(
        _ message: Message, by carrier: any Carrier, _ timeout: Duration?, for task: Int?, mayWait: Bool,
        _ completion: @escaping Waiter.Completion
    ) -> Attended? {
        guard !isCancelled else {
            completion(.failure(Self.cancelled))
            return nil
        }
        guard let own = carrier as? PrivateConnection else {
            sent = carrier.call(message, timeout: timeout, completion: completion).map { (carrier, $0) }
            return nil
        }
        let isAttended = own.beginCall(of: task, mayWait: mayWait)
        let start = EventLoop.now
        let serial: UInt32? = (own as any Carrier).call(message, timeout: timeout) { [self] result in
            isAnswered = true
            own.attendance.took = EventLoop.now &- start
            completion(result)
        }
        sent = serial.map { (own, $0) }
        guard isAttended else { return nil }
        if serial != nil, own.outbox.isEmpty, let socket = own.socket {
            return Attended(call: self, connection: own, socket: socket, end: start &+ own.attendance.most)
        }
        own.attendance.isOn = false
        return nil
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
    fileprivate var task: Int?
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
    fileprivate func beginCall(of task: Int?, mayWait: Bool) -> Bool {
        defer { attendance.task = task }
        guard mayWait, task != nil, attendance.task == task, attendance.took < attendance.most, !attendance.isOn, closure == nil,
            outbox.isEmpty
        else { return false }
        attendance.isOn = true
        loop.settle(self)
        return true
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
