import CIM

extension MI {
    /// Which properties the instances of an operation are to have, where that is not what the broker sends.
    struct InstanceShape: Sendable {
        /// Only key properties (R29).
        var keysOnly = false
        /// Only properties of this class.
        var baseClass: String?
        /// With what the class is derived from.
        var derivation = false

        private var changesNothing: Bool { !keysOnly && baseClass == nil && !derivation }

        /// Instances of one class come in a row; its class is looked up once for each row.
        func apply(_ instances: [CIMInstance], _ services: CIMBusClient.Session) async throws(CIMError) -> [CIMInstance] {
            if changesNothing { return instances }
            var base: Set<CIMName>?
            if let baseClass { base = Set(try await services.getClass(baseClass).properties.map { CIMName($0.name) }) }
            var shaped = instances
            var current: (declaration: CIMClass, names: Set<CIMName>?)?
            for index in shaped.indices {
                let className = shaped[index].className
                if current.map({ !CIMName.equal($0.declaration.name, className) }) ?? true {
                    let declaration = try await services.getClass(className)
                    current = (declaration, keysOnly ? Set(declaration.keyNames.map { CIMName($0) }) : base)
                }
                guard let current else { continue }
                if let names = current.names {
                    shaped[index].properties.removeAll { !names.contains(CIMName($0.name)) }
                }
                if derivation { shaped[index].append(derivationOf: current.declaration) }
            }
            return shaped
        }
    }
}

extension CIMInstance {
    fileprivate mutating func append(derivationOf declaration: CIMClass) {
        self["__SUPERCLASS"] = declaration.superclass.map { .string($0) }
        self["__DYNASTY"] = .string(declaration.dynasty)
        self["__DERIVATION"] = .strings(declaration.derivation)
    }
}
