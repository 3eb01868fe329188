import CIM
import DBus

/// What is checked of a mapping beyond the grammar of its texts.
extension AdoptedClasses {
    mutating func check(_ adopted: AdoptedClass) {
        for fault in AdoptedClassChecker(adopted, declarations).faults { add(fault) }
    }

    /// An event has what its signal has, and nothing else: nobody is asked.
    mutating func check(_ event: AdoptedEvent) {
        func complain(_ message: String, _ feature: String?, _ qualifiers: [CIMQualifier], _ name: String) {
            let text = qualifiers.named(name)?.value.stringValue
            add(
                Fault(
                    className: event.name, feature: feature, qualifier: text.map { _ in name }, text: text, offset: 0, message: message))
        }
        let declaration = event.adopted.declaration
        if declaration.providerName != nil || declaration.isDynamic {
            complain(
                "expected no qualifiers dynamic and provider: an event is raised, and nobody asks for it", nil, declaration.qualifiers,
                "EventContext")
        }
        for property in declaration.properties {
            let named = event.adopted.properties[CIMName(property.name)]
            let context = property.qualifiers.named("PropertyContext") == nil ? "EventContext" : "PropertyContext"
            let qualifiers = context == "EventContext" ? declaration.qualifiers : property.qualifiers
            for way in named?.ways ?? [] {
                switch way.origin {
                case .column(let column):
                    guard !event.context.signal.arguments.contains(.named(column)) else { continue }
                    complain(
                        "expected an argument of the signal \(event.context.signal.member) for \(property.name), found '\(column)'",
                        property.name, qualifiers, context)
                case .path, .pathElement, .constant: break
                case .property, .call, .element, .member:
                    complain(
                        "expected an argument, the path or a constant: an event has what its signal has", property.name, qualifiers, context
                    )
                }
            }
            if property.type.base == .reference, !(named?.ways ?? []).allSatisfy(\.hasReference) {
                complain("expected '| ref CLASS' or '| ref CLASS.KEY': \(property.name) is a reference", property.name, qualifiers, context)
            }
        }
    }
}

private struct AdoptedClassChecker {
    let adopted: AdoptedClass
    let declarations: [CIMName: CIMClass]
    var faults: [AdoptedClasses.Fault] = []

    init(_ adopted: AdoptedClass, _ declarations: [CIMName: CIMClass]) {
        self.adopted = adopted
        self.declarations = declarations
        checkClass()
        for property in adopted.declaration.properties { check(property) }
        for method in adopted.declaration.methods { check(method) }
    }

    private mutating func add(_ message: String, _ feature: String? = nil, _ qualifiers: [CIMQualifier], _ name: String) {
        let text = qualifiers.named(name)?.value.stringValue
        faults.append(
            AdoptedClasses.Fault(
                className: adopted.name, feature: feature, qualifier: text.map { _ in name }, text: text, offset: 0, message: message))
    }

    private mutating func checkClass() {
        let declaration = adopted.declaration
        let context = adopted.context
        func complain(_ checker: inout Self, _ message: String) { checker.add(message, nil, declaration.qualifiers, "ClassContext") }
        if declaration.keyProperties.isEmpty, !declaration.isSingleton {
            complain(&self, "expected a key property, or the qualifier singleton, in class \(declaration.name)")
        }
        if declaration.isSingleton, case .object = context.source {
        } else if declaration.isSingleton {
            complain(&self, "expected a clause 'object' for a class with the qualifier singleton")
        }
        if let signals = context.signals, let place = adopted.onlyInColumn {
            complain(
                &self,
                "expected a place beside the column for \(place) because of 'events' (\(signals.eventClasses[0])): a signal has no rows")
        }
        for condition in context.conditions where declaration.property(named: condition.property) == nil {
            complain(&self, "expected the name of a property behind 'where', found '\(condition.property)'")
        }
        var named: [String] = []
        if case .path(let path)? = context.finding { named = path.properties }
        if case .call(let call)? = context.finding { named = call.properties + call.parameters }
        for name in named where !(declaration.property(named: name)?.isKey ?? false) {
            complain(&self, "expected the name of a key in braces behind 'find', found '\(name)'")
        }
        if case .list(let call, _) = context.source, !call.parameters.isEmpty || !call.properties.isEmpty {
            complain(
                &self, "expected constants as the arguments of the method behind 'list', found '\((call.parameters + call.properties)[0])'")
        }
    }

