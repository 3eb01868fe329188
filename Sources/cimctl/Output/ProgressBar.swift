import CIMBusClient
import DBus
import Glibc
import Synchronization

/// How far a long run is, on one line of standard error; nothing where that is no terminal, or in a run shorter than half a second.
final class ProgressBar: Sendable {
    private struct Progress {
        var done = 0
        var total: Int
        var label = ""
    }

    private struct Line {
        var isShown = false
        var isOver = false

        mutating func takeAway() {
            if isShown { StandardError.write("\r\u{1B}[K") }
            isShown = false
        }
    }

    /// Where progress is written: standard error may be slow.
    static let thread = EventLoop(name: "progress")

    private let start = ContinuousClock.now
    private let progress: Mutex<Progress>
    /// Held while the terminal is written to, by the bar or in place of it.
    private let line = Mutex(Line())
    private let ticker = Mutex<Task<Void, Never>?>(nil)

    /// - Parameter total: how many steps there are; 0: not known yet.
    init(total: Int = 0) {
        progress = Mutex(Progress(total: total))
        guard isatty(STDERR_FILENO) == 1 else { return }
        let task = Task(executorPreference: Self.thread) { [weak self] in
            while (try? await Task.sleep(for: .milliseconds(250))) != nil { self?.draw() }
        }
        ticker.withLock { $0 = task }
    }

    /// So many steps are done, and this is being done now.
    /// - Parameter total: how many there are; nil: as before.
    func show(_ done: Int, of total: Int? = nil, _ label: String) {
        progress.withLock { progress in
            progress.done = done
            if let total { progress.total = total }
            progress.label = label
        }
    }

    /// Writes something else to the terminal, with the line out of the way.
    func aside<Failure>(_ write: () throws(Failure) -> Void) throws(Failure) {
        try line.withLock { (line: inout Line) throws(Failure) in
            line.takeAway()
            try write()
        }
    }

    /// Takes the line away. Nothing is drawn after it.
    func end() {
        ticker.withLock { $0?.cancel() }
        line.withLock { line in
            line.takeAway()
            line.isOver = true
        }
    }

    private func draw() {
        let elapsed = ContinuousClock.now - start
        guard elapsed > .milliseconds(500) else { return }
        let progress = progress.withLock { $0 }
        line.withLock { line in
            if line.isOver { return }
            line.isShown = true
            let text = Self.line(progress.done, of: progress.total, progress.label, elapsed: elapsed, width: Self.width)
            StandardError.write("\r" + text + "\u{1B}[K")
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
