import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension MITests {
    /// How operations, sessions and applications of MI end, whatever is going on (Semantics F.1, F.6).
    @Suite struct MILifeTests {
        /// Gives so many things, then waits until it is cancelled.
        private func endless(_ started: Recorder<Int>, _ cancelled: Recorder<Int>, after count: Int = 1) -> ThingProvider {
            ThingProvider(enumerate: { _, _, sink in
                started.record(1)
                for number in 0..<count { try await sink.indicate(thing(number)) }
                await untilCancelled()
                cancelled.record(1)
            })
        }

        @Test("R35: an operation is closed exactly once, after its results; before, it stays open")
        func closedOnce() async throws {
            let stage = try await MIStage.start(.things(2))
            let operation = stage.session.enumerateInstances(of: "Test_Thing")
            _ = try await soon { try await operation.getInstance() }
            // L 8.
            #expect(try await miFailure { try await operation.close() } == .failed)
            #expect(!operation.control.isClosed)
            #expect(try await pullAll(operation).numbers == [1])
            #expect(try await miFailure { try await operation.close() } == nil)
            #expect(operation.control.isClosed)
            #expect(try await miFailure { try await operation.close() } == .invalidParameter)
            #expect(try await miFailure { try operation.close(completion: {}) } == .invalidParameter)
            #expect(try await miFailure { _ = try await operation.getInstance() } == .invalidParameter)
        }

        @Test("F.1: an operation that was refused is closed as any other")
        func refusedIsClosed() async throws {
            let stage = try await MIStage.start()
            let record = MIRecord()
            let operation = stage.session.enumerateInstances(of: "", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            #expect(try await miFailure { try await operation.close() } == nil)
            #expect(try await miFailure { try await operation.close() } == .invalidParameter)
            try await soon { await stage.session.close() }
        }

        @Test("R36, F.6: cancelled, what is pulled still ends with a last result, OPERATION_STOPPED; the provider is told")
        func cancelled() async throws {
            let started = Recorder<Int>()
            let told = Recorder<Int>()
            let stage = try await MIStage.start(endless(started, told, after: 5))
            let operation = stage.session.enumerateInstances(of: "Test_Thing")
            #expect(try await soon { try await operation.getInstance() }.instance != nil)
            operation.cancel()
            operation.cancel()
            let results = try await pullAll(operation)
            #expect(results.moreResults == [false])
            #expect(results.code == .failed)
            #expect(results.category == .operationStopped)
            try await told.wait("the provider's cancellation") { $0.count == 1 }
            #expect(try await miFailure { try await operation.close() } == nil)
            try await stage.stage.expectQuiet()
        }

        @Test("R36, R37: cancelled from its own callback, from another's, and from a thread: one last result")
        func cancelledFromCallbacks() async throws {
            let started = Recorder<Int>()
            let told = Recorder<Int>()
            let stage = try await MIStage.start(endless(started, told, after: 3))
            let own = MIRecord()
            stage.session.enumerateInstances(
                of: "Test_Thing",
                callbacks: MI.OperationCallbacks(instanceResult: { control, result in
                    own.callback(control, result)
                    control.cancel()
                }))
            #expect(try await own.all().category == .operationStopped)
            #expect(own.now.instances.count == 1)

            let first = MIRecord()
            let waiting = stage.session.enumerateInstances(
                of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: first.callback))
            try await first.results.wait("its instances") { $0.count == 3 }
            let second = MIRecord()
            stage.session.enumerateInstances(
                of: "Test_Thing",
                callbacks: MI.OperationCallbacks(instanceResult: { control, result in
                    second.callback(control, result)
                    waiting.cancel()
                    control.cancel()
                }))
            #expect(try await first.all().category == .operationStopped)
            #expect(try await second.all().isWellFormed)
            try await told.wait("every provider's cancellation") { $0.count == 3 }
            try await stage.stage.expectQuiet()
        }

        @Test("R37: closed from its own callback, before the end and in the last result", arguments: [true, false])
        func closedFromCallback(closesAtOnce: Bool) async throws {
            // Nobody holds the operation but its callbacks.
            let stage = try await MIStage.start(closesAtOnce ? endless(Recorder(), Recorder(), after: 5) : .things(5))
            let record = MIRecord()
            let closed = Recorder<Int>()
            stage.session.enumerateInstances(
                of: "Test_Thing",
                callbacks: MI.OperationCallbacks(instanceResult: { control, result in
                    // Only the first of many closes it; it does not wait for the callback that it is in.
                    if closesAtOnce || !result.moreResults { try? control.close(completion: { closed.record(record.results.all.count) }) }
                    record.callback(control, result)
                }))
            let results = try await record.all()
            #expect(results.moreResults == (closesAtOnce ? [true, false] : [true, true, true, true, true, false]))
            #expect(results.category == (closesAtOnce ? .operationStopped : nil))
            // Not before the last callback has returned, and once.
            try await closed.wait("the close") { !$0.isEmpty }
            #expect(closed.all == [record.results.all.count])
            try await soon { await stage.session.close() }
        }

        @Test("R37: closed from another thread while a callback runs: the close waits for it, and for the last")
        func closedWhileCallbackRuns() async throws {
            let stage = try await MIStage.start(endless(Recorder(), Recorder(), after: 3))
            let record = MIRecord()
            let closed = Recorder<Int>()
            let operation = stage.session.enumerateInstances(
                of: "Test_Thing", flags: .manualAcknowledgement, callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            let results = try await record.results.wait("a result") { $0.count == 1 }
            let closing = Task {
                try await operation.close()
                closed.record(record.results.all.count)
            }
            try await soon("the close to begin") { while !operation.control.isClosed { await Task.yield() } }
            #expect(closed.all.isEmpty)
            try #require(results.first?.acknowledgement).acknowledge()
            let all = try await record.results.wait("the last result") { $0.last?.moreResults == false }
            #expect(all.count == 2)
            try #require(all.last?.acknowledgement).acknowledge()
            try await soon { try await closing.value }
            #expect(closed.all == [2])
            #expect(record.now.category == .operationStopped)
        }

        @Test("R36: cancel against the end, many times: always one last result, of one kind or the other")
        func cancelRacesEnd() async throws {
            let stage = try await MIStage.start(.things(40))
            for round in 0..<60 {
                let record = MIRecord()
                let operation = stage.session.enumerateInstances(
                    of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
                let point = round % 41
                let cancelling = Task {
                    _ = try? await record.results.wait("result \(point)") { $0.count >= point || $0.last?.moreResults == false }
                    operation.cancel()
                }
                let results = try await record.all()
                await cancelling.value
                #expect(results.isWellFormed)
                #expect(results.code == .ok || results.category == .operationStopped)
                #expect(results.numbers == Array(0..<results.numbers.count))
                if results.code == .ok { #expect(results.numbers.count == 40) }
                try await soon { try await operation.close() }
                #expect(record.results.all.count(where: { !$0.moreResults }) == 1)
            }
            try await stage.stage.expectQuiet()
        }

        @Test("F.6: two tasks cannot pull from one operation at once")
        func twoPulls() async throws {
            let started = Recorder<Int>()
            let told = Recorder<Int>()
            let stage = try await MIStage.start(endless(started, told, after: 0))
            let operation = stage.session.enumerateInstances(of: "Test_Thing")
            // One of them waits for what never comes; the other is refused.
            let refused = Event<Void>("a refusal")
            let ended = Recorder<MI.OperationResult<CIMInstance>>()
            for _ in 0..<2 {
                Task { @Sendable in
                    do { ended.record(try await operation.getInstance()) } catch { refused.send(()) }
                }
            }
            try await refused.value()
            operation.cancel()
            try await ended.wait("the other's end") { $0.count == 1 }
            #expect(ended.all.first?.moreResults == false)
        }

        @Test("leaving the loop, and dropping the operation, cancels it", arguments: [true, false])
        func abandoned(isLooped: Bool) async throws {
            let started = Recorder<Int>()
            let told = Recorder<Int>()
            let stage = try await MIStage.start(endless(started, told))
            if isLooped {
                let operation = stage.session.enumerateInstances(of: "Test_Thing")
                try await soon {
                    for try await _ in operation { break }
                }
                #expect(try await miFailure { try await operation.close() } == nil)
            } else {
                _ = stage.session.enumerateInstances(of: "Test_Thing")
            }
            if isLooped { try await told.wait("the provider's cancellation") { $0.count == 1 } }
            // Nothing is left that a session would wait for.
            try await soon { await stage.session.close() }
            try await stage.stage.expectQuiet()
        }

        @Test("cancelling the task that waits for a result cancels the operation")
        func cancelledTask() async throws {
            let started = Recorder<Int>()
            let told = Recorder<Int>()
            let stage = try await MIStage.start(endless(started, told, after: 0))
            let operation = stage.session.enumerateInstances(of: "Test_Thing")
            let task = Task { try await operation.getInstance() }
            try await started.wait("the provider") { $0.count == 1 }
            task.cancel()
            #expect(try await soon { try await task.value }.error?.status == .callCancelled)
            try await told.wait("the provider's cancellation") { $0.count == 1 }
        }

        @Test("F.1: closing a session cancels what runs, and waits until every operation is closed", arguments: [true, false])
        func sessionClosed(waits: Bool) async throws {
            let started = Recorder<Int>()
            let told = Recorder<Int>()
            let stage = try await MIStage.start(endless(started, told))
            let session = stage.session
            let record = MIRecord()
            let called = session.enumerateInstances(of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            let pulled = session.enumerateInstances(of: "Test_Thing")
            try await started.wait("both") { $0.count == 2 }
            let closed = Recorder<Int>()
            if waits {
                Task {
                    await session.close()
                    closed.record(1)
                }
            } else {
                session.close(completion: { closed.record(1) })
            }
            // Cancelled, both; neither is closed.
            #expect(try await record.all().category == .operationStopped)
            let results = try await pullAll(pulled)
            #expect(results.category == .operationStopped)
            try await soon { try await called.close() }
            #expect(closed.all.isEmpty)
            #expect(try await pullAll(session.enumerateInstances(of: "Test_Thing")).code == .invalidParameter)
            try await soon { try await pulled.close() }
            try await closed.wait("the close") { $0 == [1] }
        }

        @Test("F.1: a session closed from a callback, with a completion, does not wait for itself")
        func sessionClosedFromCallback() async throws {
            let stage = try await MIStage.start(.things(1))
            let session = stage.session
            let closed = Event<Void>("the close")
            session.enumerateInstances(
                of: "Test_Thing",
                callbacks: MI.OperationCallbacks(instanceResult: { _, result in
                    if !result.moreResults { session.close(completion: { closed.send(()) }) }
                }))
            try await closed.value()
        }

        @Test("F.1: closing an application cancels everything, and waits until every session is closed")
        func applicationClosed() async throws {
            let started = Recorder<Int>()
            let told = Recorder<Int>()
            let stage = try await MIStage.start(endless(started, told))
            let record = MIRecord()
            stage.session.enumerateInstances(of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            var dropped: MI.Session? = try await stage.application.newSession(on: stage.stage)
            try await started.wait("the provider") { $0.count == 1 }
            let closed = Recorder<Int>()
            let application = stage.application
            let closing = Task {
                await application.close()
                closed.record(1)
            }
            #expect(try await record.all().category == .operationStopped)
            #expect(dropped != nil)
            dropped = nil
            #expect(closed.all.isEmpty)
            await stage.session.close()
            try await soon { await closing.value }
            #expect(try await miFailure { _ = try await application.newSession(on: stage.stage) } == .invalidParameter)
        }

        @Test("L11: the broker gone: every open operation ends with a last result, a connection error; a new broker serves the session")
        func brokerGone() async throws {
            let started = Recorder<Int>()
            let told = Recorder<Int>()
            let stage = try await MIStage.start(endless(started, told, after: 2))
            let session = stage.session
            let records = (0..<4).map { _ in MIRecord() }
            let called = records.map {
                session.enumerateInstances(of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: $0.callback))
            }
            let pulled = (0..<4).map { _ in session.enumerateInstances(of: "Test_Thing") }
            for record in records { try await record.results.wait("its instances") { $0.count == 2 } }
            try await stage.stage.broker.process.killAndWait()
            for record in records {
                let results = try await record.all()
                #expect(results.isWellFormed)
                #expect(results.category == .connectionError)
                #expect(results.last?.error?.status == .transportFailure)
            }
            for operation in pulled {
                let results = try await pullAll(operation)
                #expect(results.isWellFormed)
                #expect(results.last?.error?.status == .transportFailure)
                try await soon { try await operation.close() }
            }
            for operation in called { try await soon { try await operation.close() } }
            #expect(try await pullAll(session.enumerateInstances(of: "Test_Thing")).category == .connectionError)
            let second = try await BrokerProcess.start(on: stage.stage.bus)
            try await stage.stage.service.waitForRegistration(2)
            #expect(try await pullAll(session.testConnection()).code == .ok)
            try await soon { await session.close() }
            withExtendedLifetime(second) {}
        }

        @Test("P4: a provider killed: each MI operation ends with one last result, PROVIDER_FAILURE, pulled and called")
        func providerKilled() async throws {
            let stage = try await MIStage.start()
            let faulty = try await FaultyProcess.start(on: stage.stage.bus)
            let options = MI.OperationOptions(customOptions: [MI.CustomOption("FaultyScript", "never")])
            let record = MIRecord()
            let called = stage.session.enumerateInstances(
                of: "Faulty_Thing", options: options, callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            let pulled = stage.session.enumerateInstances(of: "Faulty_Thing", options: options)
            try await faulty.wait(for: "called", count: 2)
            try await faulty.process.killAndWait()
            for results in [try await record.all(), try await pullAll(pulled)] {
                #expect(results.moreResults == [false])
                #expect(results.last?.error?.status == .providerFailure)
                #expect(results.category == .resourceUnavailable)
                #expect(results.last?.errorDetails?["ErrorSource"] == "Faulty")
            }
            try await soon { try await called.close() }
        }
    }
}
