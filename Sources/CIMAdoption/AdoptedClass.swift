import CIM
import DBus

/// A class whose instances a D-Bus service has, with all that its contexts say.
public struct AdoptedClass: Sendable {
    /// Resolved: with what the class inherits from the classes of the mappings.
    public var declaration: CIMClass
    public var context: ClassContext
    /// The key properties, in the order of their declaration.
    public let keys: [CIMProperty]
    /// For each property that has a place, by its name.
    public var properties: [CIMName: PropertyContext]
    public var methods: [CIMName: MethodContext]

    public var name: String { declaration.name }

    public func way(_ property: String) -> [PropertyContext.Way] { properties[CIMName(property)]?.ways ?? [] }
}

/// The provider's name, which the classes' `provider` qualifier has.
public enum Adoption {
    public static let providerName = "DBusServices"
    public static let busName = WellKnownName(staticString: "org.cimbus1.Adopter")
}

/// The classes of the mappings.
public struct AdoptedClasses: Sendable {
    /// Something wrong with a class or with one of its contexts.
    public struct Fault: Error, Hashable, Sendable {
        public var className: String
        /// The property or method; nil: the class.
        public var feature: String?
        /// The context, and its text; nil: the class itself.
        public var qualifier: String?
        public var text: String?
        public var offset: Int
        public var message: String

        public var description: String {
            let place = feature.map { "\(className).\($0)" } ?? className
            return "\(place): \(qualifier.map { "\($0): " } ?? "")\(message)"
        }
    }

    public private(set) var classes: [CIMName: AdoptedClass] = [:]
    /// The classes of events that signals of services are.
    public private(set) var events: [CIMName: AdoptedEvent] = [:]
    /// All classes of the mappings, adopted or not, resolved.
    public private(set) var declarations: [CIMName: CIMClass] = [:]
    public private(set) var faults: [Fault] = []
    /// Of the classes that derive from another because the repository has that: its name.
    public private(set) var optionalSuperclasses: [CIMName: String] = [:]

    /// - Parameters:
    ///   - declared: as written, superclasses before what derives from them.
    ///   - alone: those that derive from no class because the repository has it.
    ///   - known: classes that are not among them, resolved.
    public init(_ declared: [CIMClass], alone: Set<CIMName> = [], known: (String) -> CIMClass? = { _ in nil }) {
        for declaration in declared { add(declaration, isAlone: alone.contains(CIMName(declaration.name)), known) }
        for adopted in classes.values.sorted(by: { $0.name < $1.name }) { check(adopted) }
        for event in events.values.sorted(by: { $0.name < $1.name }) { check(event) }
    }

    public subscript(name: String) -> AdoptedClass? { classes[CIMName(name)] }

    /// The superclass among the mappings.
    func parent(of declaration: CIMClass) -> CIMClass? { declaration.superclass.flatMap { declarations[CIMName($0)] } }

    /// Adds a fault once.
    mutating func add(_ fault: Fault) {
        if !faults.contains(fault) { faults.append(fault) }
    }

