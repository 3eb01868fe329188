import DBus

/// A signal, and what its arguments are.
public struct SignalTemplate: Hashable, Sendable {
    public var interface: InterfaceName
    public var member: MemberName
    public var arguments: [ClassContext.Column]

    public init(_ interface: InterfaceName, _ member: MemberName, _ arguments: [ClassContext.Column]) {
        self.interface = interface
        self.member = member
        self.arguments = arguments
    }
}

extension ClassContext {
    /// How a service tells that objects of the class come, change and go.
    public struct Signals: Hashable, Sendable {
        public enum Telling: Hashable, Sendable {
            /// `InterfacesAdded` and `InterfacesRemoved` of the clause `managed`.
            case manager
            /// A signal with the object's path.
            case signal(SignalTemplate)
        }

        /// What is called first, so that the service sends signals.
        public var preparation: CallTemplate?
        public var created: Telling?
        public var deleted: Telling?
        /// `PropertiesChanged` of the objects.
        public var tellsChanges = false
        /// Whether the class has it of the one that its clause `like` names.
        public var isInherited = false

        public init() {}

        /// The classes of events that follow.
        public var eventClasses: [String] {
            [
                created.map { _ in "__InstanceCreationEvent" }, tellsChanges ? "__InstanceModificationEvent" : nil,
                deleted.map { _ in "__InstanceDeletionEvent" },
            ].compactMap { $0 }
        }
    }
}

/// What the text of an event class's `EventContext` says: which signal its events are.
public struct EventContext: Hashable, Sendable {
    public var bus = ClassContext.Bus.own
    public var service: BusName
    public var signal: SignalTemplate
    /// Where the signal comes from; nil: from any object.
    public var path: PathTemplate?
    public var preparation: CallTemplate?
}

extension ContextScanner {
    /// `org.example.Interface.Signal(Name, _, path)`.
    mutating func signalTemplate(_ standard: InterfaceName?) throws(ContextError) -> SignalTemplate {
        let (interface, member) = try member("a signal", standard)
        try expect(symbol: "(")
        return SignalTemplate(interface, member, try columns("an argument"))
    }

    /// Names with commas between them, and the closing parenthesis: `_` is not needed, `path` is the object's path.
    mutating func columns(_ what: String) throws(ContextError) -> [ClassContext.Column] {
        try list(to: ")") { (scanner: inout ContextScanner) throws(ContextError) -> ClassContext.Column in
            let name = try scanner.word("the name of \(what)")
            return name == "_" ? .ignored : name == "path" ? .path : .named(name)
        }
    }

    /// A method that is called before anything is known: it has constants alone.
    mutating func preparation(_ standard: InterfaceName?) throws(ContextError) -> CallTemplate {
        let start = offset
        let call = try callTemplate(standard)
        guard call.path != nil else { throw ContextError(at: start, "expected 'at PATH' before \(call.member)") }
        guard call.parameters.isEmpty, call.properties.isEmpty else {
            throw ContextError(at: start, "expected constants in the path and in the arguments of \(call.member)")
        }
        return call
    }

    mutating func service() throws(ContextError) -> BusName {
        let place = offset
        let text = try word("the bus name of a service")
        do { return try BusName(text) } catch { throw ContextError(at: place, "expected the bus name of a service: \(error.reason)") }
    }

    mutating func bus() throws(ContextError) -> ClassContext.Bus {
        let start = offset
        guard let bus = ClassContext.Bus(rawValue: try word("own, system or session")) else {
            throw ContextError(at: start, "expected bus own, bus system or bus session")
        }
        return bus
    }

    /// `events after CALL, created SIGNAL, deleted SIGNAL, changed`.
    mutating func signals(_ standard: InterfaceName?, isManaged: Bool) throws(ContextError) -> ClassContext.Signals {
        var signals = ClassContext.Signals()
        var seen: Set<String> = []
        repeat {
            let start = offset
            let word = try word("after, created, deleted or changed")
            guard seen.insert(word).inserted else { throw ContextError(at: start, "expected one '\(word)', found another") }
            switch word {
            case "after": signals.preparation = try preparation(standard)
            case "created": signals.created = try telling(standard, isManaged)
            case "deleted": signals.deleted = try telling(standard, isManaged)
            case "changed": signals.tellsChanges = true
            default: throw ContextError(at: start, "expected after, created, deleted or changed, found '\(word.prefix(64))'")
            }
        } while try skip(symbol: ",")
        guard !signals.eventClasses.isEmpty else { throw unexpected("created, deleted or changed") }
        return signals
    }

    private mutating func telling(_ standard: InterfaceName?, _ isManaged: Bool) throws(ContextError) -> ClassContext.Signals.Telling {
        guard case .word = token else {
            guard isManaged else { throw unexpected("a signal: the class has no clause 'managed' before it") }
            return .manager
        }
        let start = offset
        let signal = try signalTemplate(standard)
        guard signal.arguments.contains(.path) else {
            throw ContextError(at: start, "expected 'path' among the arguments of \(signal.member): which object is it about?")
        }
        return .signal(signal)
    }
}

extension EventContext {
    public init(_ text: String) throws(ContextError) {
        var scanner = try ContextScanner(text)
        var (service, signal): (BusName?, SignalTemplate?)
        var (bus, path, preparation): (ClassContext.Bus?, PathTemplate?, CallTemplate?)
        var seen: Set<String> = []
        while scanner.token != .end {
            let start = scanner.offset
            let keyword = try scanner.word("a clause")
            guard seen.insert(keyword).inserted else { throw ContextError(at: start, "expected one clause '\(keyword)', found another") }
            switch keyword {
            case "service": service = try scanner.service()
            case "bus": bus = try scanner.bus()
            case "signal": signal = try scanner.signalTemplate(nil)
            case "path": path = try scanner.pathTemplate("a pattern of paths", isPattern: true)
            case "after": preparation = try scanner.preparation(nil)
            default:
                throw ContextError(at: start, "expected service, bus, signal, path or after, found '\(keyword.prefix(64))'")
            }
            if scanner.token == .end { break }
            try scanner.expect(symbol: ";")
        }
        guard let service else { throw ContextError(at: scanner.offset, "expected a clause 'service'") }
        guard let signal else { throw ContextError(at: scanner.offset, "expected a clause 'signal'") }
        self.init(bus: bus ?? .own, service: service, signal: signal, path: path, preparation: preparation)
    }
}
