import CIMBusClient
import CIMGeneration

/// One thing that could be written next.
struct Candidate: Hashable, Sendable {
    /// The whole word.
    var word: String
    var meaning = ""
    /// Whether more of the same word follows, so that no space does.
    var isOpen = false
}

/// What completion asks a broker for. Where there is none, or it does not answer soon, nothing comes.
protocol CompletionSource: Sendable {
    func classes() async -> [String]
    func declaration(of className: String) async -> CIMClass?
    func namespaces() async -> [String]
    func providers() async -> [String]
    /// The paths of instances, some hundreds at most.
    func paths(of className: String) async -> [String]
}

/// What can stand next on a command line.
struct Completion {
    let tree: CommandTree
    let aliases: Aliases
    let source: any CompletionSource

    /// Candidates for the current word, those that begin with it; nil where it names a file, which shells know best.
    func candidates(_ words: ShellWords) async -> [Candidate]? {
        var command = tree
        var positional: [String] = []
        var pending: CommandTree.Argument?
        var alias: Alias?
        for word in words.finished {
            if pending != nil {
                pending = nil
            } else if word.hasPrefix("-") {
                let option = self.option(word, of: command)
                if option?.kind == .option, !word.contains("=") { pending = option }
            } else if let next = command[word], positional.isEmpty {
                command = next
            } else if command.name == tree.name, positional.isEmpty, let known = aliases[word] {
                alias = known
            } else {
                positional.append(word)
            }
        }
        let current = words.current
        if let pending { return await values(pending, current, positional, alias) }
        if current.hasPrefix("--"), let sign = current.firstIndex(of: "=") {
            let name = String(current[..<sign])
            guard let option = option(name, of: command), option.kind == .option else { return [] }
            let found = await values(option, String(current[current.index(after: sign)...]), positional, alias)
            return found?.map { Candidate(word: "\(name)=\($0.word)", meaning: $0.meaning, isOpen: $0.isOpen) }
        }
        if current.hasPrefix("-") {
            let arguments = command.arguments.isEmpty ? tree["providers"]?.arguments ?? [] : command.arguments
            return arguments.flatMap { argument in argument.names.map { Candidate(word: $0, meaning: argument.abstract) } }
                .filter { $0.word.hasPrefix(current) }
        }
        if let alias { return await behind(alias, positional, current) }
        if !command.subcommands.isEmpty, positional.isEmpty {
            var found = command.subcommands.map { Candidate(word: $0.name, meaning: $0.abstract) }
            if command.name == tree.name { found += aliases.all.map { Candidate(word: $0.name, meaning: $0.description) } }
            return found.filter { $0.word.hasPrefix(current) }
        }
        let places = command.positional
        guard let place = positional.count < places.count ? places[positional.count] : places.last(where: \.isRepeating) else { return [] }
        if command.name == "alias", !positional.isEmpty {
            guard let named = aliases[positional[0]] else { return [] }
            return await behind(named, Array(positional.dropFirst()), current)
        }
        return await values(place, current, positional, nil)
    }

    private func option(_ word: String, of command: CommandTree) -> CommandTree.Argument? {
        let name = String(word.prefix { $0 != "=" })
        // Options may stand before the verb.
        return command.option(named: name) ?? tree["providers"]?.option(named: name)
    }

    // MARK: - Values

    private func values(_ argument: CommandTree.Argument, _ current: String, _ positional: [String], _ alias: Alias?) async -> [Candidate]?
    {
        if !argument.values.isEmpty { return argument.values.filter { $0.hasPrefix(current) }.map { Candidate(word: $0) } }
        switch argument.valueName {
        case "namespace": return named(await source.namespaces(), current)
        case "class", "superclass": return named(await source.classes(), current)
        case "provider": return named(await source.providers(), current)
        case "alias": return named(aliases.names, current)
        case "path": return await paths(current)
        case "names": return await properties(alias?.className ?? Self.className(positional.first), current)
        case "method":
            guard let declaration = await source.declaration(of: Self.className(positional.first)) else { return [] }
            return Self.filtered(declaration.methods.map { Candidate(word: $0.name, meaning: $0.qualifiers.description ?? "") }, current)
        case "name=value":
            guard let declaration = await source.declaration(of: Self.className(positional.first)) else { return [] }
            // Behind a method its parameters, else properties.
            if positional.count > 1, let method = declaration.method(named: positional[1]) {
                return Self.assignments(method.parameters.filter(\.isIn).map { ($0.name, $0.type, $0.qualifiers) }, current)
            }
            return Self.assignments(declaration.properties.map { ($0.name, $0.type, $0.qualifiers) }, current)
        case "query": return await QueryCompletion(source: source).candidates(current)
        case "condition":
            let declaration = await source.declaration(of: alias?.className ?? Self.className(positional.first))
            return declaration.map { QueryCompletion.condition(current, $0) } ?? []
        case "file", "files", "folder", "directory": return nil
        default: return []
        }
    }