    private mutating func add(_ written: CIMClass, isAlone: Bool, _ known: (String) -> CIMClass?) {
        if let text = written.qualifier(named: "EventContext")?.value.stringValue { return add(written, eventContext: text, known) }
        let text = written.qualifier(named: "ClassContext")?.value.stringValue
        let context: ClassContext?
        do throws(ContextError) {
            context = try text.map { text throws(ContextError) in try ClassContext(text, like: { classes[CIMName($0)]?.context }) }
        } catch {
            faults.append(fault(error, written, nil, "ClassContext", text ?? ""))
            return
        }
        var declaration = written
        if !isAlone, declaration.superclass == nil, let name = context?.optionalSuperclass,
            declarations[CIMName(name)] ?? known(name) != nil
        {
            declaration.superclass = name
            optionalSuperclasses[CIMName(declaration.name)] = name
        }
        let parent = declaration.superclass.flatMap { declarations[CIMName($0)] ?? known($0) }
        let resolved: CIMClass
        do throws(CIMError) {
            resolved = try declaration.resolved(with: parent)
        } catch {
            faults.append(Fault(className: declaration.name, offset: 0, message: error.message))
            return
        }
        declarations[CIMName(declaration.name)] = resolved
        guard let context else {
            if declaration.providerName == Adoption.providerName {
                faults.append(
                    Fault(
                        className: declaration.name, offset: 0, message: "expected a qualifier ClassContext that says where its objects are"
                    ))
            }
            return
        }
        var adopted = AdoptedClass(
            declaration: resolved, context: context, keys: resolved.keyProperties, properties: [:], methods: [:])
        if let parent = declaration.superclass.flatMap({ classes[CIMName($0)] }) {
            adopted.properties = parent.properties
            adopted.methods = parent.methods
        }
        for property in declaration.properties {
            guard let text = property.qualifier(named: "PropertyContext")?.value.stringValue else {
                adopted.properties[CIMName(property.name)] = standard(property, context)
                continue
            }
            do throws(ContextError) {
                adopted.properties[CIMName(property.name)] = try PropertyContext(text, context.interface)
            } catch {
                faults.append(fault(error, declaration, property.name, "PropertyContext", text))
            }
        }
        for method in declaration.methods {
            guard let text = method.qualifier(named: "MethodContext")?.value.stringValue else { continue }
            do throws(ContextError) {
                adopted.methods[CIMName(method.name)] = try MethodContext(text, context.interface)
            } catch {
                faults.append(fault(error, declaration, method.name, "MethodContext", text))
            }
        }
        // What the other class can do is no promise of this one.
        if adopted.context.signals?.isInherited ?? false, adopted.onlyInColumn != nil { adopted.context.signals = nil }
        classes[CIMName(declaration.name)] = adopted
    }

    private mutating func add(_ written: CIMClass, eventContext text: String, _ known: (String) -> CIMClass?) {
        let parent = written.superclass.flatMap { name in
            declarations[CIMName(name)] ?? known(name) ?? (CIMName.equal(name, AdoptedEvent.base.name) ? AdoptedEvent.base : nil)
        }
        guard let parent else {
            faults.append(fault(ContextError(at: 0, "expected a class below __ExtrinsicEvent"), written, nil, "EventContext", text))
            return
        }
        let context: EventContext
        do throws(ContextError) { context = try EventContext(text) } catch {
            return faults.append(fault(error, written, nil, "EventContext", text))
        }
        let resolved: CIMClass
        do throws(CIMError) { resolved = try written.resolved(with: parent) } catch {
            return faults.append(Fault(className: written.name, offset: 0, message: error.message))
        }
        declarations[CIMName(written.name)] = resolved
        var rows = ClassContext(
            source: .list(CallTemplate(interface: context.signal.interface, member: context.signal.member), context.signal.arguments))
        (rows.service, rows.bus) = (context.service, context.bus)
        var adopted = AdoptedClass(declaration: resolved, context: rows, keys: [], properties: [:], methods: [:])
        adopted.properties = events[CIMName(parent.name)]?.adopted.properties ?? [:]
        for property in written.properties {
            guard let text = property.qualifier(named: "PropertyContext")?.value.stringValue else {
                adopted.properties[CIMName(property.name)] = PropertyContext(ways: [.init(origin: .column(property.name))])
                continue
            }
            do throws(ContextError) {
                adopted.properties[CIMName(property.name)] = try PropertyContext(text, nil)
            } catch {
                faults.append(fault(error, written, property.name, "PropertyContext", text))
            }
        }
        events[CIMName(written.name)] = AdoptedEvent(adopted: adopted, context: context)
    }

    /// Without a PropertyContext: the column of that name, or the property of that name.
    private func standard(_ property: CIMProperty, _ context: ClassContext) -> PropertyContext {
        var ways: [PropertyContext.Way] = []
        if case .list(_, let columns) = context.source, columns.contains(.named(property.name)) {
            ways.append(PropertyContext.Way(origin: .column(property.name)))
        }
        if let interface = context.interface {
            ways.append(PropertyContext.Way(origin: .property(PropertyPlace(interface, property.name))))
        }
        return PropertyContext(ways: ways)
    }

    private func fault(_ error: ContextError, _ declaration: CIMClass, _ feature: String?, _ qualifier: String, _ text: String) -> Fault {
        Fault(
            className: declaration.name, feature: feature, qualifier: qualifier, text: text, offset: error.offset, message: error.message)
    }
}
