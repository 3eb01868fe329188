import CIM
import DBus

/// What the text of a class's `ClassContext` says: which service has the objects, how they are found, and what they have in common.
public struct ClassContext: Hashable, Sendable {
    /// The bus on which the service is.
    public enum Bus: String, Hashable, Sendable {
        /// That on which the broker is.
        case own
        case system
        case session
    }

    /// How the objects of the class are found.
    public enum Source: Hashable, Sendable {
        /// There is one.
        case object(ObjectPath)
        /// `org.freedesktop.DBus.ObjectManager` at this path has them.
        case managed(ObjectPath)
        /// Those whose path fits the pattern, found by introspection.
        case tree(PathTemplate)
        /// A method returns them as rows.
        case list(CallTemplate, [Column])
    }

    /// What a field of a row is.
    public enum Column: Hashable, Sendable {
        case named(String)
        /// The object's path.
        case path
        /// Nothing that is needed.
        case ignored
    }

    /// How one object is found by the keys of its CIM object, without looking at the others.
    public enum Finding: Hashable, Sendable {
        /// It is at this path.
        case path(PathTemplate)
        /// A method returns its path.
        case call(CallTemplate)
    }

    /// A condition on a property of the CIM class that can be told before an object is read: on columns and on what is in the path.
    public struct Condition: Hashable, Sendable {
        public enum Test: Hashable, Sendable {
            case equal(ContextConstant)
            case unequal(ContextConstant)
            /// With `*` for any text.
            case like(String)
        }

        public var property: String
        public var test: Test
    }

    /// A property whose elements are objects of the class.
    public struct Each: Hashable, Sendable {
        public var property: PropertyPlace
        /// The property of the elements' own objects that says the same from the other side.
        public var inverse: PropertyPlace?

        public init(property: PropertyPlace, inverse: PropertyPlace? = nil) {
            self.property = property
            self.inverse = inverse
        }
    }

    /// When an object that answers is none: services make some up.
    public struct Absence: Hashable, Sendable {
        public var property: PropertyPlace
        public var value: ContextConstant
        /// It is one all the same where this call does not fail.
        public var unless: CallTemplate?
    }

    /// That objects' properties are kept, and not asked for each time. What keeps them true are the service's signals.
    public struct Caching: Hashable, Sendable {
        /// What is called first, so that the service sends signals.
        public var preparation: CallTemplate?
    }

    public var bus = Bus.own
    public var service = BusName.bus
    /// Whether reading starts the service.
    public var startsService = true
    public var source: Source
    /// Whose properties are meant by `.Name`.
    public var interface: InterfaceName?
    /// An object must have these interfaces.
    public var required: [InterfaceName] = []
    public var finding: Finding?
    public var conditions: [Condition] = []
    public var absence: Absence?
    /// Each element of each of these properties is an object of the class: for associations.
    public var each: [Each] = []
    public var polkitAction: String?
    public var errors: [ErrorName: WBEMStatus] = [:]
    public var timeout: Duration?
    public var caching: Caching?
    /// Nil: nobody is told when objects come, change or go.
    public var signals: Signals?
    /// The class that this one derives from where the repository has it.
    public var optionalSuperclass: String?
}

extension ClassContext {
    /// Reads the text.
    /// - Parameter parent: the context of the class that `like` names; nil where there is none of that name, or its own cannot be read.
    public init(_ text: String, like parent: (String) -> ClassContext?) throws(ContextError) {
        var scanner = try ContextScanner(text)
        var reader = ClauseReader()
        if try scanner.skip("like") {
            let start = scanner.offset
            let name = try scanner.word("the name of a class")
            guard let parent = parent(name) else {
                throw ContextError(at: start, "expected a class that has a ClassContext without faults, found '\(name)'")
            }
            reader.take(parent)
            guard scanner.token == .symbol(";") || scanner.token == .end else { throw scanner.unexpected("';'") }
            _ = try scanner.skip(symbol: ";")
        }
        while scanner.token != .end {
            try reader.clause(&scanner)
            if scanner.token == .end { break }
            try scanner.expect(symbol: ";")
        }
        self = try reader.context(at: scanner.offset)
    }
}

/// Takes the clauses one by one.
private struct ClauseReader {
    var context = ClassContext(source: .object(.root))
    private var seen: Set<String> = []
    private var hasSource = false
    private var hasService = false

    mutating func take(_ parent: ClassContext) {
        context = parent
        context.optionalSuperclass = nil
        context.signals?.isInherited = true
        (hasSource, hasService) = (true, true)
    }