    private func behind(_ alias: Alias, _ words: [String], _ current: String) async -> [Candidate] {
        let verbs = ["where", "get", "count", "call"]
        switch words.last {
        case "get": return await properties(alias.className, current)
        case "call":
            let methods = await source.declaration(of: alias.className)?.methods ?? []
            return Self.filtered(methods.map { Candidate(word: $0.name, meaning: $0.qualifiers.description ?? "") }, current)
        case "where":
            return await source.declaration(of: alias.className).map { QueryCompletion.condition(current, $0) } ?? []
        default:
            var found = verbs.filter { $0.hasPrefix(current) }.map { Candidate(word: $0) }
            if !words.contains(where: { verbs.contains($0) }), let declaration = await source.declaration(of: alias.className) {
                let key = alias.key ?? declaration.keyNames.first ?? ""
                for path in await source.paths(of: alias.className) {
                    guard case .keys(let keys)? = (try? CIMObjectPath(parsing: path))?.keys,
                        let value = keys.first(where: { $0.name.map { CIMName.equal($0, key) } ?? true })?.value
                    else { continue }
                    let text = if case .string(let text) = value { text } else { "\(value)" }
                    if text.hasPrefix(current) { found.append(Candidate(word: text)) }
                }
            }
            return found
        }
    }

    private func named(_ names: [String], _ current: String) -> [Candidate] { Self.filtered(names.map { Candidate(word: $0) }, current) }

    /// In any case: names of CIM have none.
    static func filtered(_ candidates: [Candidate], _ current: String) -> [Candidate] {
        let wanted = current.lowercased()
        return candidates.filter { $0.word.lowercased().hasPrefix(wanted) }
    }

    private static func className(_ word: String?) -> String {
        guard let word else { return "" }
        return (try? CIMObjectPath(parsing: word))?.className ?? word
    }

    private func properties(_ className: String, _ current: String) async -> [Candidate] {
        guard let declaration = await source.declaration(of: className) else { return [] }
        // Behind a comma stands the next one.
        let before = current.lastIndex(of: ",").map { String(current[...$0]) } ?? ""
        let given = Set(before.split(separator: ",").map { CIMName(String($0)) })
        let properties = declaration.properties.filter { !given.contains(CIMName($0.name)) }
        return Self.filtered(
            properties.map { Candidate(word: before + $0.name, meaning: $0.qualifiers.description ?? "", isOpen: true) }, current)
    }

    private func paths(_ current: String) async -> [Candidate] {
        guard let end = current.firstIndex(where: { $0 == "." || $0 == "=" }) else {
            return Self.filtered(await source.classes().map { Candidate(word: $0, isOpen: true) }, current).flatMap { candidate in
                [Candidate(word: candidate.word + ".", meaning: candidate.meaning, isOpen: true)]
            }
        }
        let className = String(current[..<end])
        return Self.filtered(await source.paths(of: className).map { Candidate(word: $0) }, current)
    }

    /// `Name=`, and behind it what the class has words for.
    static func assignments(_ declared: [(name: String, type: CIMTypeReference, qualifiers: [CIMQualifier])], _ current: String)
        -> [Candidate]
    {
        guard let sign = current.firstIndex(of: "=") else {
            return filtered(
                declared.map { Candidate(word: $0.name + "=", meaning: $0.qualifiers.description ?? "\($0.type)", isOpen: true) }, current)
        }
        let name = String(current[..<sign])
        guard let found = declared.first(where: { CIMName.equal($0.name, name) }) else { return [] }
        return filtered(values(found.type, found.qualifiers).map { Candidate(word: "\(name)=\($0.word)", meaning: $0.meaning) }, current)
    }

