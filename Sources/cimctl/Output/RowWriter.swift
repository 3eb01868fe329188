import ArgumentParser
import CIMBusClient
import CIMMOF

/// Rows as text of the chosen format, so that they stream: what is kept is at most the sample by which a table's widths are found.
struct RowWriter {
    private let style: OutputStyle
    /// Whether there is one row only, and never another.
    private let isSingle: Bool
    /// Nil: they come from the first rows.
    private var columns: [Column]?
    private var sample: [Row] = []
    private var table: InstanceTable?
    private var book = WordBook()
    private var count = 0

    /// - Parameters:
    ///   - columns: of a table; nil: what the first rows have values for.
    ///   - isSingle: one row, which a table shows downwards.
    init(_ columns: [Column]?, _ style: OutputStyle, isSingle: Bool = false) {
        self.columns = columns
        self.style = style
        self.isSingle = isSingle
    }

    var hasRows: Bool { count > 0 }

    var hiddenColumns: Int { table?.hiddenColumns ?? 0 }

    /// Takes a row; the text that can be written now. Throws `ValidationError` for a row that the format has no place for.
    mutating func append(_ row: Row) throws(ValidationError) -> String {
        if style.format.isJSON { return json(row) }
        defer { count += 1 }
        switch style.format {
        case .yaml: return YAMLText.entry(host(row) + row.head + words(row), isSingle: isSingle)
        case .list: return (count > 0 ? "\n" : "") + ListText.text(host(row) + words(row))
        case .mof:
            switch row.origin {
            case .instance(let instance)?: return (count > 0 ? "\n" : "") + MOFWriter.write(instance)
            case .class(let declaration)?: return (count > 0 ? "\n" : "") + MOFWriter.write(declaration)
            case nil: throw ValidationError("--output mof is for instances and classes")
            }
        case .table where isSingle: return vertical(row)
        case .json, .jsonl, .table, .csv, .tsv:
            guard columns == nil else { return line(row) }
            sample.append(row)
            return sample.count < InstanceTable.sampleSize ? "" : startColumns()
        }
    }

    /// What is left to write.
    mutating func finish() -> String {
        switch style.format {
        case .json where !isSingle: return count == 0 ? "[]\n" : "]\n"
        case .yaml where count == 0: return "[]\n"
        case .table, .csv, .tsv:
            if isSingle && style.format == .table { return "" }
            var text = columns == nil ? startColumns() : ""
            if count == 0, style.format != .table { text += header() }
            if style.format == .table { text += startedTable { $0.finish() } }
            return text
        default: return ""
        }
    }

    // MARK: - JSON

    /// What stands before the next object, which the caller writes itself.
    mutating func beforeJSON() -> String {
        defer { count += 1 }
        return style.format == .jsonl || isSingle ? "" : count == 0 ? "[" : ",\n"
    }

    /// What stands behind each object.
    var afterJSON: String { style.format == .jsonl || isSingle ? "\n" : "" }

    private mutating func json(_ row: Row) -> String {
        var text = beforeJSON()
        JSONText.append((host(row) + row.head + words(row)).map { ($0.name, $0.value) }, to: &text)
        return text + afterJSON
    }

    // MARK: - Columns

    private mutating func startColumns() -> String {
        columns = Self.columns(of: sample)
        var text = ""
        count -= sample.count
        for row in sample {
            text += line(row)
            count += 1
        }
        sample = []
        return text
    }

    /// Keys first, and those only that a row has a value for.
    private static func columns(of rows: [Row]) -> [Column] {
        var used: [(column: Column, isKey: Bool)] = []
        var seen: Set<CIMName> = []
        for row in rows {
            for field in row.fields where !field.value.isNull && seen.insert(CIMName(field.name)).inserted {
                let property = row.declaration?.property(named: field.name)
                used.append((property.map { Column($0) } ?? Column(field.name), property?.isKey ?? false))
            }
        }
        let columns = (used.filter(\.isKey) + used.filter { !$0.isKey }).map(\.column)
        return rows.contains { $0.host != nil } ? [Column(Row.hostColumn)] + columns : columns
    }

    private func header() -> String {
        DelimitedText.line((columns ?? []).map { $0.name }, isTabbed: style.format == .tsv)
    }

    private mutating func line(_ row: Row) -> String {
        let shown = (columns ?? []).map { column in
            let value = row[column.name] ?? .null
            return style.words ? book.value(value, of: column.name, in: row) : value
        }
        guard style.format == .table else {
            return (count == 0 ? header() : "") + DelimitedText.line(shown.map(DelimitedText.cell), isTabbed: style.format == .tsv)
        }
        return startedTable { $0.append(shown.map(InstanceTable.cell)) }
    }

