import ArgumentParser
import CIMBusClient
import CIMBusWire
import Glibc
import SystemPackage

/// What a command writes: to standard output, buffered; or, of one of many hosts, to what their rows come together in.
struct Output {
    /// Nobody's fault: whoever read the output has gone away. There is nothing to say, and nobody to say it to.
    struct NobodyReads: Error {}

    /// The cause of a failure to write, here or to a file: the fault of this machine, or of whoever chose the file.
    struct Unwritable: Error {}

    let style: OutputStyle
    private var buffer: [UInt8] = []
    private var rows: RowWriter?
    private var pager: Pager?
    private let host: HostShare?

    /// A line on the same terminal that has to be out of the way.
    var bar: ProgressBar?

    /// - Parameter host: of many, where this is the output of one.
    init(_ style: OutputStyle = OutputStyle(), of host: HostShare? = nil) {
        self.style = style
        self.host = host
    }

    /// Of many hosts, the one whose output this is.
    var hostName: String? { host?.host }

    /// The columns of the terminal; nil when the output goes elsewhere.
    static let terminalWidth: Int? = {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }()

    // MARK: - Text

    /// Throws ``NobodyReads``, and CIMError when the output cannot be written.
    mutating func write(_ text: String) throws {
        buffer.append(contentsOf: text.utf8)
        if buffer.count >= 64 << 10 { try flush() }
    }

    mutating func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        if let host {
            if !buffer.isEmpty { try host.write(buffer) }
            return try host.flush()
        }
        if buffer.isEmpty { return }
        // A bar and a pager would both have the terminal.
        if pager == nil, bar == nil, style.usesPager { pager = Pager.start() }
        guard let bar, Self.terminalWidth != nil else { return try writeOut() }
        try bar.aside { () throws in try writeOut() }
    }

    /// Says something about the output, behind it, on standard error.
    mutating func note(_ text: String) throws {
        try flush()
        // Where a pager has the terminal, it shows that, too.
        if pager != nil { return try write(text) }
        guard let bar else { return StandardError.write(text) }
        bar.aside { StandardError.write(text) }
    }

    /// Writes what is left. Where a pager shows it, the user has seen enough when this returns.
    mutating func finish() throws {
        defer {
            pager?.end()
            pager = nil
        }
        try flush()
    }

    private func writeOut() throws {
        do {
            try (pager?.input ?? .standardOutput).writeAll(buffer)
        } catch let error as Errno {
            if error == .brokenPipe { throw NobodyReads() }
            throw CIMError(
                .shortage(systemError: error.rawValue) ?? .failed, "standard output cannot be written: \(error)", cause: Unwritable())
        }
    }

    // MARK: - Rows

    /// Rows follow, until ``endRows()``.
    /// - Parameters:
    ///   - columns: of a table; nil: what the first rows have values for.
    ///   - isSingle: one row, which a table shows downwards.
    mutating func beginRows(_ columns: [Column]?, isSingle: Bool = false) throws {
        if let host { return try host.begin(columns) }
        rows = RowWriter(columns, style, isSingle: isSingle)
    }

    mutating func show(_ row: Row) throws {
        if let host { return try host.show(row) }
        guard let text = try rows?.append(row) else { return }
        try write(text)
    }

    /// Whether the rows can be written as JSON by who has them, with ``showJSON(_:)``.
    var takesJSON: Bool { host == nil && style.format.isJSON && !style.words }

    /// An object that is JSON already: `object` writes it.
    mutating func showJSON(_ object: (inout [UInt8]) -> Void) throws {
        guard let before = rows?.beforeJSON(), let after = rows?.afterJSON else { return }
        buffer.append(contentsOf: before.utf8)
        object(&buffer)
        try write(after)
    }

    /// - Parameter advice: how to see the columns for which there is no room.
    mutating func endRows(_ advice: String = "--output list shows all") throws {
        guard var rows else { return }
        self.rows = nil
        try write(rows.finish())
        if rows.hiddenColumns > 0 { try note("(\(rows.hiddenColumns) more columns do not fit: \(advice))\n") }
    }

    /// Ends rows that a failure ended: a person sees those that came. A document of JSON stays without its end, so that nobody takes it for all.
    mutating func breakRows() throws {
        guard var rows else { return }
        self.rows = nil
        try write(rows.hasRows && style.format != .json ? rows.finish() : style.format == .json && rows.hasRows ? "\n" : "")
    }

    /// One object, and no other.
    mutating func showOnly(_ row: Row) throws {
        try beginRows(nil, isSingle: true)
        try show(row)
        try endRows()
    }

    /// Rows under names.
    mutating func show(_ rows: [Row], _ columns: [Column]) throws {
        try beginRows(columns)
        for row in rows { try show(row) }
        try endRows()
    }
}
