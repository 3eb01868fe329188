import CIM
import CIMBusClient
import CIMBusProvider
import Glibc
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

extension ProviderTests {
    /// What a provider is told about a call, and what it tells about it.
    @Suite struct RequestContextTests {
        @Test("Design 3: who asks, and R52, R97: what the client gave", arguments: Form.allCases)
        func client(form: Form) async throws {
            let contexts = Recorder<RequestContext>()
            let stage = try await Stage.start(
                ThingProvider(get: { _, context in
                    contexts.record(context)
                    return thing(1)
                }))
            let given = OperationOptions(context: ["Shade": "green", "__CLIENT_UID": .uint32(4711)])
            _ = try await stage.session.get(path("n1"), form, options: given)
            let context = try #require(contexts.all.first)
            #expect(context.namespace == .cimv2)
            #expect(context.clientUserID == getuid())
            #expect(context.originUserID == getuid())
            #expect(context.clientProcessID == UInt32(getpid()))
            #expect(context.clientName?.hasPrefix(":") == true)
            #expect(context.operationID != nil)
            #expect(context.values["Shade"]?.text == "green")
            #expect(context.deadline == nil)
            #expect(context.isOver)
        }

        @Test(
            "the provider is told that a person may be asked where the client's call says so, also of a part of what the broker conducts",
            arguments: Form.allCases)
        func interactive(form: Form) async throws {
            let said = Recorder<Bool>()
            let stage = try await Stage.start(
                ThingProvider(
                    enumerate: { _, context, sink in
                        said.record(context.allowsInteractiveAuthorization)
                        try await sink.indicate(thing(1))
                    },
                    get: { _, context in
                        said.record(context.allowsInteractiveAuthorization)
                        return thing(1)
                    }))
            for isAllowed in [true, false] {
                var options = OperationOptions()
                options.allowsInteractiveAuthorization = isAllowed
                _ = try await stage.session.get(path("n1"), form, options: options)
                for try await _ in stage.session.execQuery("SELECT * FROM Test_Thing WHERE Name = 'n1'", options: options) {}
            }
            #expect(said.all == [true, true, false, false])
        }

        @Test("L8: the provider knows the client's deadline", arguments: Form.allCases)
        func deadline(form: Form) async throws {
            let deadlines = Recorder<ContinuousClock.Instant?>()
            let stage = try await Stage.start(
                ThingProvider(get: { _, context in
                    deadlines.record(context.deadline)
                    return thing(1)
                }))
            let before = ContinuousClock.now
            _ = try await stage.session.get(path("n1"), form, options: OperationOptions(timeout: .seconds(300)))
            let deadline = try #require(deadlines.all.first ?? nil)
            let slack = Duration.milliseconds(1)
            #expect(deadline >= before + .seconds(300) - slack && deadline <= ContinuousClock.now + .seconds(300) + slack)
        }

        @Test("L8: past its deadline an operation is TimedOut, and its provider's task cancelled", arguments: Form.allCases)
        func timedOut(form: Form) async throws {
            let cancelled = Event<Void>("the provider's cancellation")
            let stage = try await Stage.start(
                ThingProvider(
                    enumerate: { _, _, sink in
                        try await sink.indicate(thing(0))
                        await untilCancelled()
                        cancelled.send(())
                    },
                    invoke: { _, _, _, _ in
                        await untilCancelled()
                        throw CancellationError()
                    }))
            let options = OperationOptions(timeout: .milliseconds(200))
            let result = try await stage.session.enumerate("Test_Thing", form, options: options)
            #expect(result.error?.status == .timedOut)
            try await cancelled.value()
            let error = await #expect(throws: CIMError.self) {
                try await stage.session.call(path("a"), "Echo", ["sInArg": "x"], form, options: options)
            }
            #expect(error?.status == .timedOut)
            try await stage.expectQuiet()
        }

        @Test("C.1.3: the names of a partial read and write count in any case")
        func anyCase() async throws {
            let seen = Recorder<[String]>()
            let stage = try await Stage.start(
                ThingProvider(
                    get: { _, context in
                        if case .named(let names) = context.requestedProperties { seen.record(names) }
                        return thing(1)
                    },
                    put: { _, context in
                        seen.record(context.putProperties ?? [])
                        return nil
                    }, supportsPartialPut: true))
            let names: CIMValue = .strings(["Text"])
            let put = OperationOptions(context: ["__put_extensions": true, "__Put_Ext_Properties": names])
            try await stage.session.putInstance(thing(1, text: "x"), options: put)
            let get = OperationOptions(context: ["__get_extensions": true, "__Get_Ext_Properties": names])
            _ = try await stage.session.getInstance(at: path("n1"), options: get)
            #expect(seen.all == [["Text"], ["Text"]])
            try await stage.expectQuiet()
        }

