import ArgumentParser
import CIMBusClient
import CIMQuery

/// A short verb, or the list of them.
struct AliasCommand: OperationCommand {
    static let configuration = CommandConfiguration(
        commandName: "alias", abstract: "Lists the short verbs, or does one: 'cimctl os' is short for 'cimctl alias os'.",
        discussion: """
            Behind the name stand keys of instances, or 'where' and a condition as in a query. Then 'get' and the properties to show, or * \
            for all; 'count'; or 'call', a method and its parameters, for each of these instances. For example:
              cimctl alias
              cimctl process where "State = 'S'" get Handle,Name
              cimctl process 1 count
              cimctl filesystem / call GetUsage

            Aliases are defined in files: /usr/share/cimbus/aliases.d/*.conf, /etc/cimbus/aliases.d/*.conf and \
            ~/.config/cimbus/aliases.d/*.conf; a later one replaces an earlier one. A section defines one:

              [login]
              Description=Who is logged in.
              Class=Linux_LoginSession
              Properties=Id,Name,State
              Where=Class = 'user'
              Key=Name
            """)

    @Argument(help: ArgumentHelp("The alias; without it all are listed.", valueName: "alias")) var name: String?
    @Argument(help: ArgumentHelp("Keys, where, get, count, call.", valueName: "words")) var words: [String] = []
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    static let onlyShows = true

    var namedClasses: [String] { name.flatMap { Aliases.installed()[$0] }.map { [$0.className] } ?? [] }

    func perform(_ output: inout Output) async throws {
        guard let name else { return try list(&output) }
        guard Aliases.installed()[name] != nil else {
            let question = Suggestion.question(for: name, among: Aliases.installed().names).map { "; \($0)" } ?? ""
            throw ValidationError("there is no alias \(name)\(question)")
        }
        if options.watch != nil, try AliasWords(words).call != nil { throw ValidationError("--watch is for what only shows something") }
        guard options.hosts.isEmpty else { return try await HostRun(options).perform(self, &output) }
        let session = try await options.connect()
        try await repeatedly(session, &output)
        await session.close()
    }

    private func list(_ output: inout Output) throws {
        let aliases = Aliases.installed()
        for fault in aliases.faults.prefix(20) {
            StandardError.write("cimctl: \(FailureReport.printable("\(fault.file):\(fault.line): \(fault.reason)"))\n")
        }
        let rows = aliases.all.map { alias in
            Row([
                ("Name", .string(alias.name)), ("Class", .string(alias.className)), ("Description", .string(alias.description)),
                ("Properties", .strings(alias.properties)), ("Where", alias.condition.map { .string($0) } ?? .null),
                ("Key", alias.key.map { .string($0) } ?? .null), ("Namespace", alias.namespace.map { .string($0) } ?? .null),
                ("File", .string(alias.file)),
            ])
        }
        try output.show(rows, [Column("Name"), Column("Class"), Column("Description"), Column("File")])
    }

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        guard let name, let alias = Aliases.installed()[name] else { return }
        let words = try AliasWords(words)
        let session = alias.namespace.flatMap { CIMNamespaceName($0) }.map { session.session(for: $0) } ?? session
        let declaration = try await shape(of: alias.className, session)
        if let method = words.call {
            guard words.isNarrow else {
                throw ValidationError("say for which: keys before 'call', or 'where' and a condition")
            }
            let query = try words.query(alias, declaration, selecting: [])
            return try await call(method, words.parameters, query, session, operation, &output)
        }
        if words.isCount {
            var count: UInt64 = 0
            let query = try words.query(alias, declaration, selecting: declaration.keyNames)
            for try await batch in session.execQuery(query, options: operation).rows { count += UInt64(batch.count) }
            if options.output == .table, options.hosts.isEmpty { return try output.write("\(count)\n") }
            return try output.showOnly(Row([("Class", .string(declaration.name)), ("Count", .uint64(count))]))
        }
        let properties = try (words.properties ?? alias.properties).map { property in
            guard let found = declaration.property(named: property) else {
                throw ValidationError(Self.missing(property, "class \(declaration.name)", among: declaration.properties.map(\.name)))
            }
            return found.name
        }
        let query = try words.query(alias, declaration, selecting: properties)
        try await show(query, session, operation, isSingle: declaration.isSingleton, &output)
    }

    /// Runs the method of each instance. What one has not done, the next is not asked.
    private func call(
        _ method: String, _ parameters: [String], _ query: String, _ session: Session, _ operation: OperationOptions,
        _ output: inout Output
    ) async throws {
        let assignments = try Assignments(parameters)
        let instances = try await session.execQuery(query, options: operation).collected()
        guard !instances.isEmpty else { throw CIMError(.notFound, "nothing is selected by \(query)") }
        try output.beginRows(nil, isSingle: instances.count == 1)
        for instance in instances {
            guard let path = instance.path else { throw CIMError(.invalidObjectPath, "an instance of \(instance.className) has no path") }
            var row = try await invoke(method, at: path, assignments, session, operation)
            if instances.count > 1 { row.fields.insert(("Path", .string(path.relativePath)), at: 0) }
            try output.show(row)
        }
        try output.endRows()
    }
}

