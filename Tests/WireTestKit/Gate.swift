import Glibc

/// Holds up whoever passes, thread and all, until it is opened.
public final class Gate: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    public init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    public func pass() {
        while sem_wait(semaphore) != 0 {}
        sem_post(semaphore)
    }

    public func open() { sem_post(semaphore) }
}
