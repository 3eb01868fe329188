import CIM
import CIMBusProvider
import CIMBusWire
import DBus
import WireTestKit

/// Looks at the broker's operations, as another process of this user does.
struct NestingWitness: Sendable {
    private let client: RawClient

    init(on bus: PrivateBus) async throws { client = try await RawClient.connect(to: bus) }

    /// The numbers of the operations that a call is nested in, from the inside out: those that the broker made in between, too.
    func ancestors(of context: RequestContext) async throws -> [UInt64] {
        var ancestors: [UInt64] = []
        var number = context.operationID
        while let inner = number {
            let parent = try await client.property(Contract.path(ofOperation: inner), Contract.operation, "Parent")
            number = Contract.number(in: parent.text ?? "", below: Contract.operationsPath)
            if let number { ancestors.append(number) }
        }
        return ancestors
    }
}
