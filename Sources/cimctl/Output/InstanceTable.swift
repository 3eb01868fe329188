import CIMBusClient

/// Rows as a table whose widths come from its first rows, so that it streams and takes linear time.
struct InstanceTable {
    /// One column: what it is called, how wide it is, and which way it leans.
    struct Layout {
        var name: String
        var width: Int
        var isNumber: Bool
    }

    /// Rows looked at before the first is written.
    static let sampleSize = 200
    /// How narrow a column of text may become on a terminal before one is left out.
    static let narrowestCell = 10

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

    /// Takes a row; the text that can be written now.
    mutating func append(_ row: [String]) -> String {
        if columns == nil {
            sample.append(row)
            return sample.count < Self.sampleSize ? "" : startTable()
        }
        return render([row])
    }

    /// What is left to write.
    mutating func finish() -> String { columns == nil ? startTable() : "" }

    private mutating func startTable() -> String {
        var layouts: [Layout] = []
        for (position, (name, isNumber)) in names.enumerated() {
            let width = sample.reduce(max(1, name.count)) { max($0, position < $1.count ? $1[position].count : 0) }
            layouts.append(Layout(name: name, width: width, isNumber: isNumber))
        }
        if let terminalWidth { layouts = Self.fitted(layouts, to: terminalWidth) }
        hiddenColumns = names.count - layouts.count
        columns = layouts
        let rows = sample
        sample = []
        guard !layouts.isEmpty else { return "" }
        let header = layouts.map { Self.fit($0.name, $0, isCut: terminalWidth != nil) }.joined(separator: " ")
        let rule = layouts.map { String(repeating: "-", count: $0.width) }.joined(separator: " ")
        return header.trimmingEnd + "\n" + rule + "\n" + render(rows)
    }

    /// As many of the columns as there is room for, none narrower than what can be read. What room is left goes to those that want more, the narrowest
    /// first, so that one long text makes no other shorter.
    static func fitted(_ layouts: [Layout], to width: Int) -> [Layout] {
        func least(_ layout: Layout) -> Int { layout.isNumber ? layout.width : min(layout.width, max(narrowestCell, layout.name.count)) }
        var shown: [Layout] = []
        var left = width
        for layout in layouts {
            let needed = least(layout) + (shown.isEmpty ? 0 : 1)
            // The first column is always there, cut if need be.
            guard needed <= left || shown.isEmpty else { break }
            var layout = layout
            layout.width = min(least(layout), max(1, left))
            left -= layout.width + (shown.isEmpty ? 0 : 1)
            shown.append(layout)
        }
        var wishes = shown.indices.filter { shown[$0].width < layouts[$0].width }.sorted { layouts[$0].width < layouts[$1].width }
        while left > 0, let position = wishes.first {
            let more = min(layouts[position].width - shown[position].width, left / wishes.count)
            shown[position].width += more
            left -= more
            wishes.removeFirst()
        }
        return shown
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
