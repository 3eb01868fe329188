import ArgumentParser

/// The verbs and options of this program, as ArgumentParser tells them: what completion and the man pages are made from.
struct CommandTree: Sendable {
    struct Argument: Sendable {
        enum Kind: String { case positional, option, flag }

        var kind: Kind
        /// `-o`, `--output`; none of a positional one.
        var names: [String]
        var valueName: String
        var values: [String]
        var abstract: String
        var isRepeating: Bool
    }

    var name: String
    var abstract: String
    var arguments: [Argument]
    var subcommands: [CommandTree]

    subscript(name: String) -> CommandTree? { subcommands.first { $0.name == name } }

    var positional: [Argument] { arguments.filter { $0.kind == .positional } }

    func option(named name: String) -> Argument? { arguments.first { $0.names.contains(name) } }

    /// Nil only where ArgumentParser writes something else than it does.
    static func own() -> CommandTree? {
        guard let read = try? JSONReader.read(CimCtl._dumpHelp()), let command = read["command"] else { return nil }
        return CommandTree(command)
    }

    private init?(_ value: JSONValue) {
        guard let name = value["commandName"]?.text else { return nil }
        self.name = name
        abstract = value["abstract"]?.text ?? ""
        arguments = (value["arguments"]?.elements ?? []).compactMap { entry in
            guard entry["shouldDisplay"]?.text != "false", let kind = entry["kind"]?.text.flatMap(Argument.Kind.init) else { return nil }
            let names = (entry["names"]?.elements ?? []).compactMap { name in
                name["name"]?.text.map { (name["kind"]?.text == "long" ? "--" : "-") + $0 }
            }
            return Argument(
                kind: kind, names: names, valueName: entry["valueName"]?.text ?? "",
                values: entry["allValues"]?.elements.compactMap(\.text) ?? [],
                abstract: entry["abstract"]?.text ?? "", isRepeating: entry["isRepeating"]?.text == "true")
        }
        subcommands = (value["subcommands"]?.elements ?? []).filter { $0["shouldDisplay"]?.text != "false" }.compactMap { CommandTree($0) }
    }
}

extension JSONValue {
    subscript(name: String) -> JSONValue? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.name == name }?.value
    }

    var text: String? {
        switch self {
        case .word(let text), .string(let text): text
        default: nil
        }
    }

    var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
}
