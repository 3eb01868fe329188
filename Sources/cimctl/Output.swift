import CIMBusClient
import CIMBusWire
import Glibc
import SystemPackage

/// Standard output, buffered.
struct Output {
    /// Nobody's fault: whoever read the output has gone away. There is nothing to say, and nobody to say it to.
    struct NobodyReads: Error {}

    /// The cause of a failure to write, here or to a file: the fault of this machine, or of whoever chose the file.
    struct Unwritable: Error {}

    private var buffer: [UInt8] = []

    /// A line on the same terminal that has to be out of the way.
    var bar: ProgressBar?

    /// The columns of the terminal; nil when the output goes elsewhere.
    static let terminalWidth: Int? = {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }()

    /// Throws ``NobodyReads``, and CIMError when the output cannot be written.
    mutating func write(_ text: String) throws {
        buffer.append(contentsOf: text.utf8)
        if buffer.count >= 64 << 10 { try flush() }
    }

    mutating func flush() throws {
        if buffer.isEmpty { return }
        defer { buffer.removeAll(keepingCapacity: true) }
        guard let bar, Self.terminalWidth != nil else { return try writeOut() }
        try bar.aside { () throws in try writeOut() }
    }

    /// Says something about the output, behind it, on standard error.
    mutating func note(_ text: String) throws {
        try flush()
        guard let bar else { return StandardError.write(text) }
        bar.aside { StandardError.write(text) }
    }

    private func writeOut() throws {
        do {
            try FileDescriptor.standardOutput.writeAll(buffer)
        } catch let error as Errno {
            if error == .brokenPipe { throw NobodyReads() }
            throw CIMError(
                .shortage(systemError: error.rawValue) ?? .failed, "standard output cannot be written: \(error)", cause: Unwritable())
        }
    }
}
