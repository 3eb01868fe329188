import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// What the libraries leave at the broker of operations that are over: nothing that nobody will read (L8).
    @Suite struct ResultKeepingTests {
        /// The finished operations whose results are kept, once nothing is open and there are so many. A task of the test that has ended may hold what
        /// it waited for a moment longer than the test's scope does.
        private func kept(_ session: Session, _ count: Int = 0) async throws -> [OperationSummary] {
            try await soon("no open operation, and \(count) kept") {
                while true {
                    let isOpen = try await session.broker.figures().openOperations > 0
                    let kept = try await session.broker.listFinishedOperations()
                    if !isOpen, kept.count == count { return kept }
                }
            }
        }

        private static let parts = ThingProvider(enumerate: { name, _, sink in
            for number in 0..<3 { try await sink.indicate(CIMInstance(className: name, ["Name": .string("p\(number)")])) }
            if name == "Test_SpecialPart" { throw CIMError(.accessDenied, "the special ones are locked away") }
        })

        @Test("W8 L8, L12: nested enumerations use up no quota: read to the end, left early or failed, nothing of them is kept")
        func nested() async throws {
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(Self.parts, .parts)
            let session = stage.stage.session
            let kept = try await stage.serving { context in
                for _ in 0..<20 {
                    #expect(try await context.glue.getAllInstances(of: "Test_Part").count == 3)
                    for try await _ in context.enumerateInstances(of: "Test_Part", deep: false) { break }
                    let error = await #expect(throws: CIMError.self) { try await context.glue.getAllInstances(of: "Test_SpecialPart") }
                    #expect(error?.status == .accessDenied)
                }
                // Behind what was sent before; not kept by the library.
                _ = try await context.call("GetObject", [.string("Test_Part"), .int32(0), context.forwardedContext])
                return try await session.broker.listFinishedOperations()
            }
            #expect(kept.isEmpty, "\(kept)")
            try await stage.stage.expectQuiet()
            withExtendedLifetime(parts) {}
        }

        @Test("W8 L8: an enumerator that gave its end, or failed, is closed; it says the same again without asking anybody")
        func enumerators() async throws {
            let stage = try await Stage.start(Self.parts)
            let parts = try await RunningService.start(
                Self.parts, named: "Parts", mof: Parts.parts.mof, classes: Parts.parts.classes, on: stage.bus)
            let session = stage.session
            let read = try await session.openEnumerator(of: "Test_Part", options: .init(context: ["Shade": "green"]))
            while try await soon("the end", { try await read.next(2).isAtEnd }) == false {}
            let skipped = try await session.openEnumerator(of: "Test_Part")
            #expect(try await soon { try await skipped.skip(100) } == false)
            let failed = try await session.openEnumerator(of: "Test_SpecialPart")
            #expect(try await soon { try await failed.next(100) }.instances.count == 3)
            for _ in 0..<2 {
                let error = await #expect(throws: CIMError.self) { try await soon { try await failed.next(1) } }
                #expect(error?.message.contains("locked away") == true)
            }
            #expect(try await kept(session).isEmpty)
            #expect(try await read.next(1).isAtEnd)
            #expect(try await skipped.next(1).isAtEnd)
            withExtendedLifetime(parts) {}
        }

        @Test("W8 L8, L9: an enumerator that is dropped is closed, and its provider is told")
        func droppedEnumerator() async throws {
            let told = Event<Void>("the provider to be told")
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    try await sink.indicate(thing(0))
                    await untilCancelled()
                    told.send(())
                }))
            do {
                let enumerator = try await stage.session.openEnumerator(of: "Test_Thing")
                #expect(try await soon { try await enumerator.next(1) }.instances.count == 1)
            }
            try await told.value()
            #expect(try await kept(stage.session).isEmpty)
        }

        @Test("W8 L8: a CallResult that gave its result is closed when it is dropped; one that nobody waited for runs on, and is listed")
        func callResults() async throws {
            let written = Event<Void>("the write")
            let go = Event<Void>("the test to go on")
            let stage = try await Stage.start(
                ThingProvider(
                    get: { _, _ in throw CIMError(.notFound, "no such thing") },
                    put: { instance, _ in
                        if instance["Name"] == "slow" {
                            try await go.value()
                            written.send(())
                        }
                        return nil
                    }))
            let session = stage.session
            do {
                let put = try await session.openPutInstance(CIMInstance(className: "Test_Thing", ["Name": "quick"]))
                _ = try await soon { try await put.value(timeout: nil) }
                // It may be asked again.
                _ = try await soon { try await put.value(timeout: nil) }
                let get = try await session.openGetInstance(at: path("n"))
                await #expect(throws: CIMError.self) { try await soon { try await get.value(timeout: nil) } }
            }
            #expect(try await kept(session).isEmpty)
            _ = try await session.openPutInstance(CIMInstance(className: "Test_Thing", ["Name": "slow"]))
            go.send(())
            try await written.value()
            let left = try await kept(session, 1)
            #expect(left.map(\.kind) == ["PutInstance"])
            #expect(left.map(\.state) == ["ended"])
            #expect(left.map(\.status) == [.noError])
        }

        @Test("W8 L8, L9: what a cancelled task opened is closed")
        func cancelledOpening() async throws {
            let stage = try await Stage.start(ThingProvider(enumerate: { _, _, _ in await untilCancelled() }))
            let session = stage.session
            let opening = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await session.openEnumerator(of: "Test_Thing")
            }
            let error = await #expect(throws: CIMError.self) { try await opening.value }
            #expect(error?.status == .callCancelled)
            #expect(try await kept(session).isEmpty)
        }
    }
}
