import CDBus
import Glibc

/// A thread of the system. It blocks every signal: signals are the program's business, and interrupt nothing that runs here.
enum SystemThread {
    private final class Start {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Runs `body` on a new thread, which ends with it. False: the system has no thread, and `body` does not run.
    /// - Parameter name: for debuggers; 15 bytes count.
    static func start(named name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        let start = Unmanaged.passRetained(Start(name, body))
        var everySignal = sigset_t()
        var before = sigset_t()
        sigfillset(&everySignal)
        pthread_sigmask(SIG_BLOCK, &everySignal, &before)
        var id = pthread_t()
        let status = pthread_create(
            &id, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                cdbus_name_thread(start.name)
                start.run()
                return nil
            }, start.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard status == 0 else {
            start.release()
            return false
        }
        pthread_detach(id)
        return true
    }
}
