import CIM
import CIMBusWire
import CIMMOF

/// The namespaces and their classes, resolved, with a layout of each for checking objects. In memory: it lives as long as the broker.
struct SchemaStore: Sendable {
    private struct Entry: Sendable {
        var declaration: CIMClass
        var layout: ObjectLayout
    }

    let server: String
    /// In one namespace: a provider may bring new ones each time it registers.
    static let mostClasses = 10_000
    private var namespaces: [CIMNamespaceName: [CIMName: Entry]] = [:]

    /// `root` and `root/cimv2`, with the classes that every namespace has.
    init(server: String) {
        self.server = server
        for namespace in [CIMNamespaceName.root, .cimv2] {
            namespaces[namespace] = [:]
            for declaration in SystemClasses.all { insert(declaration, in: namespace) }
        }
    }

    var names: [CIMNamespaceName] { namespaces.keys.sorted { $0.text < $1.text } }

    func has(_ namespace: CIMNamespaceName) -> Bool { namespaces[namespace] != nil }

    func declaration(_ name: String, in namespace: CIMNamespaceName) -> CIMClass? { namespaces[namespace]?[CIMName(name)]?.declaration }

    func layout(_ name: String, in namespace: CIMNamespaceName) -> ObjectLayout? { namespaces[namespace]?[CIMName(name)]?.layout }

    /// The classes whose `provider` qualifier names this provider, in the order of their names.
    func classes(of provider: String, in namespace: CIMNamespaceName) -> [String] {
        (namespaces[namespace]?.values.map(\.declaration) ?? [])
            .filter { declaration in declaration.providerName.map { CIMName.equal($0, provider) } ?? false }
            .map(\.name).sorted()
    }

    private mutating func insert(_ declaration: CIMClass, in namespace: CIMNamespaceName) {
        namespaces[namespace]?[CIMName(declaration.name)] = Entry(
            declaration: declaration, layout: ObjectLayout(declaration, namespace: namespace, server: server))
    }

    // MARK: - A provider's own MOF

    /// Classes that passed every check and are not stored yet, per namespace in the order of their declaration.
    struct Change: Sendable {
        fileprivate var classes: [(CIMNamespaceName, CIMClass)] = []
        var isEmpty: Bool { classes.isEmpty }
    }

    /// Checks what a provider brings with it, against what is there. Nothing changes until ``apply(_:)``.
    ///
    /// A provider may define new classes, and change those that name it as their provider; another's class only as it is already.
    /// - Throws: the MOF error with its position; AccessDenied for another provider's class; InvalidNamespace; what a class does not
    ///   resolve with; ClassHasChildren when a change would pull the class from under another one.
    /// - Parameter mayServe: whether the caller may register a provider of this name: then it may bring classes for it too.
    func check(
        mof: String, of provider: String, in home: CIMNamespaceName, mayServe: (String) -> Bool
    ) throws(CIMError) -> Change {
        let unit: MOFUnit
        do throws(MOFError) {
            unit = try MOFParser.parse(mof, file: "MOF of \(provider)")
        } catch {
            throw CIMError(error.status, "\(error.file), line \(error.line), column \(error.column): \(error.message)", cause: error)
        }
        if !unit.instances.isEmpty {
            throw CIMError(.notSupported, "MOF of \(provider): instances in a provider's MOF are not supported yet")
        }
        var staged = self
        var change = Change()
        for declaration in unit.declarations {
            guard case .class(let local) = declaration.content else { continue }
            let namespace = declaration.namespace ?? home
            guard staged.has(namespace) else {
                throw CIMError(
                    .invalidNamespace, "MOF of \(provider), line \(declaration.firstLine): namespace \(namespace) does not exist")
            }
            let resolved = try staged.resolve(local, in: namespace, line: declaration.firstLine, provider: provider)
            guard let known = staged.declaration(resolved.name, in: namespace) else {
                guard (staged.namespaces[namespace]?.count ?? 0) < Self.mostClasses else {
                    throw CIMError(.quotaViolation, "MOF of \(provider): \(namespace) has \(Self.mostClasses) classes already")
                }
                if let owner = resolved.providerName, !CIMName.equal(owner, provider), !mayServe(owner) {
                    throw CIMError(
                        .accessDenied,
                        "MOF of \(provider), line \(declaration.firstLine): \(resolved.name) names provider \(owner.clipped())")
                }
                staged.insert(resolved, in: namespace)
                change.classes.append((namespace, resolved))
                continue
            }
            if known == resolved { continue }
            guard let owner = known.providerName, CIMName.equal(owner, provider) else {
                throw CIMError(
                    .accessDenied, "class \(known.name) is there already and is not of provider \(provider); choose another name")
            }
            if let child = staged.child(of: known.name, in: namespace) {
                throw CIMError(.classHasChildren, "class \(known.name) cannot change: \(child) derives from it")
            }
            staged.insert(resolved, in: namespace)
            change.classes.append((namespace, resolved))
        }
        return change
    }