    mutating func clause(_ scanner: inout ContextScanner) throws(ContextError) {
        let start = scanner.offset
        guard case .word(let keyword) = scanner.token else { throw scanner.unexpected("a clause") }
        try scanner.advance()
        let isSource = ["object", "managed", "tree", "list"].contains(keyword)
        guard seen.insert(isSource ? "source" : keyword).inserted || ["where", "error", "having"].contains(keyword) else {
            throw ContextError(at: start, "expected one clause '\(keyword)', found another")
        }
        switch keyword {
        case "service":
            context.service = try scanner.service()
            hasService = true
        case "bus": context.bus = try scanner.bus()
        case "start":
            guard try scanner.skip("never") else { throw scanner.unexpected("'never'") }
            context.startsService = false
        case "object": context.source = .object(try scanner.constantPath("the path of an object"))
        case "managed": context.source = .managed(try scanner.constantPath("the path of an object"))
        case "tree": context.source = .tree(try scanner.pathTemplate("a pattern of paths", isPattern: true))
        case "list": context.source = try list(&scanner)
        case "interface": context.interface = try scanner.interface()
        case "having": repeat { context.required.append(try scanner.interface()) } while try scanner.skip(symbol: ",")
        case "find": context.finding = try finding(&scanner)
        case "where": repeat { context.conditions.append(try condition(&scanner)) } while try scanner.skip("and")
        case "absent": context.absence = try absence(&scanner)
        case "each":
            context.each = []
            repeat {
                let (interface, name) = try scanner.member("a property", context.interface)
                var each = ClassContext.Each(property: PropertyPlace(interface, name.text))
                if try scanner.skip("inverse") {
                    let (interface, name) = try scanner.member("a property", context.interface)
                    each.inverse = PropertyPlace(interface, name.text)
                }
                context.each.append(each)
            } while try scanner.skip(symbol: ",")
        case "polkit": context.polkitAction = try scanner.word("the name of a polkit action")
        case "error": try error(&scanner)
        case "timeout":
            guard case .number(let seconds) = scanner.token, (1...600).contains(seconds) else {
                throw scanner.unexpected("seconds, 1 to 600")
            }
            context.timeout = .seconds(Int64(seconds))
            try scanner.advance()
        case "cache": context.caching = try caching(&scanner)
        case "events":
            var isManaged = false
            if case .managed = context.source, hasSource { isManaged = true }
            context.signals = try scanner.signals(context.interface, isManaged: isManaged)
        case "derives": context.optionalSuperclass = try scanner.word("the name of a class")
        default:
            throw ContextError(
                at: start,
                "expected service, bus, start, object, managed, tree, list, interface, having, find, where, absent, each, polkit, error, timeout, cache, events or derives, found '\(keyword.prefix(64))'"
            )
        }
        if isSource { hasSource = true }
    }

    private mutating func list(_ scanner: inout ContextScanner) throws(ContextError) -> ClassContext.Source {
        let path = try scanner.pathTemplate("the path of the object with the method")
        guard path.isConstant else { throw scanner.unexpected("a path without properties") }
        let (interface, member) = try scanner.member("a method", context.interface)
        let call = try scanner.callTemplate(path, interface, member)
        try scanner.expect(symbol: "->")
        try scanner.expect(symbol: "(")
        return .list(call, try scanner.columns("a column"))
    }

    private func finding(_ scanner: inout ContextScanner) throws(ContextError) -> ClassContext.Finding {
        let path = try scanner.pathTemplate("the path of an object")
        guard case .word = scanner.token else { return .path(path) }
        let (interface, member) = try scanner.member("a method", context.interface)
        return .call(try scanner.callTemplate(path, interface, member))
    }

    private func condition(_ scanner: inout ContextScanner) throws(ContextError) -> ClassContext.Condition {
        let property = try scanner.word("the name of a property")
        if try scanner.skip("like") { return .init(property: property, test: .like(try scanner.text("a pattern in single quotes"))) }
        let isEqual = try scanner.skip(symbol: "=")
        if !isEqual, try !scanner.skip("not") { throw scanner.unexpected("'=', 'not' or 'like'") }
        guard let constant = try scanner.constant() else { throw scanner.unexpected("a constant") }
        return .init(property: property, test: isEqual ? .equal(constant) : .unequal(constant))
    }

    private func absence(_ scanner: inout ContextScanner) throws(ContextError) -> ClassContext.Absence {
        let (interface, name) = try scanner.member("a property", context.interface)
        try scanner.expect(symbol: "=")
        guard let value = try scanner.constant() else { throw scanner.unexpected("a constant") }
        var absence = ClassContext.Absence(property: PropertyPlace(interface, name.text), value: value)
        if try scanner.skip("unless") { absence.unless = try scanner.callTemplate(context.interface) }
        return absence
    }

    private func caching(_ scanner: inout ContextScanner) throws(ContextError) -> ClassContext.Caching {
        guard scanner.token == .word("at") else { return ClassContext.Caching() }
        let start = scanner.offset
        let call = try scanner.callTemplate(context.interface)
        guard call.parameters.isEmpty, call.properties.isEmpty else {
            throw ContextError(at: start, "expected constants in the path and in the arguments of \(call.member)")
        }
        return ClassContext.Caching(preparation: call)
    }

    private mutating func error(_ scanner: inout ContextScanner) throws(ContextError) {
        repeat {
            let start = scanner.offset
            let text = try scanner.word("the name of a D-Bus error")
            guard let name = try? ErrorName(text) else {
                throw ContextError(at: start, "expected the name of a D-Bus error")
            }
            try scanner.expect(symbol: "=")
            let place = scanner.offset
            let word = try scanner.word("the name of a status")
            guard let status = WBEMStatus(errorName: word) else {
                throw ContextError(at: place, "expected the name of a status, such as NotFound, found '\(word.prefix(64))'")
            }
            context.errors[name] = status
        } while try scanner.skip(symbol: ",")
    }

    func context(at end: Int) throws(ContextError) -> ClassContext {
        guard hasService else { throw ContextError(at: end, "expected a clause 'service'") }
        guard hasSource else { throw ContextError(at: end, "expected a clause 'object', 'managed', 'tree' or 'list'") }
        // An element of a property is none of the objects that could be found.
        var context = context
        if !context.each.isEmpty { (context.finding, context.absence, context.conditions, context.signals) = (nil, nil, [], nil) }
        return context
    }
}
