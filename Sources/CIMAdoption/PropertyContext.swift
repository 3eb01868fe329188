import CIM
import DBus

/// What the text of a property's `PropertyContext` says: where the value is, and what becomes of it.
public struct PropertyContext: Hashable, Sendable {
    /// Where a value is.
    public enum Origin: Hashable, Sendable {
        /// A column of the listing method.
        case column(String)
        case property(PropertyPlace)
        /// What a method of the object returns first.
        case call(CallTemplate)
        /// The object's path.
        case path
        /// An element of the path, counted from its end, unescaped as ``BusLabel`` does, or as it is.
        case pathElement(Int, isRaw: Bool)
        /// The element of a property of the clause `each`, and the name of that property.
        case element
        case member
        case constant(ContextConstant)
    }

    /// A step into a compound value.
    public enum Step: Hashable, Sendable {
        /// A field of a structure, or an element of an array; from 0.
        case field(Int)
        /// The value behind a key of a dictionary.
        case key(String)
        /// Each element of an array: the steps behind it go into each.
        case every
    }

    /// One place of the value, and what becomes of it.
    public struct Way: Hashable, Sendable {
        public var origin: Origin
        public var steps: [Step] = []
        public var conversions: [Conversion] = []

        public init(origin: Origin, steps: [Step] = [], conversions: [Conversion] = []) {
            self.origin = origin
            self.steps = steps
            self.conversions = conversions
        }
    }

    /// The first that can be had as the objects are read is taken. Empty: the property is always NULL.
    public var ways: [Way]

    /// How the property is written, where it is not by `org.freedesktop.DBus.Properties.Set`.
    public var setter: CallTemplate?

    public init(ways: [Way], setter: CallTemplate? = nil) {
        self.ways = ways
        self.setter = setter
    }
}

extension PropertyContext {
    /// - Parameter standard: the default interface of the class that declares the property.
    public init(_ text: String, _ standard: InterfaceName?) throws(ContextError) {
        var scanner = try ContextScanner(text)
        if try scanner.skip("none") {
            guard scanner.token == .end else { throw scanner.unexpected("the end") }
            self.init(ways: [])
            return
        }
        var ways: [Way] = []
        repeat { ways.append(try scanner.way(standard)) } while try scanner.skip("or")
        var setter: CallTemplate?
        if try scanner.skip(symbol: ";") {
            guard try scanner.skip("set") else { throw scanner.unexpected("'set'") }
            setter = try scanner.callTemplate(standard)
        }
        guard scanner.token == .end else { throw scanner.unexpected("'or', '|', ';' or the end") }
        self.init(ways: ways, setter: setter)
    }
}

extension ContextScanner {
    fileprivate mutating func way(_ standard: InterfaceName?) throws(ContextError) -> PropertyContext.Way {
        var way = PropertyContext.Way(origin: try origin(standard))
        while try skip(symbol: "[") {
            switch token {
            case .number(let number):
                guard let index = Int(exactly: number), (0..<1000).contains(index) else { throw unexpected("an index, from 0") }
                way.steps.append(.field(index))
            case .text(let key): way.steps.append(.key(key))
            case .symbol("*"): way.steps.append(.every)
            default: throw unexpected("an index, a key in single quotes, or '*'")
            }
            try advance()
            try expect(symbol: "]")
        }
        way.conversions = try conversions()
        return way
    }

    private mutating func origin(_ standard: InterfaceName?) throws(ContextError) -> PropertyContext.Origin {
        if let constant = try constant() { return .constant(constant) }
        if try skip("column") { return .column(try word("the name of a column")) }
        if try skip("element") { return .element }
        if try skip("member") { return .member }
        if try skip("path") {
            var fromEnd: Int?
            if try skip("last") {
                fromEnd = 0
            } else if try skip("element") {
                guard case .number(let number) = token, let value = Int(exactly: number), (-32...(-1)).contains(value) else {
                    throw unexpected("which element, from the end: -1 is the last")
                }
                fromEnd = -value - 1
                try advance()
            }
            guard let fromEnd else { return .path }
            return .pathElement(fromEnd, isRaw: try skip("raw"))
        }
        if token == .word("at") { return .call(try callTemplate(standard)) }
        guard case .word = token else { throw unexpected("where the value is") }
        let (interface, member) = try member("a property of the object", standard)
        if token == .symbol("(") { return .call(try callTemplate(nil, interface, member)) }
        return .property(PropertyPlace(interface, member.text))
    }

    /// `| conversion | conversion`.
    mutating func conversions() throws(ContextError) -> [Conversion] {
        var conversions: [Conversion] = []
        while try skip(symbol: "|") { conversions.append(try conversion()) }
        return conversions
    }

    private mutating func conversion() throws(ContextError) -> Conversion {
        let start = offset
        switch try word("a conversion") {
        case "since1970": return .since1970(try unit())
        case "sinceBoot": return .sinceBoot(try unit())
        case "interval": return .interval(try unit())
        case "null":
            var values: [ContextConstant] = []
            while let value = try constant() { values.append(value) }
            guard !values.isEmpty else { throw unexpected("the constants that mean NULL") }
            return .null(values)
        case "ref":
            let place = offset
            let text = try word("the name of a class")
            guard let dot = text.firstIndex(of: ".") else { return .reference(text, key: nil) }
            let key = text[text.index(after: dot)...]
            guard !key.isEmpty, !key.contains(".") else { throw ContextError(at: place, "expected Class or Class.Key, found '\(text)'") }
            return .reference(String(text[..<dot]), key: String(key))
        case "json": return .json
        case "text": return .text
        case "hex": return .hexadecimal
        case "join": return .join(try text("what stands between, in single quotes"))
        case "keys": return .keys
        case "count": return .count
        case "label": return .label
        case "embedded": return .embedded(try word("the name of a class"))
        case "map":
            var pairs: [ContextConstant: ContextConstant] = [:]
            repeat {
                guard let from = try constant() else { throw unexpected("a constant") }
                try expect(symbol: "=")
                guard let to = try constant() else { throw unexpected("a constant") }
                pairs[from] = to
            } while try skip(symbol: ",")
            return .map(pairs)
        case let word:
            throw ContextError(
                at: start,
                "expected since1970, sinceBoot, interval, null, ref, json, text, hex, join, keys, count, label, embedded or map, found '\(word.prefix(64))'"
            )
        }
    }

    private mutating func unit() throws(ContextError) -> Conversion.TimeUnit {
        let start = offset
        guard let unit = Conversion.TimeUnit(rawValue: try word("a unit: ns, us, ms, s, min")) else {
            throw ContextError(at: start, "expected a unit: ns, us, ms, s or min")
        }
        return unit
    }
}
