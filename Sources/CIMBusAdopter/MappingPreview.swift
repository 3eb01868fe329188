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
            let found = Box<(count: Int, first: [CIMInstance])>((0, []))
            let receiver = ObjectReceiver { instance in
                found.value.count += 1
                if found.value.count <= Self.mostObjects { found.value.first.append(instance) }
            }
            let end: String
            do {
                try await reader.objects(of: adopted, ServiceReader.Request(), receiver)
                end = "\(found.value.count) objects"
            } catch let error as CIMError {
                end = "\(error)"
            }
            for instance in found.value.first { show(MOFWriter.write(instance.withoutNulls)) }
            show("// \(adopted.name): \(end)\n")
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