    private mutating func check(_ property: CIMProperty) {
        guard let place = adopted.properties[CIMName(property.name)] else {
            if property.isKey {
                add(
                    "expected a place of the key \(property.name), which \(property.origin) has: declare it with a PropertyContext", nil,
                    [], "")
            }
            return
        }
        func complain(_ checker: inout Self, _ message: String) {
            checker.add(message, property.name, property.qualifiers, "PropertyContext")
        }
        if property.isKey, place.ways.isEmpty {
            complain(&self, "expected a place of the key \(property.name): a PropertyContext, or a column or property of its name")
        }
        for way in place.ways {
            switch way.origin {
            case .column(let column):
                // A class that lists other rows may do without a column that it inherits.
                if !CIMName.equal(property.origin, adopted.name), place.ways.count > 1 { continue }
                guard case .list(_, let columns) = adopted.context.source, columns.contains(.named(column)) else {
                    complain(&self, "expected a column that the clause 'list' names, found '\(column)'")
                    continue
                }
            case .element, .member:
                if adopted.context.each.isEmpty {
                    complain(&self, "expected a clause 'each' in ClassContext for '\(way.origin == .element ? "element" : "member")'")
                }
            case .call(let call):
                if let name = call.parameters.first {
                    complain(&self, "expected a constant or a property in braces as an argument, found '\(name)'")
                }
                for name in call.properties where adopted.declaration.property(named: name) == nil {
                    complain(&self, "expected the name of a property in braces, found '\(name)'")
                }
            default: break
            }
            for conversion in way.conversions {
                switch conversion {
                case .reference(let name, let key):
                    if property.type.base != .reference {
                        complain(&self, "expected the type of \(property.name) to be a reference, because of 'ref'")
                    }
                    if let key, let target = declarations[CIMName(name)], target.property(named: key) == nil {
                        complain(&self, "expected a property of \(name) behind the dot, found '\(key)'")
                    }
                case .embedded(let name):
                    if declarations[CIMName(name)] == nil {
                        complain(&self, "expected a class of the mappings behind 'embedded', found '\(name)'")
                    }
                default: break
                }
            }
        }
        if property.type.base == .reference, !place.ways.allSatisfy(\.hasReference) {
            complain(&self, "expected '| ref CLASS' or '| ref CLASS.KEY': \(property.name) is a reference")
        }
    }

    private mutating func check(_ method: CIMMethod) {
        guard let context = adopted.methods[CIMName(method.name)] else {
            if method.isImplemented { add("expected a MethodContext: \(method.name) is implemented", method.name, [], "MethodContext") }
            return
        }
        func complain(_ checker: inout Self, _ message: String) { checker.add(message, method.name, method.qualifiers, "MethodContext") }
        for name in context.call.parameters where method.parameter(named: name)?.isIn != true {
            complain(&self, "expected the name of an in parameter of \(method.name), found '\(name)'")
        }
        for name in context.call.properties where adopted.declaration.property(named: name) == nil {
            complain(&self, "expected the name of a property in braces, found '\(name)'")
        }
        for case let name? in context.results.map(\.parameter)
        where !CIMName.equal(name, "ReturnValue") && method.parameter(named: name)?.isOut != true {
            complain(&self, "expected the name of an out parameter of \(method.name), found '\(name)'")
        }
    }
}

extension PropertyContext.Way {
    var hasReference: Bool { conversions.contains { if case .reference = $0 { true } else { false } } }
}

extension CallTemplate {
    /// The parameters that its arguments name.
    public var parameters: [String] { arguments.compactMap { if case .parameter(let name) = $0.value { name } else { nil } } }

    /// The properties that its arguments and its path name.
    public var properties: [String] {
        arguments.compactMap { if case .property(let name) = $0.value { name } else { nil } } + (path?.properties ?? [])
    }
}

extension AdoptedClass {
    /// A property that rows of the listing method alone have.
    var onlyInColumn: String? {
        declaration.properties.first { property in
            let ways = way(property.name)
            return !ways.isEmpty && ways.allSatisfy { if case .column = $0.origin { true } else { false } }
        }?.name
    }
}
