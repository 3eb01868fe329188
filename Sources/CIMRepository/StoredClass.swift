import CIM
import Synchronization

/// A class in a schema. Shared by all snapshots that hold it.
///
/// It keeps what its declaration says; what it inherits besides is put together when somebody asks for it, and kept from then on. Of a large
/// schema few classes are ever asked for, and what they inherit is most of its memory.
final class StoredClass: Sendable {
    let name: String
    let superclass: String?
    let providerName: String?
    /// One of CIMBus's own, which nobody changes.
    let isSystem: Bool
    let isAssociation: Bool
    private let declared: CIMClass
    private let parent: StoredClass?
    private let known: Mutex<CIMClass?>

    /// - Throws: what ``CIMClass/resolved(with:)`` throws, and InvalidAssociation.
    init(_ declared: CIMClass, parent: StoredClass?, isSystem: Bool = false) throws(CIMError) {
        let resolved = try Self.resolve(declared, below: parent?.resolved)
        name = resolved.name
        superclass = resolved.superclass
        providerName = resolved.providerName
        isAssociation = resolved.isAssociation && !resolved.isAmendment
        self.isSystem = isSystem
        self.declared = declared
        self.parent = parent
        known = Mutex(resolved)
    }

    /// With everything that it inherits.
    var resolved: CIMClass {
        if let known = known.withLock({ $0 }) { return known }
        // It could be resolved when it was made, and so it can now.
        let resolved = (try? Self.resolve(declared, below: parent?.resolved)) ?? declared
        known.withLock { $0 = resolved }
        return resolved
    }

    /// Nobody has asked for it yet.
    func forget() { known.withLock { $0 = nil } }

    /// What it inherits unchanged shares its memory with the parent.
    private static func resolve(_ declared: CIMClass, below parent: CIMClass?) throws(CIMError) -> CIMClass {
        var resolved = try declared.resolved(with: parent)
        if let parent {
            for (index, property) in parent.properties.enumerated()
            where index < resolved.properties.count && resolved.properties[index] == property {
                resolved.properties[index] = property
            }
            for (index, method) in parent.methods.enumerated()
            where index < resolved.methods.count && resolved.methods[index] == method {
                resolved.methods[index] = method
            }
            if parent.isAssociation, !resolved.isAssociation, !resolved.isAmendment {
                throw CIMError(.invalidAssociation, "class \(resolved.name) must be an association, because \(parent.name) is")
            }
        }
        if resolved.isAssociation, !resolved.isAmendment {
            let references = resolved.properties.count { $0.type.base == .reference && !$0.type.isArray }
            guard references >= 2 else {
                throw CIMError(
                    .invalidAssociation, "association \(resolved.name) has \(references) references: it needs at least two")
            }
        }
        return resolved
    }
}

extension CIMClass {
    /// The class as it was declared: without what `resolved(with:)` adds. Resolving it with the same parent gives this class again.
    ///
    /// - Parameter parent: given when the class comes from outside: a feature that claims another origin and is not what `parent` hands
    ///   down has been changed, and counts as declared here.
    func declared(changedFrom parent: CIMClass? = nil) -> CIMClass {
        var declared = self
        declared.derivation = []
        declared.qualifiers = qualifiers.filter(\.isLocal)
        declared.properties = []
        // Only where a feature says that it is another class's.
        lazy var inheritedProperties = Dictionary(
            (parent?.properties ?? []).map { (CIMName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        // Looked at where they lie: most are inherited.
        for index in properties.indices
        where isOwn(properties[index].origin)
            || parent != nil && !properties[index].isHandedDown(by: inheritedProperties[CIMName(properties[index].name)])
        {
            var own = properties[index]
            own.qualifiers.removeAll { !$0.isLocal }
            own.origin = name
            declared.properties.append(own)
        }
        declared.methods = []
        lazy var inheritedMethods = Dictionary(
            (parent?.methods ?? []).map { (CIMName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        for method in methods
        where isOwn(method.origin) || parent != nil && !method.isHandedDown(by: inheritedMethods[CIMName(method.name)]) {
            var own = method
            own.qualifiers = method.qualifiers.filter(\.isLocal)
            for index in own.parameters.indices { own.parameters[index].qualifiers.removeAll { !$0.isLocal } }
            own.origin = name
            declared.methods.append(own)
        }
        return declared
    }

    private func isOwn(_ origin: String) -> Bool { origin.isEmpty || CIMName.equal(origin, name) }
}

extension CIMProperty {
    /// Whether the property is what a subclass inherits of `theirs`.
    fileprivate func isHandedDown(by theirs: CIMProperty?) -> Bool {
        guard let theirs else { return false }
        return theirs.type == type && theirs.defaultValue == defaultValue && qualifiers.allSatisfy { !$0.isLocal }
    }
}

extension CIMMethod {
    /// Whether the method is what a subclass inherits of `theirs`.
    fileprivate func isHandedDown(by theirs: CIMMethod?) -> Bool {
        guard let theirs else { return false }
        return theirs.hasSameSignature(as: self) && qualifiers.allSatisfy { !$0.isLocal }
            && parameters.allSatisfy { $0.qualifiers.allSatisfy { !$0.isLocal } }
    }
}

extension CIMQualifier {
    fileprivate var isLocal: Bool { !flavor.contains(.originPropagated) }
}
