import Glibc
import Synchronization

/// One event per line on standard output, written at once, so that a test can wait for it.
func emit(_ line: String) {
    var text = line + "\n"
    text.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
            let count = write(1, rest.baseAddress, rest.count)
            if count <= 0 { return }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }
}

/// The lines of standard input, for `waitfor`.
final class Input: Sendable {
    private struct State {
        var seen: Set<String> = []
        var waiting: [(String, CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    /// Reads on a thread of its own until the end of the input.
    func start() {
        let box = Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let input = Unmanaged<Input>.fromOpaque(argument).takeRetainedValue()
                while let line = readLine() { input.arrived(line) }
                return nil
            }, box)
        pthread_detach(thread)
    }

    func arrived(_ line: String) {
        let due = state.withLock { state in
            state.seen.insert(line)
            let due = state.waiting.filter { $0.0 == line }
            state.waiting.removeAll { $0.0 == line }
            return due
        }
        for (_, waiter) in due { waiter.resume() }
    }

    /// Until the line has come, or at once when it has.
    func wait(for line: String) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.seen.contains(line) { return true }
                state.waiting.append((line, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
