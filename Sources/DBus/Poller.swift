import CDBus
import Glibc

/// What an ``EventLoop`` waits for: descriptors, one timer, and being woken.
///
/// Any thread may wait, several at once; of these one is told of each thing. What is changed counts at once, for those that wait already, too.
struct Poller: ~Copyable {
    /// What one wait brought.
    typealias Happened = (id: UInt64, events: Int16)

    let epoll: Int32
    private let wakeUp: Int32
    private let timer: Int32

    /// The ids of the descriptors begin here.
    static let firstID: UInt64 = 2
    private static let wakeUpID: UInt64 = 0
    private static let timerID: UInt64 = 1

    init() {
        epoll = cdbus_new_epoll()
        wakeUp = cdbus_new_eventfd()
        timer = cdbus_new_timer()
        precondition(epoll >= 0 && wakeUp >= 0 && timer >= 0, "no file descriptor for an event loop")
        // Each writing and each expiry is told once, to one thread: nobody has to read them.
        let events = EPOLLIN.rawValue | EPOLLET.rawValue
        let isComplete =
            cdbus_set_events(epoll, EPOLL_CTL_ADD, wakeUp, events, Self.wakeUpID) == 0
            && cdbus_set_events(epoll, EPOLL_CTL_ADD, timer, events, Self.timerID) == 0
        precondition(isComplete, "no memory for an event loop")
    }

    deinit {
        close(epoll)
        close(wakeUp)
        close(timer)
    }

    /// One thread that waits now, or the next that does, goes on.
    func wake() {
        var one: UInt64 = 1
        _ = write(wakeUp, &one, 8)
    }

    /// One thread goes on at `deadline`, nanoseconds of ``EventLoop/now``; what was set before is forgotten.
    func setTimer(_ deadline: Int64) { _ = cdbus_set_timer(timer, max(1, deadline)) }

    enum Change {
        case add, modify, remove

        fileprivate var operation: Int32 {
            switch self {
            case .add: EPOLL_CTL_ADD
            case .modify: EPOLL_CTL_MOD
            case .remove: EPOLL_CTL_DEL
            }
        }
    }

    /// - Parameter isOnce: whether nothing more is told of it once something was, until the next change.
    /// - Returns: 0, or an error number.
    func set(_ change: Change, _ descriptor: Int32, _ events: Int16, isOnce: Bool, id: UInt64) -> Int32 {
        let flags = UInt32(UInt16(bitPattern: events)) | (isOnce ? EPOLLONESHOT.rawValue : 0)
        return cdbus_set_events(epoll, change.operation, descriptor, flags, id) == 0 ? 0 : errno
    }

    /// Waits until something has happened.
    /// - Parameter isPatient: false: only looks.
    func wait(isPatient: Bool, _ happened: inout [Happened]) {
        happened.removeAll(keepingCapacity: true)
        let most = Int(CDBUS_MOST_EVENTS)
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: most) { ids in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: most) { events in
                let count = cdbus_wait(epoll, isPatient ? -1 : 0, ids.baseAddress, events.baseAddress)
                for index in 0..<max(0, Int(count)) where ids[index] >= Self.firstID {
                    happened.append((ids[index], Int16(truncatingIfNeeded: events[index])))
                }
            }
        }
    }
}

/// A source among those that a loop waits for.
final class Registration {
    let id: UInt64
    let source: any PollSource
    /// The descriptor that is being waited for, and for what; -1 and 0: none is.
    var descriptor: Int32 = -1
    var events: Int16 = 0
    /// A number of its own for a descriptor that is waited for under another id, too; -1: none.
    var duplicate: Int32 = -1
    /// Whether it is told of the next thing. What is told once has to be asked for again.
    var isArmed = false
    var isRemoved = false
    /// What is told of it in every round, since the system cannot wait for it: a file is always ready, and a bad descriptor always bad.
    var standing: Int16 = 0

    init(id: UInt64, _ source: any PollSource) {
        self.id = id
        self.source = source
    }
}
