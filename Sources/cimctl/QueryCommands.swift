import ArgumentParser
import CIMBusClient
import CIMQuery

struct Query: OperationCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists what a WQL query selects.",
        discussion: """
            'cimctl explain' says how it is done. For example:
              cimctl query "SELECT Name FROM Linux_UnixProcess WHERE Name LIKE 'sys%'"
              cimctl query "ASSOCIATORS OF {Site_Room.Name='attic'}"
              cimctl query "SELECT * FROM meta_class WHERE __this ISA 'CIM_Process'"
            """)

    @Argument(help: "The query.") var query: String
    @OptionGroup var language: LocaleArguments
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        let operation = language.applied(to: operation)
        var rows = QueryRows(QueryRows.selection(of: query), options.output, in: session.namespace)
        do {
            for try await batch in session.execQueryForObjects(query, options: operation).batches {
                for object in batch { try output.write(try await rows.append(object, session)) }
                if options.output == .json { try output.flush() }
            }
        } catch let error as CIMError {
            try output.write(rows.finish())
            throw error
        }
        try output.write(rows.finish())
        if rows.hiddenColumns > 0 {
            try output.note("(\(rows.hiddenColumns) more columns do not fit: SELECT fewer, or --output json)\n")
        }
    }
}

/// What a query gives, as text: lines of JSON, or a table whose columns are those selected, or those that the first objects have.
struct QueryRows {
    /// What stands behind SELECT, in the order and spelling of the query; nil for all.
    private let selection: [String]?
    private let output: OutputFormat
    private let namespace: CIMNamespaceName
    /// Objects that the columns will be made from.
    private var sample: [CIMInstance] = []
    private var table: InstanceTable?
    private var names: [String] = []
    private var classes: [CIMName: CIMClass] = [:]

    init(_ selection: [String]?, _ output: OutputFormat, in namespace: CIMNamespaceName) {
        self.namespace = namespace
        self.selection = selection
        self.output = output
    }

    /// Nil for all, and for a text that is no query: the broker will say so.
    static func selection(of query: String) -> [String]? {
        guard case .select(let select)? = try? WQLQuery(parsing: query), case .properties(let paths) = select.list else { return nil }
        var seen: Set<CIMName> = []
        return paths.map(\.first).filter { seen.insert($0).inserted }.map(\.text)
    }

    var hiddenColumns: Int { table?.hiddenColumns ?? 0 }

    /// The text that can be written now.
    mutating func append(_ object: CIMObject, _ session: Session) async throws(CIMError) -> String {
        switch object {
        case .class(let declaration):
            if output == .json { return ClassRows.json(declaration) }
            if table == nil { table = InstanceTable(ClassRows.columns, terminalWidth: Output.terminalWidth) }
            let row = ClassRows.cells(declaration)
            return table?.append(row) ?? ""
        case .instance(let instance):
            let name = CIMName(instance.className)
            if classes[name] == nil { classes[name] = try await session.getClass(instance.className) }
            var instance = instance
            instance.path = instance.path?.located(in: namespace)
            if output == .json { return json(instance) }
            if table != nil {
                let row = cells(instance)
                return table?.append(row) ?? ""
            }
            sample.append(instance)
            return sample.count < InstanceTable.sampleSize ? "" : startTable()
        }
    }

    /// What is left to write.
    mutating func finish() -> String {
        if output == .json { return "" }
        let text = sample.isEmpty ? "" : startTable()
        return text + (table?.finish() ?? "")
    }

    private mutating func startTable() -> String {
        var table = InstanceTable(columns(), terminalWidth: Output.terminalWidth)
        var text = ""
        for instance in sample { text += table.append(cells(instance)) }
        sample = []
        self.table = table
        return text
    }

    /// Keys first; without a selection, those only that one of the first objects has a value for.
    private mutating func columns() -> [(name: String, isNumber: Bool)] {
        var properties: [CIMProperty] = []
        var seen: Set<CIMName> = []
        for instance in sample {
            for property in classes[CIMName(instance.className)]?.properties ?? [] where seen.insert(CIMName(property.name)).inserted {
                properties.append(property)
            }
        }
        let types = Dictionary(properties.map { (CIMName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        if let selection {
            names = selection.map { types[CIMName($0)]?.name ?? $0 }
        } else {
            var used: Set<CIMName> = []
            for instance in sample {
                for property in instance.properties where !property.value.isNull { used.insert(CIMName(property.name)) }
            }
            properties = properties.filter { used.contains(CIMName($0.name)) }
            names = (properties.filter(\.isKey) + properties.filter { !$0.isKey }).map(\.name)
        }
        return names.map { name in
            guard let type = types[CIMName(name)]?.type else { return (name, false) }
            return (name, !type.isArray && (type.base.isInteger || type.base.isReal))
        }
    }

    private func cells(_ instance: CIMInstance) -> [String] { names.map { InstanceTable.cell(Self.value($0, of: instance)) } }

    private func json(_ instance: CIMInstance) -> String {
        guard let selection else { return JSONText.line(instance, classes[CIMName(instance.className)], in: namespace) }
        let declaration = classes[CIMName(instance.className)]
        var fields = JSONText.head(instance)
        for name in selection where !["__CLASS", "__PATH"].contains(CIMName(name)) {
            fields.append((declaration?.property(named: name)?.name ?? name, Self.value(name, of: instance)))
        }
        var text = ""
        JSONText.append(fields, to: &text)
        return text + "\n"
    }

    /// A property, or one of the system properties that an instance knows of itself.
    private static func value(_ name: String, of instance: CIMInstance) -> CIMValue {
        switch CIMName(name) {
        case "__CLASS": .string(instance.className)
        case "__PATH": instance.path.map { .string($0.path) } ?? .null
        case "__RELPATH": instance.path.map { .string($0.relativePath) } ?? .null
        default: instance[name] ?? .null
        }
    }
}

struct Explain: OperationCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Says how a WQL query is done: who is asked for what, and what is filtered where; of an event query, who raises the events.",
        discussion: "Nothing is asked, and nothing is subscribed to.")

    @Argument(help: "The query.") var query: String
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        let isOfEvents = try await isOfEvents(session)
        let lines =
            isOfEvents ? try await session.explainEvents(query, options: operation) : try await session.explain(query, options: operation)
        if options.output == .json {
            var text = ""
            JSONText.append([("Lines", .strings(lines))], to: &text)
            return try output.write(text + "\n")
        }
        for line in lines { try output.write(FailureReport.printable(line) + "\n") }
    }

    /// Whether FROM names an event class. Of a text that is no query the broker says so.
    private func isOfEvents(_ session: Session) async throws(CIMError) -> Bool {
        guard case .select(let select)? = try? WQLQuery(parsing: query) else { return false }
        if select.pollingSeconds != nil || select.grouping != nil { return true }
        guard let declaration = try? await session.getClass(select.className.text) else { return false }
        return declaration.isIndication || declaration.isSameOrDerived(from: "__Event")
    }
}
