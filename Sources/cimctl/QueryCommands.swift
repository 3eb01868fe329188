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
            """
    ).asVerb

    @Argument(help: "The query.") var query: String
    var namedClasses: [String] { Self.classes(in: query) }
    @OptionGroup var language: LocaleArguments
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        let operation = language.applied(to: operation)
        try await show(query, session, operation, &output)
    }
}

extension Command {
    /// Shows what a query selects.
    /// - Parameter isSingle: one object, which a table shows downwards.
    func show(_ query: String, _ session: Session, _ operation: OperationOptions, isSingle: Bool = false, _ output: inout Output)
        async throws
    {
        let selection = QueryRows.selection(of: query)
        if output.takesJSON, !isSingle, QueryRows.isOfInstances(query), !(selection ?? []).contains(where: { $0.hasPrefix("__") }) {
            try output.beginRows(nil)
            let instances = session.execQuery(query, options: operation)
            try await showJSON(instances, session, only: { QueryRows.names(selection, in: $0) }, &output)
            return try output.endRows()
        }
        var rows = QueryRows(selection, in: session.namespace, isSingle: isSingle)
        for try await batch in session.execQueryForObjects(query, options: operation).batches {
            for object in batch { try await rows.show(object, session, &output) }
            // What has come is shown to a program, however long the next batch takes.
            if style.format.isJSON { try output.flush() }
        }
        try rows.end(&output)
        try output.endRows("SELECT fewer, or --output list")
    }

    /// Shows instances as JSON, from where they lie in the messages where they can be.
    /// - Parameter names: the properties of a class to show, in their order; nil for all.
    func showJSON(
        _ instances: InstanceSequence, _ session: Session, only names: (CIMClass) -> [String]?, _ output: inout Output
    ) async throws {
        for try await batch in instances.rows {
            if let instances = batch.instances {
                for instance in instances {
                    let declaration = try await session.classShape(of: instance.className, timeout: options.timeLimit)
                    try output.show(Row(instance, declaration, in: session.namespace, only: names(declaration)))
                }
            } else if let first = batch.first {
                let declaration = try await session.classShape(of: first.className, timeout: options.timeLimit)
                let rows = JSONRows(batch, declaration, in: session.namespace, only: names(declaration))
                for row in batch { try output.showJSON { rows.append(row, to: &$0) } }
            }
            // What has come is shown, however long the next batch takes.
            try output.flush()
        }
    }

    /// The class behind FROM, for a query that is misspelt there.
    static func classes(in query: String) -> [String] {
        guard case .select(let select)? = try? WQLQuery(parsing: query) else { return [] }
        return [select.className.text]
    }
}

/// What a query gives, as rows whose columns are those selected, or those that the first objects have.
struct QueryRows {
    /// What stands behind SELECT, in the order and spelling of the query; nil for all.
    private let selection: [String]?
    private let namespace: CIMNamespaceName
    private var classes: [String: Selected] = [:]
    private var hasBegun = false
    private let isSingle: Bool

    init(_ selection: [String]?, in namespace: CIMNamespaceName, isSingle: Bool) {
        self.isSingle = isSingle
        self.namespace = namespace
        self.selection = selection
    }

    /// A class that objects have come of, and what is selected of it, in its spelling.
    private struct Selected {
        let declaration: CIMClass
        let names: [String]?

        init(_ declaration: CIMClass, _ selection: [String]?) {
            self.declaration = declaration
            names = QueryRows.names(selection, in: declaration)
        }
    }

    /// What is selected, in the spelling of the class.
    static func names(_ selection: [String]?, in declaration: CIMClass) -> [String]? {
        selection.map { $0.map { name in declaration.property(named: name)?.name ?? name } }
    }

    /// Whether it can give nothing but instances.
    static func isOfInstances(_ query: String) -> Bool {
        guard case .select(let select)? = try? WQLQuery(parsing: query) else { return false }
        return select.className != "meta_class"
    }

    /// Nil for all, and for a text that is no query: the broker will say so.
    static func selection(of query: String) -> [String]? {
        guard case .select(let select)? = try? WQLQuery(parsing: query), case .properties(let paths) = select.list else { return nil }
        var seen: Set<CIMName> = []
        return paths.map(\.first).filter { seen.insert($0).inserted }.map(\.text)
    }

    mutating func show(_ object: CIMObject, _ session: Session, _ output: inout Output) async throws {
        switch object {
        case .class(let declaration):
            if !hasBegun { try output.beginRows(ClassRows.columns) }
            hasBegun = true
            try output.show(ClassRows.row(declaration, for: output.style.format))
        case .instance(let instance):
            let selected = try await selected(of: instance.className, session)
            if !hasBegun { try output.beginRows(columns(selected.declaration), isSingle: isSingle) }
            hasBegun = true
            try output.show(row(instance, selected))
        }
    }

    private mutating func selected(of className: String, _ session: Session) async throws -> Selected {
        if let known = classes[className] { return known }
        let selected = Selected(try await session.classShape(of: className), selection)
        classes[className] = selected
        return selected
    }

    /// Of nothing, too, there are columns.
    mutating func end(_ output: inout Output) throws {
        if !hasBegun { try output.beginRows(selection.map { $0.map { Column($0) } }) }
    }

    /// Those selected; nil for those that the rows have.
    private func columns(_ declaration: CIMClass) -> [Column]? {
        selection.map { $0.map { name in declaration.property(named: name).map { Column($0) } ?? Column(name) } }
    }

    private func row(_ instance: CIMInstance, _ selected: Selected) -> Row {
        guard let names = selected.names else { return Row(instance, selected.declaration, in: namespace) }
        var row = Row(instance, selected.declaration, in: namespace, only: [])
        row.fields.reserveCapacity(names.count)
        for name in names where !row.head.contains(where: { CIMName.equal($0.name, name) }) {
            let value: CIMValue =
                switch CIMName(name) {
                case "__RELPATH": instance.path.map { .string($0.relativePath) } ?? .null
                default: instance[name] ?? .null
                }
            row.fields.append((name, value))
        }
        return row
    }
}

struct Explain: OperationCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Says how a WQL query is done: who is asked for what, and what is filtered where; of an event query, who raises the events.",
        discussion: "Nothing is asked, and nothing is subscribed to.")

    @Argument(help: "The query.") var query: String
    var namedClasses: [String] { Self.classes(in: query) }
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        let isOfEvents = try await isOfEvents(session)
        let lines =
            isOfEvents ? try await session.explainEvents(query, options: operation) : try await session.explain(query, options: operation)
        if options.output.isJSON || options.output == .yaml { return try output.showOnly(Row([("Lines", .strings(lines))])) }
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
