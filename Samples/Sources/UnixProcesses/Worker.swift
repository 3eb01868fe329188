import CProcess
import Glibc

/// A thread that works as long as somebody has this.
final class Worker: Sendable {
    /// Rings when it is to end.
    private let bell: Int32

    private final class Start {
        let bell: Int32
        let work: @Sendable (Int32) -> Void

        init(_ bell: Int32, _ work: @escaping @Sendable (Int32) -> Void) { (self.bell, self.work) = (bell, work) }
    }

    /// - Parameter work: is given the bell, for `cprocess_wait`, and returns when it rings. Nil where there is no thread to be had.
    init?(_ work: @escaping @Sendable (_ bell: Int32) -> Void) {
        bell = cprocess_bell_new()
        // The thread has its own, which is there until the thread has ended.
        let own = dup(bell)
        guard own >= 0 else {
            close(bell)
            return nil
        }
        let start = Unmanaged.passRetained(Start(own, work))
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                start.work(start.bell)
                close(start.bell)
                return nil
            }, start.toOpaque())
        guard status == 0 else {
            start.release()
            close(own)
            close(bell)
            return nil
        }
        pthread_detach(thread)
    }

    deinit {
        cprocess_ring(bell)
        close(bell)
    }
}
