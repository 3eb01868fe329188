import CIM
import CIMAdoption
import CIMMOF
import DBus
import Logging

/// Shows what a mapping finds, without a broker.
public struct MappingPreview: Sendable {
    /// Of each class so many objects are shown.
    public static let mostObjects = 3

    let file: String
    let bus: BusAddress
    let logger: Logger

    public init(file: String, bus: BusAddress, logger: Logger) {
        self.file = file
        self.bus = bus
        self.logger = logger
    }

    /// Hands over one text after the other. Throws InvalidClass where the mapping has faults.
    public func run(_ show: (String) -> Void) async throws {
        let mappings = Mappings(file: file)
        guard mappings.complaints.isEmpty else { throw CIMError(.invalidClass, mappings.complaints.joined(separator: "\n")) }
        let reader = ServiceReader(ServiceConnections(own: bus), mappings.classes, Misfits(logger))
        for adopted in mappings.served where !adopted.declaration.isAbstract {
            var count = 0
            do {
                try await reader.objects(of: adopted, ServiceReader.Request()) { instance in
                    count += 1
                    if count <= Self.mostObjects { show(MOFWriter.write(instance.withoutNulls)) }
                }
                show("// \(adopted.name): \(count) objects\n")
            } catch let error as CIMError {
                show("// \(adopted.name): \(error)\n")
            }
        }
    }
}

extension CIMInstance {
    fileprivate var withoutNulls: CIMInstance {
        var instance = self
        instance.properties.removeAll { $0.value.isNull }
        return instance
    }
}