        @Test("R46, R47: progress reaches a client that asked, in order, and nobody else")
        func progress() async throws {
            let stage = try await Stage.start(
                ThingProvider(
                    enumerate: { _, context, sink in
                        context.report(current: 1, of: 2, text: "half")
                        try await sink.indicate(thing(0))
                        context.report(current: 2, of: 2)
                    },
                    put: { _, context in
                        context.report(current: 70_000, of: -1, text: "far")
                        return nil
                    }, delete: { _, _ in }))
            let seen = Recorder<OperationProgress>()
            let asking = OperationOptions(onProgress: { seen.record($0) })
            let session = stage.session
            #expect(try await session.enumerate("Test_Thing", .sync, options: asking).numbers == [0])
            // Of unread progress only the newest is kept, and none behind the end.
            let count = seen.all.count
            let reports = [OperationProgress(current: 1, total: 2, text: "half"), OperationProgress(current: 2, total: 2)]
            #expect(seen.all == reports || seen.all == [reports[0]] || seen.all == [reports[1]])
            _ = try await session.put(thing(1), .sync, options: asking)
            #expect(seen.all.dropFirst(count) == [OperationProgress(current: .max, total: 0, text: "far")])
            #expect(try await session.enumerate("Test_Thing", .async).numbers == [0])
            #expect(try await session.enumerate("Test_Thing", .semisync).numbers == [0])
            _ = try await session.put(thing(1), .semisync)
            try await session.deleteInstance(at: path("n1"), options: asking)
            #expect(seen.all.count == count + 1)
            try await stage.expectQuiet()
        }

        @Test("R46, B.3: progress has words and an object; one that is too large is not told, and harms nothing")
        func progressObject() async throws {
            let seen = Recorder<OperationProgress>()
            let stage = try await Stage.start(
                ThingProvider(put: { _, context in
                    let large = CIMInstance(className: "Test_Step", ["Long": .string(String(repeating: "x", count: 100_000))])
                    context.report(current: 1, of: 4, text: "too much", object: large)
                    context.report(current: 2, of: 4, text: "half", object: CIMInstance(className: "Test_Step", ["Drawer": .uint32(2)]))
                    try await seen.wait("the report") { !$0.isEmpty }
                    return nil
                }))
            let asking = OperationOptions(onProgress: { seen.record($0) })
            _ = try await stage.session.put(thing(1), .async, options: asking)
            let half = CIMInstance(className: "Test_Step", ["Drawer": .uint32(2)])
            #expect(seen.all == [OperationProgress(current: 2, total: 4, text: "half", object: half)])
            try await stage.expectQuiet()
        }

        @Test("L8: progress is a sign of life")
        func signOfLife() async throws {
            var options = ProviderService.Options()
            options.silenceSeconds = 1
            let stage = try await Stage.start(
                ThingProvider(get: { _, context in
                    // Twice as long as the silence that is allowed.
                    let end = ContinuousClock.now + .seconds(2)
                    while ContinuousClock.now < end {
                        context.report(current: 0, of: 0)
                        try await Task.sleep(for: .milliseconds(50))  // The time that is measured.
                    }
                    return thing(1)
                }), options: options)
            #expect(try await stage.session.get(path("n1"), .async)["Number"] == .uint32(1))
        }

        @Test("a serial provider serves one call at a time; one that waits can be cancelled")
        func serial() async throws {
            var options = ProviderService.Options()
            options.maximumConcurrentCalls = 1
            let started = Recorder<String>()
            let running = Mutex((now: 0, most: 0))
            let go = Event<Void>("the test to go on")
            let stage = try await Stage.start(
                ThingProvider(get: { path, _ in
                    running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                    defer { running.withLock { $0.now -= 1 } }
                    started.record(path.relativePath)
                    try await go.value()
                    return thing(1)
                }), options: options)
            let session = stage.session
            let first = session.beginGetInstance(at: path("n1"))
            try await started.wait("the first call") { $0.count == 1 }
            let cancelled = session.beginGetInstance(at: path("cancelled"))
            let others = (0..<3).map { _ in session.beginGetInstance(at: path("n1")) }
            cancelled.cancel()
            #expect(await #expect(throws: CIMError.self) { try await cancelled.value }?.status == .callCancelled)
            _ = try await soon("the broker to answer") { try await session.broker.figures() }
            #expect(started.all.count == 1)
            go.send(())
            for pending in [first] + others { _ = try await soon { try await pending.value } }
            #expect(running.withLock { $0.most } == 1)
            #expect(started.all.count == 4)
            #expect(!started.all.contains { $0.contains("cancelled") })
            try await stage.expectQuiet()
        }

        @Test("L8: methods that block their threads keep no other call waiting, and stop no ping")
        func blocking() async throws {
            let gate = Gate()
            let started = Recorder<Int>()
            let stage = try await Stage.start(
                ThingProvider(get: { path, _ in
                    let number = (1...7).first { path.relativePath.contains("\"n\($0)\"") } ?? 0
                    if number < 7 {
                        started.record(number)
                        gate.pass()
                    }
                    return thing(number)
                }), broker: "--ping", "0.5")
            let session = stage.session
            var blocked: [PendingResult<CIMInstance>] = []
            for number in 1...6 {
                blocked.append(session.beginGetInstance(at: path("n\(number)")))
                try await started.wait("a method that blocks") { $0.count == number }
            }
            try await Task.sleep(for: .seconds(2))  // Several pings.
            _ = try await soon("a call beside those that block") { try await session.getInstance(at: path("n7")) }
            gate.open()
            for pending in blocked { _ = try await soon { try await pending.value } }
            try await stage.expectQuiet()
        }

        @Test("calls run side by side unless the provider is serial")
        func concurrent() async throws {
            let started = Recorder<Int>()
            let go = Event<Void>("the test to go on")
            let stage = try await Stage.start(
                ThingProvider(get: { _, _ in
                    started.record(1)
                    try await go.value()
                    return thing(1)
                }))
            let session = stage.session
            let pending = (0..<10).map { _ in session.beginGetInstance(at: path("n1")) }
            try await started.wait("ten calls at once") { $0.count == 10 }
            go.send(())
            for pending in pending { _ = try await soon { try await pending.value } }
            try await stage.expectQuiet()
        }
    }
}
