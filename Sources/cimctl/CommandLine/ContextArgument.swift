import ArgumentParser
import CIMBusClient
import CIMBusWire

/// The `name[:type]=value` words of `--context`.
///
/// A value without a type is text. What a provider looks for has a type, and the broker passes it on as it is, so none is guessed.
enum ContextArgument {
    static func values(_ words: [String]) throws -> [String: CIMValue] {
        var values: [String: CIMValue] = [:]
        var names: Set<CIMName> = []
        for (word, texts) in try Assignments(words).entries {
            let (name, type) = try declaration(word)
            guard names.insert(CIMName(name)).inserted else { throw ValidationError("--context \(name) is there with two types") }
            let value = try ArgumentValue.value(texts, type, "--context \(name)")
            guard !value.isNull else { throw ValidationError("--context \(name) is \(type), which needs a value") }
            values[name] = value
        }
        return values
    }

    /// What stands before the sign.
    private static func declaration(_ word: String) throws -> (name: String, type: CIMTypeReference) {
        let parts = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard !name.isEmpty else { throw ValidationError("--context '\(word)=…' has no name") }
        if let key = ContextKey.broker(named: name) {
            throw ValidationError("--context \(key) is not yours to give: \(substitute(for: key) ?? "the broker says it to the provider")")
        }
        guard parts.count == 2 else { return (name, CIMTypeReference(.string)) }
        let isArray = parts[1].hasSuffix("[]")
        guard let type = CIMType(mofName: String(isArray ? parts[1].dropLast(2) : parts[1])), type != .object else {
            throw ValidationError(
                "--context \(name): '\(parts[1])' is no type; write string, boolean, uint32, string[] or the like")
        }
        return (name, CIMTypeReference(type, isArray: isArray))
    }

    /// What says the same on the command line.
    private static func substitute(for key: String) -> String? {
        switch key {
        case ContextKey.timeout: "--timeout says it"
        case ContextKey.explain: "'cimctl explain' says it"
        case ContextKey.derivedSystemProperties: "cimctl asks for what it shows, and makes the rest itself"
        default: nil
        }
    }
}