    mutating func apply(_ change: Change) {
        for (namespace, declaration) in change.classes { insert(declaration, in: namespace) }
    }

    private func resolve(
        _ local: CIMClass, in namespace: CIMNamespaceName, line: Int, provider: String
    ) throws(CIMError) -> CIMClass {
        if local.name.hasPrefix("__") {
            throw CIMError(.accessDenied, "MOF of \(provider), line \(line): \(local.name) would be a system class")
        }
        let features = local.properties.map(\.name) + local.methods.map(\.name) + local.methods.flatMap { $0.parameters.map(\.name) }
        if let system = features.first(where: { CIMName.isSystemName($0) }) {
            throw CIMError(.invalidClass, "MOF of \(provider), line \(line): \(local.name).\(system) would be a system property")
        }
        let parent = local.superclass.flatMap { declaration($0, in: namespace) }
        do throws(CIMError) {
            return try local.resolved(with: parent)
        } catch {
            var positioned = error
            positioned.message = "MOF of \(provider), line \(line): \(error.message)"
            throw positioned
        }
    }

    private func child(of name: String, in namespace: CIMNamespaceName) -> String? {
        namespaces[namespace]?.values.map(\.declaration).first { $0.superclass.map { CIMName.equal($0, name) } ?? false }?.name
    }
}

/// Classes that exist in every namespace: what a final status may carry, and the parameters of methods (SEMANTICS B.3.1, C.5).
enum SystemClasses {
    static let notifyStatus = CIMClass(
        name: "__NotifyStatus", qualifiers: [CIMQualifier(name: "abstract")],
        properties: [property("StatusCode", .uint32, "__NotifyStatus")])

    static let extendedStatus = CIMClass(
        name: "__ExtendedStatus", superclass: "__NotifyStatus", derivation: ["__NotifyStatus"],
        properties: notifyStatus.properties + [
            property("Description", .string, "__ExtendedStatus"), property("Operation", .string, "__ExtendedStatus"),
            property("ParameterInfo", .string, "__ExtendedStatus"), property("ProviderName", .string, "__ExtendedStatus"),
        ])

    /// What the broker says about a failure of a provider (L6).
    static let brokerStatus = CIMClass(
        name: "CIMBus_ExtendedStatus", superclass: "__ExtendedStatus", derivation: ["__ExtendedStatus", "__NotifyStatus"],
        properties: extendedStatus.properties + [
            property("ProviderProcessID", .uint32, "CIMBus_ExtendedStatus"), property("OperationID", .uint64, "CIMBus_ExtendedStatus"),
            property("ObjectsDelivered", .uint64, "CIMBus_ExtendedStatus"),
        ])

    static let parameters = CIMClass(name: "__PARAMETERS", qualifiers: [CIMQualifier(name: "abstract")])

    static let all = [notifyStatus, extendedStatus, brokerStatus, parameters]

    private static func property(_ name: String, _ type: CIMType, _ origin: String) -> CIMProperty {
        CIMProperty(name: name, type: CIMTypeReference(type), origin: origin)
    }
}
