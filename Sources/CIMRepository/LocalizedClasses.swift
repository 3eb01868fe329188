import CIM
import Synchronization

/// The classes of a namespace as a reader sees them who wants localized qualifiers: with what the amendments say in the best language there is,
/// class by class (USE_AMENDED_QUALIFIERS).
///
/// What was made once is kept, and shared by all who read in the same languages.
public final class LocalizedClasses: Sendable {
    private let schema: Schema
    private let namespace: CIMNamespaceName

    /// Where the amendments are, the best first.
    private let amendments: [CIMNamespaceName]

    /// Those about which something is said.
    private let made = Mutex<[CIMName: CIMClass]>([:])

    init(_ schema: Schema, in namespace: CIMNamespaceName, amendments: [CIMNamespaceName]) {
        self.schema = schema
        self.namespace = namespace
        self.amendments = amendments
    }

    /// A class of the namespace, localized as far as something is said about it, or about one above it.
    public func localized(_ declaration: CIMClass) -> CIMClass {
        made.withLock { made in
            var above: CIMClass?
            for name in declaration.derivation.reversed() {
                guard let ancestor = schema.class(name, in: namespace) else { continue }
                above = step(ancestor, below: above, &made)
            }
            return step(declaration, below: above, &made) ?? declaration
        }
    }

    /// Nil where nothing is said.
    private func step(_ declaration: CIMClass, below above: CIMClass?, _ made: inout [CIMName: CIMClass]) -> CIMClass? {
        let name = CIMName(declaration.name)
        if let known = made[name] { return known }
        let amendment = amendments.lazy.compactMap { self.schema.class(declaration.name, in: $0) }.first { !CIMName.isSystemName($0.name) }
        guard amendment != nil || above != nil else { return nil }
        let localized = declaration.localized(by: amendment, below: above)
        made[name] = localized
        return localized
    }
}

extension Schema {
    /// The namespaces with what is said about the classes of one, in the languages that do for a locale; the best first.
    public func amendments(of namespace: CIMNamespaceName, for locale: CIMLocale) -> [CIMNamespaceName] {
        locale.fallbacks.compactMap { CIMNamespaceName("\(namespace)/\($0.namespaceName)") }.filter { hasNamespace($0) }
    }

    /// Reads the classes of a namespace with what these namespaces say about them.
    public func localizedClasses(in namespace: CIMNamespaceName, by amendments: [CIMNamespaceName]) -> LocalizedClasses {
        LocalizedClasses(self, in: namespace, amendments: amendments)
    }
}

extension CIMNamespaceName {
    /// The namespace whose classes are amended here, where this one is called like a locale: `root/cimv2` for `root/cimv2/ms_409`.
    public var amended: CIMNamespaceName? {
        guard let parent, let last = text.split(separator: "/").last, let locale = CIMLocale(String(last)),
            last == locale.namespaceName
        else { return nil }
        return parent
    }
}
