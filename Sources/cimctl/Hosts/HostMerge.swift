import CIMBusClient
import Synchronization

/// Where what the commands of many hosts write comes together: rows with their host, in the order in which they come; text in whole lines.
final class HostMerge: Sendable {
    private struct State {
        var output: Output
        var hasBegun = false
        /// What each host has written of a line that is not whole yet.
        var partial: [String: [UInt8]] = [:]
    }

    private let state: Mutex<State>

    init(_ style: OutputStyle) { state = Mutex(State(output: Output(style))) }

    func share(of host: String) -> HostShare { HostShare(host: host, merge: self) }

    fileprivate func begin(_ columns: [Column]?) throws {
        try state.withLock { state in
            if state.hasBegun { return }
            state.hasBegun = true
            try state.output.beginRows(columns.map { [Column(Row.hostColumn)] + $0 })
        }
    }

    fileprivate func show(_ row: Row) throws { try state.withLock { try $0.output.show(row) } }

    fileprivate func write(_ bytes: [UInt8], of host: String) throws {
        try state.withLock { state in
            var lines = state.partial[host] ?? []
            lines += bytes
            guard let end = lines.lastIndex(of: 0x0A) else {
                state.partial[host] = lines
                return
            }
            state.partial[host] = Array(lines[(end + 1)...])
            for line in lines[..<end].split(separator: 0x0A, omittingEmptySubsequences: false) {
                try state.output.write("\(host): \(String(decoding: line, as: UTF8.self))\n")
            }
        }
    }

    fileprivate func flush() throws { try state.withLock { try $0.output.flush() } }

    /// Says on standard error what failed, in the middle of no line.
    func complain(_ text: String) { state.withLock { try? $0.output.note(text) } }

    /// Nothing comes any more.
    func end() throws {
        try state.withLock { state in
            for (host, rest) in state.partial.sorted(by: { $0.key < $1.key }) where !rest.isEmpty {
                try state.output.write("\(host): \(String(decoding: rest, as: UTF8.self))\n")
            }
            try state.output.endRows()
            try state.output.finish()
        }
    }
}

/// One host's part of the output.
struct HostShare: Sendable {
    let host: String
    fileprivate let merge: HostMerge

    func begin(_ columns: [Column]?) throws { try merge.begin(columns) }

    func show(_ row: Row) throws {
        var row = row
        row.host = host
        try merge.show(row)
    }

    func write(_ bytes: [UInt8]) throws { try merge.write(bytes, of: host) }
    func flush() throws { try merge.flush() }
}
