import DBus

/// A constant in the text of a context.
public enum ContextConstant: Hashable, Sendable {
    case text(String)
    case number(Int128)
    case boolean(Bool)
}

/// A property of a D-Bus interface.
public struct PropertyPlace: Hashable, Sendable {
    public var interface: InterfaceName
    public var name: String

    public init(_ interface: InterfaceName, _ name: String) {
        self.interface = interface
        self.name = name
    }

    /// The name tells nearly all apart.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// A path of an object, with places for keys of a CIM object: `/org/example/{Name}`.
public struct PathTemplate: Hashable, Sendable {
    public enum Element: Hashable, Sendable {
        case literal(String)
        /// A property of the CIM object, escaped as ``BusLabel`` does, or as it is.
        case property(String, isRaw: Bool)
        /// Any one element; only in the pattern of a tree.
        case any
        /// Any number of elements, none too; only at the end of the pattern of a tree.
        case rest
    }

    public var elements: [Element]

    public init(_ elements: [Element]) { self.elements = elements }

    /// Whether it is one path, whatever the object.
    public var isConstant: Bool { elements.allSatisfy { if case .literal = $0 { true } else { false } } }

    public var properties: [String] { elements.compactMap { if case .property(let name, _) = $0 { name } else { nil } } }

    /// The path of an object; nil where a value is not there, or makes no path.
    public func path(_ value: (String) -> String?) -> ObjectPath? {
        var text = ""
        for element in elements {
            switch element {
            case .literal(let literal): text += "/" + literal
            case .property(let name, let isRaw):
                guard let value = value(name) else { return nil }
                text += "/" + (isRaw ? value : BusLabel.escape(value))
            case .any, .rest: return nil
            }
        }
        return try? ObjectPath(text.isEmpty ? "/" : text)
    }

    /// The longest path that all objects of a pattern lie below or at.
    public var root: ObjectPath {
        let literals = elements.prefix { if case .literal = $0 { true } else { false } }
        return PathTemplate(Array(literals)).path { _ in nil } ?? .root
    }

    /// Whether an object at `path` is one of the pattern.
    public func matches(_ path: ObjectPath) -> Bool {
        let parts = path.elements
        if case .rest? = elements.last {
            guard parts.count >= elements.count - 1 else { return false }
        } else if parts.count != elements.count {
            return false
        }
        return zip(elements, parts).allSatisfy { element, part in
            if case .literal(let literal) = element { literal == part } else { true }
        }
    }

    /// How many levels below ``root`` objects lie; nil: at any depth.
    public var depth: Int? {
        if case .rest? = elements.last { return nil }
        return elements.count - root.elements.count
    }
}

/// An argument of a D-Bus method: its type, and where its value is.
public struct CallArgument: Hashable, Sendable {
    public enum Value: Hashable, Sendable {
        /// An in parameter of the CIM method; of a write: `value`.
        case parameter(String)
        /// `{Name}`: a property of the CIM object.
        case property(String)
        case constant(ContextConstant)
        /// `[]`, `['a', 'b']`.
        case list([ContextConstant])
    }

    public var signature: Signature
    public var value: Value

    public init(_ signature: Signature, _ value: Value) {
        self.signature = signature
        self.value = value
    }
}

/// A D-Bus method with its arguments.
public struct CallTemplate: Hashable, Sendable {
    /// Nil: at the object itself.
    public var path: PathTemplate?
    public var interface: InterfaceName
    public var member: MemberName
    public var arguments: [CallArgument]

    public init(path: PathTemplate? = nil, interface: InterfaceName, member: MemberName, arguments: [CallArgument] = []) {
        self.path = path
        self.interface = interface
        self.member = member
        self.arguments = arguments
    }

    public var signature: Signature { Signature(verified: arguments.map(\.signature.text).joined()) }
}

extension ContextScanner {
    /// `/org/example/{Name}/*`.
    mutating func pathTemplate(_ wanted: String, isPattern: Bool = false) throws(ContextError) -> PathTemplate {
        let start = offset
        let text = try path(wanted)
        var elements: [PathTemplate.Element] = []
        let parts = text.split(separator: "/", omittingEmptySubsequences: true)
        for (position, part) in parts.enumerated() {
            switch part {
            case "*" where isPattern: elements.append(.any)
            case "**" where isPattern && position == parts.count - 1: elements.append(.rest)
            case _ where part.hasPrefix("{") && part.hasSuffix("}") && !isPattern:
                let inner = part.dropFirst().dropLast()
                let name = inner.hasSuffix(":raw") ? inner.dropLast(4) : inner
                guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else {
                    throw ContextError(at: start, "expected the name of a property in braces, found '\(part)'")
                }
                elements.append(.property(String(name), isRaw: name.endIndex != inner.endIndex))
            default:
                guard (try? ObjectPath("/" + part)) != nil else {
                    throw ContextError(at: start, "expected \(wanted), found '\(part)' in it")
                }
                elements.append(.literal(String(part)))
            }
        }
        return PathTemplate(elements)
    }

