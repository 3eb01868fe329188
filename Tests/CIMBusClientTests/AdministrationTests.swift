import CIM
import CIMBusClient
import Glibc
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// The broker as its administrator sees it.
    @Suite struct AdministrationTests {
        @Test("figures, registrations and operations are what they are")
        func reads() async throws {
            let started = Event<Void>("the call")
            let go = Event<Void>("the test to go on")
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    for number in 0..<20 { try await sink.indicate(thing(number)) }
                    started.send(())
                    try await go.value()
                }))
            let administration = stage.session.broker
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            try await started.value()
            var iterator = sequence.makeAsyncIterator()
            for _ in 0..<20 { _ = try await iterator.next() }

            let figures = try await administration.figures()
            #expect(!figures.version.isEmpty)
            #expect(figures.namespaces.contains("root/cimv2"))
            #expect(figures.registrations == 1)
            #expect(figures.openOperations == 1)
            #expect(figures.sinkReferences == 1)

            let registration = try #require(try await administration.registrations().first)
            #expect(registration.name == "Things")
            #expect(registration.namespace == "root/cimv2")
            #expect(registration.processID == UInt32(getpid()))
            #expect(registration.userID == getuid())
            #expect(registration.state == "running")
            #expect(registration.classes.sorted() == Things.classes.sorted())
            #expect(registration.openOperations == 1)
            #expect(registration.sinkReferences == 1)
            #expect(registration.owner.hasPrefix(":"))

            let operations = try await administration.listOperations()
            let operation = try #require(operations.first)
            #expect(operations.count == 1)
            #expect(operation.id == sequence.operation.id)
            #expect(operation.kind == "CreateInstanceEnum")
            #expect(operation.namespace == "root/cimv2")
            #expect(operation.target == "Test_Thing")
            #expect(operation.state == "running")
            #expect(operation.clientUserID == getuid())
            #expect(operation.objectsDelivered == 20)

            go.send(())
            #expect(try await iterator.next() == nil)
            try await stage.expectQuiet()
            let counters = try await administration.registrations().first?.counters
            #expect(counters?["Operations"] == 1)
            #expect(counters?["Objects"] == 20)
            #expect(await #expect(throws: CIMError.self) { try await administration.cancelOperation(999_999) }?.status == .notFound)
        }
    }
}
