import CIM

/// Names of MOF as names of Swift.
enum SwiftNames {
    /// Words that are no plain identifiers in Swift.
    static let keywords: Set<String> = [
        "Any", "Self", "actor", "any", "as", "associatedtype", "async", "await", "borrowing", "break", "case", "catch", "class",
        "consuming",
        "continue", "default", "defer", "deinit", "do", "else", "enum", "extension", "fallthrough", "false", "fileprivate", "for", "func",
        "guard", "if", "import", "in", "init", "inout", "internal", "is", "let", "nil", "open", "operator", "precedencegroup", "private",
        "protocol", "public", "repeat", "rethrows", "return", "self", "some", "static", "struct", "subscript", "super", "switch", "throw",
        "throws", "true", "try", "typealias", "var", "where", "while",
    ]

    /// Those of them that mean something else as a member even in backticks.
    private static let impossible: Set<String> = ["Self", "Type", "init", "self"]

    /// Types that generated code names: a class or a nested type of one of these names would hide it.
    static let types: Set<String> = [
        "AddressableInstance", "Any", "Array", "Bool", "CIMDateTime", "CIMError", "CIMInstance", "CIMName", "CIMObjectPath",
        "CIMTypeReference", "CIMValue", "Char16", "Double", "Error", "Float", "InstanceShape", "Int16", "Int32", "Int64", "Int8", "Keys",
        "Never", "OperationOptions", "OptionSet", "Optional", "PropertyReader", "PropertyWriter", "Protocol", "RawValue", "Reader",
        "Reference", "RequestContext", "Self", "Session", "String", "Superclass", "Swift", "Type", "TypedAdapter", "TypedEnumeration",
        "TypedInstance", "TypedKeys", "TypedParameters", "TypedProvider", "TypedRows", "TypedSubclass", "UInt16", "UInt32", "UInt64",
        "UInt8", "Void", "Writer",
    ]

    /// Members that a generated type has beside its properties, or that its protocols give it.
    static let members: Set<String> = [
        "cimValue", "customMirror", "debugDescription", "hashValue", "instance", "keys", "path", "rawValue", "reference", "superclass",
        "valueName",
    ]

    /// The most letters of a name that is made of several words.
    private static let longest = 64

    /// A member: "MountID" is mountID, "CSName" csName, "my_flag" myFlag.
    static func member(_ name: String) -> String {
        let words = words(of: name)
        guard let first = words.first else { return "value" }
        // What reads as a sentence is no name: as many words as fit.
        var length = 0
        let rest = words.dropFirst().prefix { word in
            length += word.count
            return first.count + length <= longest
        }
        return startingWithLetter(decapitalized(first) + rest.map(capitalized).joined(), or: "value")
    }

    /// A type that is nested in another.
    static func nestedType(_ name: String) -> String {
        startingWithLetter(words(of: name).map(capitalized).joined(), or: "Value")
    }

    /// As it stands in code.
    static func escaped(_ name: String) -> String { keywords.contains(name) ? "`\(name)`" : name }

    /// As the label of an argument, where most keywords are plain words.
    static func label(_ name: String) -> String { ["inout", "let", "var"].contains(name) ? "`\(name)`" : name }

    /// Whether a member may be called so, in backticks where it is a keyword.
    static func canBeMember(_ name: String) -> Bool { !impossible.contains(name) && !members.contains(name) }

    /// The words that are free of signs; a letter that is not ASCII is written by its number.
    static func words(of name: String) -> [String] {
        var words: [String] = []
        var word = ""
        for scalar in name.unicodeScalars {
            if isWordScalar(scalar) {
                word.unicodeScalars.append(scalar)
            } else {
                if !word.isEmpty { words.append(word) }
                word = scalar.value < 0x80 ? "" : "u" + String(scalar.value, radix: 16)
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    /// The spelling of MOF, as far as it can be an identifier.
    static func verbatim(_ name: String) -> String {
        let text = name.unicodeScalars.map { scalar in
            isWordScalar(scalar) || scalar == "_" ? String(scalar) : "u" + String(scalar.value, radix: 16)
        }
        return startingWithLetter(text.joined(), or: "value")
    }

    private static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x80 && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
    }

    private static func startingWithLetter(_ text: String, or prefix: String) -> String {
        guard let first = text.unicodeScalars.first else { return prefix }
        return ("0"..."9").contains(first) ? prefix + text : text
    }

    static func capitalized(_ word: String) -> String { word.prefix(1).uppercased() + word.dropFirst() }

    /// The capitals at the start in lower case, but for the one that begins the next word.
    static func decapitalized(_ word: String) -> String {
        let capitals = word.prefix { $0.isUppercase }
        guard !capitals.isEmpty else { return word }
        let rest = word.dropFirst(capitals.count)
        if capitals.count == 1 || rest.isEmpty || rest.first?.isNumber == true { return capitals.lowercased() + rest }
        // "IDs" is one word, and "CSName" are two.
        if rest == "s" { return capitals.lowercased() + rest }
        return capitals.dropLast().lowercased() + word.dropFirst(capitals.count - 1)
    }
}

/// Gives each name of a scope once.
struct NameScope {
    private(set) var used: Set<String>

    init(_ used: Set<String> = []) { self.used = used }

    /// The first of the candidates that nobody has; nil where each is taken.
    mutating func take(_ candidates: [String]) -> String? {
        for candidate in candidates where used.insert(candidate).inserted { return candidate }
        return nil
    }

    /// The first of the candidates that nobody has; behind them a word, and this word with a number from 2 on.
    mutating func take(_ candidates: [String], numbering word: String) -> String {
        if let taken = take(candidates + [word]) { return taken }
        var number = 2
        while !used.insert("\(word)\(number)").inserted { number += 1 }
        return "\(word)\(number)"
    }
}
