import ArgumentParser
import CIMBusClient

/// The `name=value` words of a command, and how a value becomes one of its class's type.
struct Assignments {
    /// In the order of their first appearance; a name given again adds an element.
    private(set) var entries: [(name: String, texts: [String])] = []

    init(_ words: [String]) throws {
        for word in words {
            guard let sign = word.firstIndex(of: "="), sign != word.startIndex else {
                throw ValidationError("'\(word)' is not name=value")
            }
            let name = String(word[..<sign])
            let text = String(word[word.index(after: sign)...])
            if let index = entries.firstIndex(where: { CIMName.equal($0.name, name) }) {
                entries[index].texts.append(text)
            } else {
                entries.append((name, [text]))
            }
        }
    }

    /// The value of a property, if it is among them.
    func value(named name: String, _ type: CIMTypeReference) throws -> CIMValue? {
        guard let entry = entries.first(where: { CIMName.equal($0.name, name) }) else { return nil }
        return try ArgumentValue.value(entry.texts, type, name)
    }

    /// The values, each of the type that `declared` says for its name.
    /// - Parameter classes: gives the classes of embedded objects.
    func values(
        _ what: String, _ declared: [(name: String, type: CIMTypeReference)], classes: @escaping EmbeddedArgument.Classes
    ) async throws -> [(name: String, value: CIMValue)] {
        var values: [(name: String, value: CIMValue)] = []
        for entry in entries {
            guard let found = declared.first(where: { CIMName.equal($0.name, entry.name) }) else {
                throw ValidationError(Suggestion.missing(entry.name, what, among: declared.map(\.name)))
            }
            let value =
                found.type.base == .object
                ? try await EmbeddedArgument(classes: classes).value(entry.texts, found.type, found.name)
                : try ArgumentValue.value(entry.texts, found.type, found.name)
            values.append((found.name, value))
        }
        return values
    }
}

enum ArgumentValue {
    /// Several texts, a JSON array or a list with commas make an array; anything else is one value.
    static func value(_ texts: [String], _ type: CIMTypeReference, _ name: String) throws -> CIMValue {
        guard type.isArray else {
            guard texts.count == 1 else { throw ValidationError("\(name) is \(type), not an array: give it once") }
            return try scalar(texts[0], type.base, name)
        }
        var elements = texts
        if texts.count == 1 {
            if texts[0].isEmpty { return .array(of: type.base, []) }
            if texts[0].first == "[" {
                elements = try self.elements(of: texts[0], name)
            } else {
                elements = texts[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            }
        }
        return .array(
            of: type.base,
            try elements.map { text in
                let value = try scalar(text, type.base, name)
                guard !value.isNull else { throw ValidationError("\(name): an element of an array cannot be NULL") }
                return value
            })
    }

    /// The texts of a JSON array's elements.
    private static func elements(of text: String, _ name: String) throws -> [String] {
        let read: JSONValue
        do throws(JSONReader.Failure) {
            read = try JSONReader.read(text)
        } catch {
            throw ValidationError("\(name): '\(text)' is not a JSON array: \(error)")
        }
        guard case .array(let elements) = read else { throw ValidationError("\(name): '\(text)' is not a JSON array") }
        return try elements.map { element in
            switch element {
            case .word(let text), .string(let text): return text
            case .null: throw ValidationError("\(name): an element of an array cannot be NULL")
            case .array, .object: throw ValidationError("\(name): '\(text)' has an element that is no single value")
            }
        }
    }

    /// One value, as ``CIMValue/read(asScalar:)`` reads texts; a boolean may be yes or no, too, and a char16 its number. Empty text is NULL, but
    /// for a string.
    static func scalar(_ text: String, _ type: CIMType, _ name: String) throws -> CIMValue {
        if type == .string { return .string(text) }
        if text.isEmpty { return .null }
        if type == .object { throw ValidationError("\(name) is an embedded object, which has no place here") }
        let written = CIMValue.string(text)
        if let value = written.read(asScalar: type) { return value }
        if type == .boolean, let word = ["yes": true, "no": false][text.lowercased()] { return .boolean(word) }
        if type == .char16, let value = written.read(asScalar: .uint16)?.converted(toScalar: .char16) { return value }
        throw ValidationError("\(name) must be \(type.mofName), not '\(text)'")
    }
}
