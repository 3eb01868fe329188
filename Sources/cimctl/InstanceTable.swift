import CIMBusClient

/// Instances as a table whose widths come from its first rows, so that it streams and takes linear time.
struct InstanceTable {
    /// One column: what it is called, how wide it is, and which way it leans.
    struct Layout {
        var name: String
        var width: Int
        var isNumber: Bool
    }

    /// Rows looked at before the first is written.
    static let sampleSize = 200
    /// The widest a cell may be on a terminal, the last column aside.
    static let widestCell = 40

    private let names: [(name: String, isNumber: Bool)]
    private let terminalWidth: Int?
    private var sample: [[String]] = []
    private var columns: [Layout]?
    private(set) var hiddenColumns = 0

    /// - Parameter terminalWidth: nil: not a terminal, so that nothing is left out or cut.
    init(_ names: [(name: String, isNumber: Bool)], terminalWidth: Int?) {
        self.names = names
        self.terminalWidth = terminalWidth
    }

    /// A table of a class's properties, keys first.
    init(_ declaration: CIMClass, only selection: [String], terminalWidth: Int?) {
        let properties =
            selection.isEmpty
            ? declaration.properties.filter(\.isKey) + declaration.properties.filter { !$0.isKey }
            : selection.compactMap { declaration.property(named: $0) }
        self.init(
            properties.map { ($0.name, !$0.type.isArray && ($0.type.base.isInteger || $0.type.base.isReal)) }, terminalWidth: terminalWidth)
    }

    /// Takes a row; the text that can be written now.
    mutating func append(_ row: [String]) -> String {
        if columns == nil {
            sample.append(row)
            return sample.count < Self.sampleSize ? "" : startTable()
        }
        return render([row])
    }

    mutating func append(_ instance: CIMInstance) -> String { append(names.map { Self.cell(instance[$0.name] ?? .null) }) }

    /// Whether there is nothing to show yet.
    var isEmpty: Bool { columns == nil && sample.isEmpty }

    /// What is left to write.
    mutating func finish() -> String { columns == nil ? startTable() : "" }

    private mutating func startTable() -> String {
        var layouts: [Layout] = []
        var used = 0
        for (position, (name, isNumber)) in names.enumerated() {
            var width = max(1, name.count)
            for row in sample where position < row.count { width = max(width, row[position].count) }
            if let terminalWidth {
                width = min(width, max(Self.widestCell, name.count))
                let left = terminalWidth - used - (layouts.isEmpty ? 0 : 1)
                // The first column is always there, cut if need be.
                if width > left {
                    guard layouts.isEmpty || left >= max(8, name.count) else { break }
                    width = max(1, min(width, left))
                }
                used += width + (layouts.isEmpty ? 0 : 1)
            }
            layouts.append(Layout(name: name, width: width, isNumber: isNumber))
        }
        hiddenColumns = names.count - layouts.count
        columns = layouts
        let rows = sample
        sample = []
        guard !layouts.isEmpty else { return "" }
        let header = layouts.map { Self.fit($0.name, $0, isCut: terminalWidth != nil) }.joined(separator: " ")
        let rule = layouts.map { String(repeating: "-", count: $0.width) }.joined(separator: " ")
        return header.trimmingEnd + "\n" + rule + "\n" + render(rows)
    }

    private func render(_ rows: [[String]]) -> String {
        guard let columns, !columns.isEmpty else { return "" }
        let isCut = terminalWidth != nil
        var text = ""
        for row in rows {
            let cells = columns.enumerated().map { position, column in
                Self.fit(position < row.count ? row[position] : "", column, isCut: isCut)
            }
            text += cells.joined(separator: " ").trimmingEnd + "\n"
        }
        return text
    }

    /// Padded to the width of its column; cut only where the reader is a terminal.
    private static func fit(_ text: String, _ column: Layout, isCut: Bool) -> String {
        let count = text.count
        if count > column.width { return isCut ? text.prefix(column.width - 1) + "…" : text }
        let padding = String(repeating: " ", count: column.width - count)
        return column.isNumber ? padding + text : text + padding
    }

    /// A value in a cell: text without its quotes, nothing for NULL.
    static func cell(_ value: CIMValue) -> String {
        switch value {
        case .null: ""
        case .string(let text): FailureReport.printable(text)
        case .datetime(let time): time.description
        case .reference(let path): FailureReport.printable(path.path)
        case .boolean(let value): value ? "TRUE" : "FALSE"
        case .array(_, let elements): elements.map(cell).joined(separator: ",")
        default: FailureReport.printable(value.description)
        }
    }
}

extension String {
    /// Without spaces at its end.
    var trimmingEnd: String {
        guard utf8.last == 0x20 else { return self }
        var end = endIndex
        while end > startIndex, self[index(before: end)] == " " { end = index(before: end) }
        return String(self[..<end])
    }
}
