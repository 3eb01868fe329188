import CIM

extension MI {
    /// Which properties the instances of an operation are to have, where that is not what the broker sends.
    struct InstanceShape: Sendable {
        /// Only properties of this class.
        var baseClass: String?
        /// With what the class is derived from.
        var derivation = false

        private var changesNothing: Bool { baseClass == nil && !derivation }

        /// Instances of one class come in a row; its class is looked up once for each row.
        func apply(_ instances: [CIMInstance], _ services: CIMBusClient.Session) async throws(CIMError) -> [CIMInstance] {
            if changesNothing { return instances }
            var base: Set<CIMName>?
            if let baseClass { base = Set(try await services.getClass(baseClass).properties.map { CIMName($0.name) }) }
            var shaped = instances
            var current: CIMClass?
            for index in shaped.indices {
                if let base { shaped[index].properties.removeAll { !base.contains(CIMName($0.name)) } }
                guard derivation else { continue }
                let className = shaped[index].className
                if current.map({ !CIMName.equal($0.name, className) }) ?? true { current = try await services.getClass(className) }
                if let current { shaped[index].append(derivationOf: current) }
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
