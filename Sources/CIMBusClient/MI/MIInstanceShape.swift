import CIM

extension MI {
    /// The properties that the instances of an operation shall have, where these differ from what the broker sends.
    struct InstanceShape: Sendable {
        /// If set, the instances have only the properties of this class.
        var baseClass: String?
        /// Whether the instances say from which classes their class is derived.
        var derivation = false

        private var changesNothing: Bool { baseClass == nil && !derivation }

        /// Instances of one class mostly come one after the other. The class is looked up once for each such run.
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