    mutating func constantPath(_ wanted: String) throws(ContextError) -> ObjectPath {
        let start = offset
        let text = try path(wanted)
        guard let path = try? ObjectPath(text) else { throw ContextError(at: start, "expected \(wanted), found '\(text)'") }
        return path
    }

    /// `org.example.Interface`.
    mutating func interface() throws(ContextError) -> InterfaceName {
        let start = offset
        let text = try word("the name of an interface")
        do { return try InterfaceName(text) } catch {
            throw ContextError(at: start, "expected the name of an interface: \(error.reason): '\(text)'")
        }
    }

    /// `org.example.Interface.Member`, or `.Member` of the default interface.
    mutating func member(_ wanted: String, _ standard: InterfaceName?) throws(ContextError) -> (InterfaceName, MemberName) {
        let start = offset
        let text = try word(wanted)
        guard let dot = text.lastIndex(of: ".") else {
            throw ContextError(at: start, "expected \(wanted), such as org.example.Interface.Member or .Member, found '\(text)'")
        }
        guard let member = try? MemberName(String(text[text.index(after: dot)...])) else {
            throw ContextError(at: start, "expected \(wanted), found '\(text)', which has no member behind its last dot")
        }
        if dot == text.startIndex {
            guard let standard else {
                throw ContextError(at: start, "expected \(wanted) with its interface, because the class has no clause 'interface'")
            }
            return (standard, member)
        }
        guard let interface = try? InterfaceName(String(text[..<dot])) else {
            throw ContextError(at: start, "expected \(wanted), found '\(text)', whose interface is none")
        }
        return (interface, member)
    }

    /// `[at PATH] org.example.Interface.Method(s Name, u 0)`.
    mutating func callTemplate(_ standard: InterfaceName?) throws(ContextError) -> CallTemplate {
        var path: PathTemplate?
        if try skip("at") { path = try pathTemplate("the path of an object") }
        let (interface, member) = try member("a method", standard)
        return try callTemplate(path, interface, member)
    }

    mutating func callTemplate(_ path: PathTemplate?, _ interface: InterfaceName, _ member: MemberName) throws(ContextError) -> CallTemplate
    {
        try expect(symbol: "(")
        let arguments = try list(to: ")") { (scanner: inout ContextScanner) throws(ContextError) in try scanner.argument() }
        return CallTemplate(path: path, interface: interface, member: member, arguments: arguments)
    }

    private mutating func argument() throws(ContextError) -> CallArgument {
        let signature = try signature()
        if let constant = try constant() { return CallArgument(signature, .constant(constant)) }
        if try skip(symbol: "{") {
            let name = try word("the name of a property")
            try expect(symbol: "}")
            return CallArgument(signature, .property(name))
        }
        if try skip(symbol: "[") {
            let items = try list(to: "]") { (scanner: inout ContextScanner) throws(ContextError) -> ContextConstant in
                guard let constant = try scanner.constant() else { throw scanner.unexpected("a constant") }
                return constant
            }
            return CallArgument(signature, .list(items))
        }
        return CallArgument(signature, .parameter(try word("a parameter, a constant or a property in braces")))
    }

    /// A D-Bus type: words, and brackets of structures and dictionaries.
    private mutating func signature() throws(ContextError) -> Signature {
        let start = offset
        var text = ""
        var depth = 0
        while true {
            switch token {
            case .word(let word): text += word
            case .symbol("("), .symbol("{"):
                depth += 1
                text += token == .symbol("(") ? "(" : "{"
            case .symbol(")") where depth > 0, .symbol("}") where depth > 0:
                depth -= 1
                text += token == .symbol(")") ? ")" : "}"
            default: throw unexpected("a D-Bus type")
            }
            try advance()
            if depth == 0, let signature = try? Signature(text), signature.isSingleType { return signature }
            guard text.utf8.count < 64 else { break }
            // `a{sv}` and `a(ss)`: the brackets follow; else the word is no type.
            if depth == 0, token != .symbol("("), token != .symbol("{") { break }
        }
        throw ContextError(at: start, "expected a D-Bus type, found '\(text)'")
    }
}
