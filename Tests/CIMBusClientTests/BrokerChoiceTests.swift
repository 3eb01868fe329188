import CIM
import CIMBusClient
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// A session and a broker that takes the place of another (L11).
    @Suite struct BrokerChoiceTests {
        @Test("L11: a session finds the broker that is there, at whatever step of connecting it took the place of another")
        func client() async throws {
            var step = 0
            while true {
                let bus = try await PrivateBus.start()
                let loop = EventLoop()
                defer { loop.shutdown() }
                let first = try await BrokerStandIn(on: bus)
                let executor = SteppedExecutor(steps: step)
                let connecting = Task(executorPreference: executor) {
                    defer { executor.isHeld.send(false) }
                    return try await Session.connect(to: .address(bus.address), on: loop, logger: quiet)
                }
                guard try await executor.isHeld.value() else { break }
                let second = try await first.replaced(on: bus, seenOn: loop)
                executor.letGo()
                let session = try await soon("step \(step)") { try await connecting.value }
                // The stand-in has no namespaces; nobody would be there to say so.
                let error = await #expect(throws: CIMError.self) { try await session.getInstance(at: path("a")) }
                #expect(error?.status == .invalidNamespace, "step \(step): \(String(describing: error))")
                withExtendedLifetime(second) {}
                step += 1
            }
            // How many there are differs: a task does not wait for an answer that is already there.
            #expect(step > 0)
        }
    }
}
