import ArgumentParser

/// How results are written.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// Columns that fit the terminal.
    case table
    /// A line for each property.
    case list
    /// One document: an array, or of a single object the object.
    case json
    /// An object on each line.
    case jsonl
    /// RFC 4180, with line feeds.
    case csv
    /// Tabs between, and no quotes: a tab, a line end and a backslash are `\t`, `\n` and `\\`.
    case tsv
    /// Instances and classes as they would be compiled.
    case mof
    case yaml

    /// Whether its reader is a person, who rather reads words than numbers.
    var isForPeople: Bool { self == .table || self == .list }

    /// Whether errors are objects of JSON, too.
    var isJSON: Bool { self == .json || self == .jsonl }

    /// Whether every row has the same columns, which have to be known before the first.
    var hasColumns: Bool { self == .table || self == .csv || self == .tsv }
}

/// What else is to be known of how results are written.
struct OutputStyle: Sendable {
    var format = OutputFormat.table
    /// Words of Values and BitValues in place of numbers.
    var words = true
    /// Whether a pager may be started, where the output is a terminal.
    var usesPager = false
    /// Nil: not a terminal.
    var terminalWidth: Int? = Output.terminalWidth
}
