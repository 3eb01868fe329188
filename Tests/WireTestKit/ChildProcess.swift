import DBus
import Glibc
import Synchronization

/// How a process ended.
public enum ProcessEnd: Hashable, Sendable {
    case exited(Int32)
    case signalled(Int32)
}

/// A process could not be started, or did not do what was expected of it.
public struct ProcessError: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}

/// A real process of a test. It is killed with the last reference to it, and with the tests. A program that cannot be executed ends with 127.
public final class ChildProcess: Sendable {
    public let processID: pid_t
    /// What it writes to its standard output, line by line, until it closes it. For one reader.
    public let lines: AsyncStream<String>
    private let end: Event<ProcessEnd>

    /// Starts a program.
    /// - Parameters:
    ///   - path: of the executable; without a slash it is looked for in PATH.
    ///   - environment: added to this process's own.
    ///   - descriptor: becomes its descriptor 3; it has none else beside the standard ones.
    public init(
        _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], descriptor: FileDescriptorBox? = nil
    ) throws {
        var pipeEnds: [Int32] = [-1, -1]
        guard pipe(&pipeEnds) == 0 else { throw ProcessError(description: "pipe: errno \(errno)") }
        let end = Event<ProcessEnd>("the end of \(path)")
        self.end = end
        processID = try Self.start(path, arguments, Self.environment(adding: environment), output: pipeEnds, descriptor, end)
        let (lines, continuation) = AsyncStream<String>.makeStream()
        self.lines = lines
        let output = pipeEnds[0]
        Self.onThread { Self.readLines(output, continuation) }
    }

    deinit { signal(SIGKILL) }

    /// Sends a signal; nothing happens when the process has ended.
    public func signal(_ number: Int32) {
        if end.current == nil { kill(processID, number) }
    }

    /// Stops the process, and returns when it has stopped: the signal alone may come after an answer. SIGCONT lets it go on.
    public func stop() {
        signal(SIGSTOP)
        var information = siginfo_t()
        while waitid(P_PID, id_t(processID), &information, WSTOPPED | WNOWAIT) != 0, errno == EINTR {}
    }

    /// How it ended; nil while it runs.
    public var currentEnd: ProcessEnd? { end.current }

    /// Waits for the end; throws ``DeadlinePassed`` when it does not come.
    public func waitForEnd(within duration: Duration = .seconds(10)) async throws -> ProcessEnd { try await end.value(within: duration) }

    /// Kills the process and waits until it is gone.
    public func killAndWait() async throws {
        signal(SIGKILL)
        _ = try await waitForEnd()
    }

    /// Runs a program to its end and gives all it wrote to standard output.
    public static func output(
        _ path: String, _ arguments: [String] = [], environment: [String: String] = [:]
    ) async throws -> (text: String, end: ProcessEnd) {
        let process = try ChildProcess(path, arguments, environment: environment)
        return try await withDeadline(.seconds(20), "\(path) \(arguments.joined(separator: " "))") {
            var text = ""
            for await line in process.lines { text += line + "\n" }
            return (text, try await process.waitForEnd())
        }
    }

    /// Starts the program from the thread that waits for its end: the kernel kills the child when that thread is gone, and those of Swift's
    /// pool come and go.
    private static func start(
        _ path: String, _ arguments: [String], _ environment: [String], output: [Int32], _ descriptor: FileDescriptorBox?,
        _ end: Event<ProcessEnd>
    ) throws -> pid_t {
        nonisolated(unsafe) let started = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        sem_init(started, 0, 0)
        defer {
            sem_destroy(started)
            started.deallocate()
        }
        let result = Outcome()
        onThread {
            let spawned = spawn(path, arguments, environment, output: output, descriptor)
            result.value.withLock { $0 = spawned }
            sem_post(started)
            guard case .success(let id) = spawned else { return }
            var status: Int32 = 0
            while waitpid(id, &status, 0) < 0, errno == EINTR {}
            end.send(status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .signalled(status & 0x7f))
        }
        while sem_wait(started) != 0, errno == EINTR {}
        guard let spawned = result.value.withLock({ $0 }) else { throw ProcessError(description: "cannot start \(path)") }
        return try spawned.get()
    }

    /// What came of a start, on its way between two threads.
    private final class Outcome: Sendable {
        let value = Mutex<Result<pid_t, ProcessError>?>(nil)
    }

    private static func spawn(
        _ path: String, _ arguments: [String], _ environment: [String], output: [Int32], _ descriptor: FileDescriptorBox?
    ) -> Result<pid_t, ProcessError> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        // A child must not hold what other tests have open at this moment, whose other ends wait for its end, nor the locks and sockets of
        // whoever runs the tests.
        if let descriptor { posix_spawn_file_actions_adddup2(&actions, descriptor.rawValue, 3) }
        for descriptor in Int32(descriptor == nil ? 3 : 4)..<1024 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            close(output[1])
        }
        // setpriv (util-linux) executes the program in its own place, to be killed when the tests crash: no deinit runs then.
        let argumentPointers = Self.pointers(["setpriv", "--pdeathsig", "KILL", path] + arguments)
        let environmentPointers = Self.pointers(environment)
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        var id: pid_t = 0
        let status = posix_spawnp(&id, "setpriv", &actions, &attributes, argumentPointers, environmentPointers)
        guard status == 0 else {
            close(output[0])
            return .failure(ProcessError(description: "cannot start setpriv \(path): errno \(status)"))
        }
        return .success(id)
    }

    private static func pointers(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] { texts.map { strdup($0) } + [nil] }

    private static func environment(adding variables: [String: String]) -> [String] {
        var entries: [String] = []
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            if !variables.keys.contains(where: { text.hasPrefix($0 + "=") }) { entries.append(text) }
            pointer += 1
        }
        return entries + variables.map { "\($0.key)=\($0.value)" }
    }

    private static func readLines(_ descriptor: Int32, _ continuation: AsyncStream<String>.Continuation) {
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            for byte in buffer[..<count] {
                if byte == UInt8(ascii: "\n") {
                    continuation.yield(String(decoding: line, as: UTF8.self))
                    line = []
                } else {
                    line.append(byte)
                }
            }
        }
        if !line.isEmpty { continuation.yield(String(decoding: line, as: UTF8.self)) }
        continuation.finish()
        close(descriptor)
    }

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private static func onThread(_ body: @escaping @Sendable () -> Void) {
        var id = pthread_t()
        pthread_create(
            &id, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, Unmanaged.passRetained(Body(body)).toOpaque())
        pthread_detach(id)
    }
}
