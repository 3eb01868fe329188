import CIM
import CIMAdoption
import DBus
import Logging

/// Shows what a mapping finds, without a broker.
public struct MappingPreview: Sendable {
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
            let sample = Box(MappingSample(of: adopted.name))
            var failure: CIMError?
            do {
                try await reader.objects(of: adopted, ServiceReader.Request(), ObjectReceiver { sample.value.take($0) })
            } catch let error as CIMError {
                failure = error
            }
            show(sample.value.text(failure: failure))
        }
    }
}