    private mutating func startedTable(_ body: (inout InstanceTable) -> String) -> String {
        var started =
            table
            ?? InstanceTable(
                (columns ?? []).map { ($0.name, $0.isNumber && !(style.words && $0.hasWords)) }, terminalWidth: style.terminalWidth)
        table = nil
        let text = body(&started)
        table = started
        return text
    }

    // MARK: - One below another

    private mutating func words(_ row: Row) -> [(name: String, value: CIMValue)] {
        guard style.words else { return row.fields }
        return row.fields.map { ($0.name, book.value($0.value, of: $0.name, in: row)) }
    }

    private func host(_ row: Row) -> [(name: String, value: CIMValue)] { row.host.map { [(Row.hostColumn, .string($0))] } ?? [] }

    private mutating func vertical(_ row: Row) -> String {
        var table = InstanceTable([("Property", false), ("Value", false)], terminalWidth: nil)
        var text = ""
        let fields = words(row)
        let keys = row.declaration?.keyNames ?? []
        for field in fields.filter({ field in keys.contains { CIMName.equal($0, field.name) } })
            + fields.filter({ field in !keys.contains { CIMName.equal($0, field.name) } })
        {
            text += table.append([field.name, InstanceTable.cell(field.value)])
        }
        return text + table.finish()
    }
}

/// A line for each property: `Name  : value`.
enum ListText {
    static func text(_ fields: [(name: String, value: CIMValue)]) -> String {
        let width = fields.map { $0.name.count }.max() ?? 0
        return fields.map { field in
            ("\(field.name)\(String(repeating: " ", count: width - field.name.count)) : \(InstanceTable.cell(field.value))").trimmingEnd
                + "\n"
        }.joined()
    }
}

/// Values between commas or tabs.
enum DelimitedText {
    static func line(_ cells: [String], isTabbed: Bool) -> String {
        cells.map { isTabbed ? tabbed($0) : quoted($0) }.joined(separator: isTabbed ? "\t" : ",") + "\n"
    }

    /// As in a table, but that nothing is replaced: a program reads it.
    static func cell(_ value: CIMValue) -> String {
        switch value {
        case .string(let text): text
        case .reference(let path): path.path
        case .array(_, let elements): elements.map(cell).joined(separator: ",")
        case .object:
            {
                var text = ""
                JSONText.append(value, to: &text)
                return text
            }()
        default: InstanceTable.cell(value)
        }
    }

    private static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    private static func tabbed(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x09 || $0 == 0x0A || $0 == 0x0D || $0 == 0x5C }) else { return text }
        return text.replacing("\\", with: "\\\\").replacing("\t", with: "\\t").replacing("\n", with: "\\n").replacing("\r", with: "\\r")
    }
}

/// YAML 1.2. What is not plainly a word stands in the quotes of JSON, which are YAML's as well.
enum YAMLText {
    static func entry(_ fields: [(name: String, value: CIMValue)], isSingle: Bool) -> String {
        if fields.isEmpty { return isSingle ? "{}\n" : "- {}\n" }
        return fields.enumerated().map { position, field in
            let start = isSingle ? "" : position == 0 ? "- " : "  "
            return "\(start)\(scalar(field.name)): \(value(field.value))\n"
        }.joined()
    }

    private static func value(_ value: CIMValue) -> String {
        switch value {
        case .string(let text): return scalar(text)
        case .real32(let number) where !number.isFinite: return number.isNaN ? ".nan" : number < 0 ? "-.inf" : ".inf"
        case .real64(let number) where !number.isFinite: return number.isNaN ? ".nan" : number < 0 ? "-.inf" : ".inf"
        case .array(_, let elements): return "[" + elements.map(self.value).joined(separator: ", ") + "]"
        default:
            var text = ""
            JSONText.append(value, to: &text)
            return text
        }
    }

    /// What YAML would read as something else than text is quoted, in every version of YAML.
    private static func scalar(_ text: String) -> String {
        let isPlain =
            text.utf8.first.map { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A || $0 == 0x5F || $0 == 0x2F } ?? false
            && text.utf8.allSatisfy { byte in
                (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A || byte >= 0x30 && byte <= 0x39 || [0x5F, 0x2F, 0x2E, 0x2D].contains(byte)
            }
        let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        if isPlain, !reserved.contains(text.lowercased()) { return text }
        var quoted = ""
        JSONText.append(string: text, to: &quoted)
        return quoted
    }
}
