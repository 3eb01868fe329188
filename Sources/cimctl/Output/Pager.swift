import Glibc
import SystemPackage

/// A program that shows text a screen at a time, as systemd's tools start one: `$CIMBUS_PAGER`, else `$PAGER`, else less.
struct Pager {
    let input: FileDescriptor
    private let process: pid_t

    /// The command; nil where there is to be none.
    static var command: String? {
        for name in ["CIMBUS_PAGER", "PAGER"] {
            guard let value = getenv(name) else { continue }
            let command = String(cString: value)
            return command.isEmpty || command == "cat" ? nil : command
        }
        return "less"
    }

    /// Nil where none is wanted, or none can be started: then the text goes to the terminal.
    static func start() -> Pager? {
        guard Output.terminalWidth != nil, let command else { return nil }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        // Without -F less would wait for a key behind three lines; with -K Ctrl-C ends it.
        var environment = ProcessEnvironment.current
        if environment["LESS"] == nil { environment["LESS"] = "FRSXMK" }
        if environment["LESSCHARSET"] == nil { environment["LESSCHARSET"] = "utf-8" }
        // What the shell cannot start hands the text on.
        let process = ProcessEnvironment.spawn(
            "/bin/sh", ["sh", "-c", "\(command) || [ $? -lt 126 ] || cat"], environment, &actions)
        close(ends[0])
        guard let process else {
            close(ends[1])
            return nil
        }
        return Pager(input: FileDescriptor(rawValue: ends[1]), process: process)
    }

    /// Waits until the user has seen enough.
    func end() {
        try? input.close()
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
}

/// The variables that a child of this process gets.
enum ProcessEnvironment {
    static var current: [String: String] {
        var values: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return values
    }

    /// Starts a program, found on the path; nil where it cannot be started. `errno` says why.
    static func spawn(
        _ program: String, _ arguments: [String], _ environment: [String: String], _ actions: inout posix_spawn_file_actions_t
    ) -> pid_t? {
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals that this program takes or ignores are the child's own.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var process: pid_t = 0
        let result = posix_spawnp(&process, program, &actions, &attributes, &words, &variables)
        errno = result
        return result == 0 ? process : nil
    }
}
