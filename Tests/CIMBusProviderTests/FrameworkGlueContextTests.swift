import CIM
import CIMBusClient
import CIMBusProvider
import Glibc
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// Where and for whom a provider asks others: namespaces, and the context of the call in which it asks (Semantics E.1 and K.1).
    @Suite struct FrameworkGlueContextTests {
        @Test(
            "R8, R9: without a namespace it is root\\cimv2, wherever the call came from; with one, the class and its provider are found there"
        )
        func namespaces() async throws {
            let other = try #require(CIMNamespaceName("root/other"))
            let stage = try await FrameworkStage.start()
            let root = stage.stage.session.session(for: .root)
            _ = try await soon { try await root.putInstance(CIMInstance(className: "__NAMESPACE", ["Name": "other"])) }
            let here = try await stage.start(FrameworkGlueTests.numbered(3), .parts)
            // Of the same name, and of another shape.
            var otherParts = Parts.parts
            otherParts.mof = otherParts.mof.replacing("sint8 Small", with: "sint16 Small")
            let there = try await stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    for number in 0..<5 {
                        var one = part(number)
                        one["Small"] = .sint16(300)
                        try await sink.indicate(one)
                    }
                }), otherParts, in: other)
            let seen = Event<[Int]>("the numbers of instances")
            let asking = try await stage.start(
                ThingProvider(enumerate: { _, context, sink in
                    #expect(context.namespace == other)
                    let counts = Recorder<Int>()
                    for namespace in [nil, other] {
                        var count = 0
                        try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, in: namespace, userData: 0) {
                            _, _, _, _ in
                            count += 1
                        }
                        counts.record(count)
                    }
                    counts.record(try await context.glue.getAllInstances(of: "Test_Part").count)
                    let there = try await context.glue.getAllInstances(of: "Test_Part", in: other)
                    #expect(there.allSatisfy { $0["Small"] == .sint16(300) })
                    counts.record(there.count)
                    seen.send(counts.all)
                }), .middle, in: other)
            let session = stage.stage.session.session(for: other)
            #expect(try await session.enumerate("Test_Middle", .sync).error == nil)
            #expect(try await seen.value() == [3, 5, 3, 5])
            withExtendedLifetime((here, there, asking)) {}
        }

        @Test("R10: with the context of a call that is over nothing is asked, and no callback runs")
        func staleContext() async throws {
            let stage = try await FrameworkStage.start()
            let asked = Recorder<Int>()
            let parts = try await stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    asked.record(1)
                    try await sink.indicate(part(1))
                }), .parts)
            let stale = try await stage.serving { $0 }
            try await stage.stage.expectQuiet()
            let error = await #expect(throws: CIMError.self) {
                try await stale.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: 0) { _, _, _, _ in asked.record(2) }
            }
            #expect(error?.status == .invalidOperation)
            #expect(
                await #expect(throws: CIMError.self) { try await stale.glue.getInstanceByPath(partPath(1)) }?.status == .invalidOperation)
            #expect(await #expect(throws: CIMError.self) { try await stale.getClass("Test_Part") }?.status == .invalidOperation)
            #expect(asked.all.isEmpty)
            withExtendedLifetime(parts) {}
        }

        @Test("R11, R12, R117: calls with the context, and with that of an instance, are nested: they carry it, and count for its client")
        func nested() async throws {
            let contexts = Recorder<RequestContext>()
            let ancestors = Recorder<[UInt64]>()
            let stage = try await FrameworkStage.start()
            let witness = try await NestingWitness(on: stage.stage.bus)
            let parts = try await stage.start(
                ThingProvider(
                    enumerate: { _, context, sink in
                        contexts.record(context)
                        ancestors.record(try await witness.ancestors(of: context))
                        try await sink.indicate(part(1))
                    },
                    get: { _, context in
                        contexts.record(context)
                        ancestors.record(try await witness.ancestors(of: context))
                        return part(1)
                    }), .parts)
            let options = OperationOptions(context: ["Shade": "green"])
            let outer = try await stage.serving(options: options) { context in
                try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: 0) { _, instance, _, _ in
                    let path = try #require(instance.value.path)
                    _ = try await instance.methodContext.glue.getInstanceByPath(path)
                }
                return context
            }
            #expect(contexts.all.count == 2)
            let number = try #require(outer.operationID)
            #expect(ancestors.all.map { $0.contains(number) } == [true, true])
            for context in contexts.all {
                #expect(context.values["Shade"]?.text == "green")
                #expect(context.originUserID == getuid())
                #expect(context.operationID != nil && context.operationID != outer.operationID)
                #expect(context.clientName != nil && context.clientName != outer.clientName)
            }
            withExtendedLifetime(parts) {}
        }

        /// Serves `Test_Middle`, and asks others with the context of its own call.
        private struct Asking: FrameworkProvider {
            let ask: @Sendable (MethodContext, _ isQuery: Bool) async throws -> Void

            func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws {
                try await ask(context, false)
            }

            func execQuery(_ query: FrameworkQuery, flags: OperationFlags, context: MethodContext) async throws {
                try await ask(context, true)
            }
        }

        @Test("R11: what is asked with the context of an enumeration, and of a query, is served, nested in it", arguments: [false, true])
        func nestedInCallback(isQuery: Bool) async throws {
            let stage = try await FrameworkStage.start()
            let witness = try await NestingWitness(on: stage.stage.bus)
            let (outer, ancestors, counts) = (Recorder<UInt64>(), Recorder<[UInt64]>(), Recorder<Int>())
            let parts = try await stage.start(
                ThingProvider(enumerate: { _, context, sink in
                    ancestors.record(try await witness.ancestors(of: context))
                    try await sink.indicate(part(1))
                }), .parts)
            let asking = Asking { context, isServingQuery in
                #expect(isServingQuery == isQuery)
                outer.record(try #require(context.operationID))
                counts.record(try await context.glue.getAllInstances(of: "Test_Part").count)
                counts.record(try await context.glue.getInstancesByQuery("SELECT * FROM Test_Part").count)
            }
            let middles = try await stage.start(asking, .queriedMiddle)
            let session = stage.stage.session
            try await soon {
                if isQuery {
                    for try await _ in session.execQuery("SELECT * FROM Test_Middle WHERE Number = 1") {}
                } else {
                    for try await _ in session.enumerateInstances(of: "Test_Middle") {}
                }
            }
            #expect(counts.all == [1, 1])
            let number = try #require(outer.all.first)
            #expect(outer.all.count == 1)
            #expect(ancestors.all.map { $0.contains(number) } == [true, true])
            try await stage.stage.expectQuiet()
            withExtendedLifetime((parts, middles)) {}
        }

        @Test(
            "R12: what is asked with the context of an instance, one's own or another provider's, is nested in the call that it came with")
        func nestedInInstance() async throws {
            let stage = try await FrameworkStage.start()
            let witness = try await NestingWitness(on: stage.stage.bus)
            let (outer, ancestors) = (Recorder<UInt64>(), Recorder<[UInt64]>())
            let parts = try await stage.start(
                ThingProvider(
                    enumerate: { _, _, sink in try await sink.indicate(part(1)) },
                    get: { _, context in
                        ancestors.record(try await witness.ancestors(of: context))
                        return part(1)
                    }), .parts)
            let asking = Asking { context, _ in
                outer.record(try #require(context.operationID))
                let own = context.createNewInstance(of: "Test_Middle")
                _ = try await own.methodContext.glue.getInstanceByPath(partPath(1))
                try await context.glue.getAllInstancesAsynch(of: "Test_Part", requester: 0, userData: 0) { _, instance, _, _ in
                    _ = try await instance.methodContext.glue.getInstanceByPath(partPath(1))
                }
            }
            let middles = try await stage.start(asking, .middle)
            #expect(try await stage.stage.session.enumerate("Test_Middle", .sync).error == nil)
            let number = try #require(outer.all.first)
            #expect(outer.all.count == 1)
            #expect(ancestors.all.map { $0.contains(number) } == [true, true])
            try await stage.stage.expectQuiet()
            withExtendedLifetime((parts, middles)) {}
        }
    }
}
