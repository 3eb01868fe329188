import DBus
import Glibc

/// Children: one that goes on with a sink, one that only keeps sockets open.
struct SecondProcess: Sendable {
    let processID: pid_t
    let uniqueName: String
    private let goFD: Int32

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Starts this program once more, and waits until it is on the bus.
    static func start(
        _ process: ScriptedProcess, method: String, className: String, key: String, sink: ObjectPath, script: String
    ) async throws -> SecondProcess {
        var ready: [Int32] = [-1, -1]
        var go: [Int32] = [-1, -1]
        guard pipe(&ready) == 0, pipe(&go) == 0 else { throw Failure(description: "no pipe") }
        for fd in ready + go { _ = fcntl(fd, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, go[0], 0)
        posix_spawn_file_actions_adddup2(&actions, ready[1], 3)
        let arguments =
            ["FaultyProvider"] + process.settings.busArguments
            + [
                "--continue", sink.text, "--method", method, "--class", className, "--key", key, "--script", script,
                "--first", process.connection.uniqueName.text,
            ]
        let pid = try spawn("/proc/self/exe", arguments, actions)
        close(go[0])
        close(ready[1])
        let readyFD = ready[0]
        let name: String = await withCheckedContinuation { continuation in
            Thread.run { continuation.resume(returning: readWord(readyFD)) }
        }
        close(ready[0])
        guard name.hasPrefix(":") else { throw Failure(description: "the second process did not get onto the bus") }
        return SecondProcess(processID: pid, uniqueName: name, goFD: go[1])
    }

    /// Tells it that it has its reference.
    func begin() {
        _ = write(goFD, "go\n", 3)
        close(goFD)
    }

    /// A child that keeps every socket of this process open for a minute.
    static func holdSockets() throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var target: Int32 = 100
        for fd in 3..<100 as Range<Int32> {
            var status = stat()
            guard fstat(fd, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { continue }
            posix_spawn_file_actions_adddup2(&actions, fd, target)
            target += 1
        }
        return try spawn("/bin/sleep", ["sleep", "60"], actions)
    }

    private static func spawn(_ program: String, _ arguments: [String], _ actions: posix_spawn_file_actions_t) throws -> pid_t {
        var actions = actions
        var pid: pid_t = 0
        var vector: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in vector { free(pointer) } }
        let status = posix_spawn(&pid, program, &actions, nil, &vector, environ)
        guard status == 0 else { throw Failure(description: "cannot start \(program): \(status)") }
        return pid
    }

    private static func readWord(_ fd: Int32) -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while read(fd, &byte, 1) == 1, byte != UInt8(ascii: "\n") { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A thread for one call that blocks.
enum Thread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func run(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(Body(body)).toOpaque())
        pthread_detach(thread)
    }
}
