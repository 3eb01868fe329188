import Glibc
import Synchronization
import WireTestKit

/// A place for one process, which is started again whenever it ends.
final class Slot: Sendable {
    private struct State {
        var process: ChildProcess?
        /// Whether it has said that it is at work.
        var isReady = false
        var isOver = false
    }

    let name: String
    private let start: @Sendable () throws -> ChildProcess
    /// Hears every line.
    private let heard: @Sendable (String) -> Void
    private let state = Mutex(State())
    private let end = Event<Void>("the end of a slot")

    init(_ name: String, start: @escaping @Sendable () throws -> ChildProcess, heard: @escaping @Sendable (String) -> Void) {
        self.name = name
        self.start = start
        self.heard = heard
    }

    func open() { Task { await run() } }

    private func run() async {
        while !state.withLock({ $0.isOver }) {
            guard let process = try? start() else {
                try? await Task.sleep(for: .milliseconds(50))
                continue
            }
            let isOver = state.withLock { state in
                state.process = process
                state.isReady = false
                return state.isOver
            }
            if isOver { process.signal(SIGKILL) }
            let reading = Task {
                for await line in process.lines {
                    state.withLock { $0.isReady = true }
                    heard(line)
                }
            }
            _ = try? await process.waitForEnd(within: .seconds(600))
            // All that it wrote; where a process that it made holds its output open, what came within a second.
            try? await withDeadline(.seconds(1), "the rest of the output") { await reading.value }
            state.withLock { $0.process = nil }
        }
        end.send(())
    }

    /// Kills the process. Whether there was one.
    func kill() -> Bool { signal(SIGKILL) }

    /// Sends the process a signal. Whether there was one.
    func signal(_ number: Int32) -> Bool {
        guard let process = state.withLock({ $0.process }) else { return false }
        process.signal(number)
        return true
    }

    var isReady: Bool { state.withLock { $0.process != nil && $0.isReady } }

    /// From now on the process is not started again. It is sent this signal, and goes on if it was stopped.
    func close(_ number: Int32) {
        state.withLock { $0.isOver = true }
        _ = signal(number)
        _ = signal(SIGCONT)
    }

    func waitForEnd(within duration: Duration) async throws { try await end.value(within: duration) }
}
