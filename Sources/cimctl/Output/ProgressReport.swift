import CIMBusClient
import Glibc

/// What a provider says of how far an operation is, on standard error: a bar where that is a terminal, elsewhere a line for each report.
final class ProgressReport: Sendable {
    /// The most lines that wait for a reader of standard error; the newest stay.
    private static let mostWaiting = 1000

    /// Nil where standard error is no terminal.
    let bar: ProgressBar?
    private let reports: AsyncStream<OperationProgress>.Continuation
    private let writer: Task<Void, Never>

    init() {
        let (stream, continuation) = AsyncStream.makeStream(
            of: OperationProgress.self, bufferingPolicy: .bufferingNewest(Self.mostWaiting))
        let bar = isatty(STDERR_FILENO) == 1 ? ProgressBar() : nil
        reports = continuation
        self.bar = bar
        // Whoever is slow to read standard error holds up neither the connection, from whose loop the reports come, nor the command.
        writer = Task(executorPreference: ProgressBar.thread) {
            for await report in stream {
                if let bar {
                    bar.show(Int(report.current), of: Int(report.total), Self.text(report))
                } else {
                    StandardError.write("progress: \(Self.text(report))\n")
                }
            }
        }
    }

    func show(_ progress: OperationProgress) { reports.yield(progress) }

    /// Returns when all that was reported is written, and the bar is taken away.
    func end() async {
        reports.finish()
        await writer.value
        bar?.end()
    }

    /// `3 of 10 reading`; a provider that does not know how many there are says 0.
    static func text(_ progress: OperationProgress) -> String {
        var text = "\(progress.current)"
        if progress.total > 0 { text += " of \(progress.total)" }
        if let words = progress.text { text += " \(FailureReport.printable(words))" }
        return text
    }
}
