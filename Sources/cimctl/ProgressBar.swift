import CIMBusClient
import Glibc
import Synchronization

/// How far a long run is, on one line of standard error; nothing where that is no terminal, or in a run shorter than half a second.
final class ProgressBar: Sendable {
    private struct Guarded {
        var done = 0
        var label = ""
        var isShown = false
        var isOver = false
    }

    private let total: Int
    private let start = ContinuousClock.now
    private let guarded = Mutex(Guarded())
    private let ticker = Mutex<Task<Void, Never>?>(nil)

    /// - Parameter total: how many steps there are.
    init(total: Int) {
        self.total = total
        guard isatty(STDERR_FILENO) == 1 else { return }
        let task = Task { [weak self] in
            while (try? await Task.sleep(for: .milliseconds(250))) != nil { self?.draw() }
        }
        ticker.withLock { $0 = task }
    }

    /// So many steps are done, and this is being done now.
    func show(_ done: Int, _ label: String) {
        guarded.withLock { guarded in
            guarded.done = done
            guarded.label = label
        }
    }

    /// Takes the line away. Nothing is drawn after it.
    func end() {
        ticker.withLock { $0?.cancel() }
        guarded.withLock { guarded in
            if guarded.isShown { StandardError.write("\r\u{1B}[K") }
            guarded.isOver = true
        }
    }

    private func draw() {
        let elapsed = ContinuousClock.now - start
        guard elapsed > .milliseconds(500) else { return }
        guarded.withLock { guarded in
            if guarded.isOver { return }
            guarded.isShown = true
            StandardError.write("\r" + Self.line(guarded.done, of: total, guarded.label, elapsed: elapsed, width: Self.width) + "\u{1B}[K")
        }
    }

    private static var width: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// `[=====     ] 5 s compiling schema.mof`, no wider than the terminal.
    static func line(_ done: Int, of total: Int, _ label: String, elapsed: Duration, width: Int) -> String {
        let cells = 20
        let filled = total > 0 ? min(cells, max(0, done * cells / total)) : 0
        let bar = String(repeating: "=", count: filled) + String(repeating: " ", count: cells - filled)
        let text = "[\(bar)] \(elapsed.components.seconds) s \(FailureReport.printable(label))"
        return String(text.prefix(max(0, width - 1)))
    }
}