    /// What the qualifiers name, or the two booleans.
    static func values(_ type: CIMTypeReference, _ qualifiers: [CIMQualifier]) -> [Candidate] {
        if type.base == .boolean { return [Candidate(word: "TRUE"), Candidate(word: "FALSE")] }
        return ValueNames(type, qualifiers)?.entries.map { Candidate(word: $0.text, meaning: $0.name == $0.text ? "" : $0.name) } ?? []
    }
}

/// What can stand next in a query of WQL.
struct QueryCompletion {
    let source: any CompletionSource

    /// Candidates for the whole text: what is written, with the last word of it completed.
    func candidates(_ text: String) async -> [Candidate] {
        let (before, word) = Self.divided(text)
        let words = Self.words(before)
        func all(_ candidates: [Candidate]) -> [Candidate] {
            Completion.filtered(candidates, word).map { Candidate(word: before + $0.word, meaning: $0.meaning, isOpen: true) }
        }
        func keywords(_ words: String...) -> [Candidate] { words.map { Candidate(word: $0) } }
        let last = words.last?.uppercased()
        switch last {
        case nil: return all(keywords("SELECT", "ASSOCIATORS OF {", "REFERENCES OF {"))
        case "FROM", "ISA": return all(await source.classes().map { Candidate(word: $0) })
        case "OF": return all(keywords("{"))
        default: break
        }
        if before.hasSuffix("{") { return all(await source.classes().map { Candidate(word: $0) }) }
        guard words.first?.uppercased() == "SELECT" else { return all(keywords("WHERE", "AssocClass = ", "ResultClass = ", "KeysOnly")) }
        guard let from = words.firstIndex(where: { $0.uppercased() == "FROM" }) else {
            return all(last == "SELECT" ? keywords("*", "FROM") : keywords("FROM"))
        }
        guard from + 1 < words.count, let declaration = await source.declaration(of: words[from + 1]) else { return [] }
        guard let place = words.firstIndex(where: { $0.uppercased() == "WHERE" }) else { return all(keywords("WHERE")) }
        let head = words[...place].joined(separator: " ")
        _ = head
        return Self.condition(text, declaration)
    }

    /// Behind WHERE: properties, then operators, then values.
    static func condition(_ text: String, _ declaration: CIMClass) -> [Candidate] {
        let (before, word) = divided(text)
        let words = words(before)
        func all(_ candidates: [Candidate]) -> [Candidate] {
            Completion.filtered(candidates, word).map { Candidate(word: before + $0.word, meaning: $0.meaning, isOpen: true) }
        }
        let operators = ["=", "<>", "!=", "<", ">", "<=", ">=", "LIKE", "IS", "ISA"]
        guard let last = words.last else { return all(declaration.properties.map { Candidate(word: $0.name) }) }
        if operators.contains(last.uppercased()) {
            guard words.count > 1, let property = declaration.property(named: words[words.count - 2]) else { return [] }
            let quote = property.type.base == .string ? "'" : ""
            return all(
                Completion.values(property.type, property.qualifiers).map { Candidate(word: quote + $0.word + quote, meaning: $0.meaning) })
        }
        if declaration.property(named: last) != nil {
            return all(["=", "<>", "<", ">", "<=", ">=", "LIKE", "IS NULL", "IS NOT NULL"].map { Candidate(word: $0) })
        }
        if ["WHERE", "AND", "OR", "NOT"].contains(last.uppercased()) || before.hasSuffix("(") {
            return all(declaration.properties.map { Candidate(word: $0.name, meaning: $0.qualifiers.description ?? "") })
        }
        return all(["AND", "OR"].map { Candidate(word: $0) })
    }

    /// What is finished, and the word that is being written.
    private static func divided(_ text: String) -> (before: String, word: String) {
        let start = text.lastIndex { " \t\n,(){".contains($0) }.map { text.index(after: $0) } ?? text.startIndex
        return (String(text[..<start]), String(text[start...]))
    }

    private static func words(_ text: String) -> [String] { text.split { " \t\n,(){}".contains($0) }.map(String.init) }
}