/// What stands behind an alias.
struct AliasWords {
    private var keys: [String] = []
    private var condition: String?
    private(set) var properties: [String]?
    private(set) var call: String?
    private(set) var parameters: [String] = []
    private(set) var isCount = false

    /// Throws `ValidationError` for words that have no place.
    init(_ words: [String]) throws(ValidationError) {
        var rest = words[...]
        func isVerb(_ word: String) -> Bool { ["where", "get", "list", "count", "call"].contains(word.lowercased()) }
        while let word = rest.first, !isVerb(word) {
            keys.append(word)
            rest.removeFirst()
        }
        while let verb = rest.popFirst() {
            switch verb.lowercased() {
            case "where":
                let words = rest.prefix { !isVerb($0) }
                guard !words.isEmpty, condition == nil else {
                    throw ValidationError("'where' takes one condition, such as \"State = 'S'\"")
                }
                condition = words.joined(separator: " ")
                rest = rest.dropFirst(words.count)
            case "get", "list":
                guard let names = rest.popFirst() else {
                    properties = []
                    continue
                }
                properties = names == "*" ? [] : names.split(separator: ",").map { String($0.drop { $0 == " " }).trimmingEnd }
            case "count": isCount = true
            case "call":
                guard let method = rest.popFirst() else { throw ValidationError("'call' takes a method and its parameters") }
                call = method
                parameters = Array(rest)
                rest = []
            default: throw ValidationError("'\(verb)' has no place here: where, get, count or call")
            }
        }
    }

    /// Whether it says which instances are meant.
    var isNarrow: Bool { !keys.isEmpty || condition != nil }

    func query(_ alias: Alias, _ declaration: CIMClass, selecting properties: [String]) throws(ValidationError) -> String {
        var conditions = [alias.condition, condition].compactMap { $0 }.map { "(\($0))" }
        if !keys.isEmpty {
            let names = alias.key.map { [$0] } ?? declaration.keyNames
            guard names.count == 1, let property = declaration.property(named: names[0]) else {
                throw ValidationError(
                    "\(declaration.name) has the keys \(declaration.keyNames.joined(separator: ", ")): say which by 'where', or let the alias have Key="
                )
            }
            let isText = property.type.base == .string || property.type.base == .datetime || property.type.base == .char16
            let values = keys.map { key in "\(property.name) = " + (isText ? Self.quoted(key) : key) }
            conditions.append("(\(values.joined(separator: " OR ")))")
        }
        return "SELECT \(properties.isEmpty ? "*" : properties.joined(separator: ", ")) FROM \(declaration.name)"
            + (conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))")
    }

    /// A string of WQL.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
}
