import ArgumentParser
import CIMBusClient
import CIMBusWire

/// Which properties a command reads, and shows.
struct PropertySelection: ParsableArguments {
    @Flag(help: "Only the keys. The broker sends no more, and tells the provider.") var keysOnly = false

    @Option(
        help: ArgumentHelp("Only these properties, separated by commas. The broker sends no more but the keys.", valueName: "names"))
    var properties: String?

    func validate() throws {
        if keysOnly, properties != nil { throw ValidationError("give one of --keys-only and --properties") }
        if let properties, Self.names(in: properties).contains("") {
            throw ValidationError("--properties takes names, separated by commas")
        }
    }

    /// Whether less than everything is to be read.
    var isPartial: Bool { keysOnly || properties != nil }

    private static func names(in text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map { String($0.drop { $0 == " " }).trimmingEnd }
    }

    /// Those to show, in the user's order and the class's spelling; nil for all. Throws `ValidationError` for a name that the class lacks.
    func names(in declaration: CIMClass) throws -> [String]? {
        if keysOnly { return declaration.keyNames }
        guard let properties else { return nil }
        return try Self.names(in: properties).map { name in
            guard let found = declaration.property(named: name) else {
                throw ValidationError(Suggestion.missing(name, "class \(declaration.name)", among: declaration.properties.map(\.name)))
            }
            return found.name
        }
    }

    /// Has the operation read no more than `names`, nil for all (Semantics C.1.3).
    func restrict(_ operation: inout OperationOptions, to names: [String]?) {
        guard let names else { return }
        operation.context[ContextKey.getExtensions] = .boolean(true)
        if keysOnly {
            operation.context[ContextKey.getKeysOnly] = .boolean(true)
        } else {
            operation.context[ContextKey.getProperties] = .strings(names)
        }
    }
}
