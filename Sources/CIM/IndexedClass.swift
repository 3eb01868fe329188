/// A class with what is looked up in it again and again, found once: its properties by their names, and its keys.
///
/// Whoever keeps what was made of a version of a class keeps this with it; with the next version it makes another.
package final class IndexedClass: Sendable {
    package let declaration: CIMClass
    /// The places of the key properties, in declaration order.
    package let keys: [Int]
    /// The key properties, in declaration order.
    package let keyProperties: [CIMProperty]
    /// The place of each property. Of two with one name the first counts.
    package let positions: [CIMName: Int]
    /// As of the declaration.
    package let providerName: String?
    package let isServed: Bool

    /// - Parameter declaration: the class, resolved.
    package init(_ declaration: CIMClass) {
        self.declaration = declaration
        providerName = declaration.providerName
        isServed = declaration.isServed
        keys = declaration.properties.indices.filter { declaration.properties[$0].isKey }
        keyProperties = keys.map { declaration.properties[$0] }
        positions = Dictionary(
            declaration.properties.enumerated().map { (CIMName($1.name), $0) }, uniquingKeysWith: { first, _ in first })
    }

    package func property(named name: CIMName) -> CIMProperty? { positions[name].map { declaration.properties[$0] } }

    /// Those of the names that are properties, each once, in the class's order and spelling.
    package func properties(among names: some Sequence<CIMName>) -> [String] {
        Set(names.compactMap { positions[$0] }).sorted().map { declaration.properties[$0].name }
    }
}

extension IndexedClass: Hashable {
    package static func == (left: IndexedClass, right: IndexedClass) -> Bool {
        left === right || left.declaration == right.declaration
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(CIMName(declaration.name)) }
}
