import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension MITests {
    /// One operation of MI that ends another, and a broker that ends all of them (Semantics F.1, F.5, F.6).
    @Suite struct MIClosingTests {
        /// Gives so many things, then waits until it is cancelled.
        private func endless(_ started: Recorder<Int> = Recorder(), after count: Int = 1) -> ThingProvider {
            ThingProvider(enumerate: { _, _, sink in
                started.record(1)
                for number in 0..<count { try await sink.indicate(thing(number)) }
                await untilCancelled()
            })
        }

        // MARK: - From another operation's callback

        @Test("R37: closed from another operation's callback: the close does not wait, cancels, and completes after the one last result")
        func closedFromAnother() async throws {
            let stage = try await MIStage.start(endless(after: 3))
            let record = MIRecord()
            let closed = Recorder<Int>()
            let waiting = stage.session.enumerateInstances(
                of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            try await record.results.wait("its instances") { $0.count == 3 }
            let other = MIRecord()
            let refusals = Recorder<MI.ResultCode?>()
            stage.session.testConnection(
                callbacks: MI.OperationCallbacks(instanceResult: { control, result in
                    for _ in 0..<2 {
                        do throws(CIMError) {
                            try waiting.close(completion: { closed.record(record.results.all.count) })
                            refusals.record(nil)
                        } catch {
                            refusals.record(error.resultCode)
                        }
                    }
                    other.callback(control, result)
                }))
            // The one that closes goes on as if nothing was.
            #expect(try await other.all().code == .ok)
            let results = try await record.all()
            #expect(results.isWellFormed && results.category == .operationStopped)
            #expect(results.numbers == [0, 1, 2])
            try await closed.wait("the close") { !$0.isEmpty }
            #expect(closed.all == [4])
            // It is closed once: whoever comes later is told so.
            #expect(refusals.all.first == .some(nil))
            #expect(refusals.all.dropFirst().allSatisfy { $0 == .invalidParameter } && refusals.all.count >= 2)
            #expect(record.results.all.count == 4)
            try await soon { await stage.session.close() }
            try await stage.stage.expectQuiet()
        }

        @Test("R37: closed from another operation's callback while its own runs: the other goes on, the close completes after it")
        func closedFromAnotherWhileRunning() async throws {
            let stage = try await MIStage.start(endless(after: 3))
            let record = MIRecord()
            let closed = Recorder<Int>()
            // Until it is acknowledged its callback counts as running.
            let waiting = stage.session.enumerateInstances(
                of: "Test_Thing", flags: .manualAcknowledgement, callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            let first = try await record.results.wait("a result") { !$0.isEmpty }
            // One that nobody holds back has all by now, and so has this one, which waits.
            let sibling = MIRecord()
            let unheld = stage.session.enumerateInstances(
                of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: sibling.callback))
            try await sibling.results.wait("its instances") { $0.count == 3 }
            try await soon { try await unheld.close() }
            let other = MIRecord()
            stage.session.testConnection(
                callbacks: MI.OperationCallbacks(instanceResult: { control, result in
                    if !waiting.control.isClosed { try? waiting.close(completion: { closed.record(record.results.all.count) }) }
                    other.callback(control, result)
                }))
            #expect(try await other.all().code == .ok)
            #expect(waiting.control.isClosed && closed.all.isEmpty && record.results.all.count == 1)
            try #require(first.first?.acknowledgement).acknowledge()
            let all = try await record.results.wait("the last result") { $0.last?.moreResults == false }
            #expect(all.count == 2 && record.now.category == .operationStopped)
            #expect(try await pullAll(stage.session.testConnection()).code == .ok)
            #expect(closed.all.isEmpty)
            try #require(all.last?.acknowledgement).acknowledge()
            try await closed.wait("the close") { $0 == [2] }
            try await soon { await stage.session.close() }
        }

        @Test("R37, L 8: a pulled operation closed from another's callback: refused while results are outstanding, and it stays open")
        func pulledClosedFromAnother() async throws {
            let stage = try await MIStage.start(.things(2))
            let pulled = stage.session.enumerateInstances(of: "Test_Thing")
            let outcomes = Recorder<MI.ResultCode?>()
            let closed = Recorder<Int>()
            func closeFromAnother() async throws {
                let record = MIRecord()
                stage.session.testConnection(
                    callbacks: MI.OperationCallbacks(instanceResult: { control, result in
                        if !result.moreResults {
                            do throws(CIMError) {
                                try pulled.close(completion: { closed.record(1) })
                                outcomes.record(nil)
                            } catch {
                                outcomes.record(error.resultCode)
                            }
                        }
                        record.callback(control, result)
                    }))
                #expect(try await record.all().code == .ok)
            }
            try await closeFromAnother()
            #expect(outcomes.all == [.failed] && !pulled.control.isClosed)
            let results = try await pullAll(pulled)
            #expect(results.code == .ok && results.numbers == [0, 1])
            try await closeFromAnother()
            try await closeFromAnother()
            #expect(outcomes.all == [.failed, nil, .invalidParameter])
            #expect(closed.all == [1])
            try await soon { await stage.session.close() }
        }

        @Test("R37: two operations that close each other from their callbacks: neither waits for the other, each has one last result")
        func closeEachOther() async throws {
            let stage = try await MIStage.start(endless(after: 2))
            for _ in 0..<20 {
                let records = [MIRecord(), MIRecord()]
                let closed = Recorder<Int>()
                let operations = Recorder<MI.InstanceOperation>()
                for record in records {
                    let mine = records[0] === record ? 0 : 1
                    let operation = stage.session.enumerateInstances(
                        of: "Test_Thing",
                        callbacks: MI.OperationCallbacks(instanceResult: { control, result in
                            let others = operations.all
                            if others.count == 2 { try? others[1 - mine].close(completion: { closed.record(1 - mine) }) }
                            record.callback(control, result)
                        }))
                    operations.record(operation)
                }
                // What came before both were there closes nobody; their last results, by a cancel, do.
                for operation in operations.all { operation.cancel() }
                for record in records {
                    let results = try await record.all()
                    #expect(results.isWellFormed && results.category == .operationStopped)
                }
                #expect(operations.all.allSatisfy { $0.control.isClosed })
                try await closed.wait("both closes") { $0.count == 2 }
            }
            try await soon { await stage.session.close() }
            try await stage.stage.expectQuiet()
        }

        // MARK: - The broker killed

        @Test(
            "L11, F.6: the broker killed: exactly one last result for each open operation, whatever its client does with it at that moment; then the session, and a new one, work with the next broker"
        )
        func brokerKilled() async throws {
            let started = Recorder<Int>()
            let stage = try await MIStage.start(endless(started, after: 2))
            let session = stage.session
            func called(_ record: MIRecord, manually: Bool = false) -> MI.InstanceOperation {
                session.enumerateInstances(
                    of: "Test_Thing", flags: manually ? .manualAcknowledgement : [],
                    callbacks: MI.OperationCallbacks(instanceResult: record.callback))
            }
            // Its callback is idle, runs, runs while it is closed, before the kill and after it; is closed, and cancelled, before.
            let (idle, running, closedRunning, closedLater) = (MIRecord(), MIRecord(), MIRecord(), MIRecord())
            let cancelled = MIRecord()
            let operations = [
                called(idle), called(running, manually: true), called(closedRunning, manually: true), called(closedLater, manually: true),
                called(cancelled),
            ]
            for record in [idle, cancelled] { try await record.results.wait("its instances") { $0.count == 2 } }
            for record in [running, closedRunning, closedLater] { try await record.results.wait("a result") { $0.count == 1 } }
            // Pulled: nothing was taken, one thing was, and one is being waited for.
            let untouched = session.enumerateInstances(of: "Test_Thing")
            let begun = session.enumerateInstances(of: "Test_Thing")
            let waiting = session.enumerateInstances(of: "Test_Thing")
            #expect(try await soon { try await begun.getInstance() }.instance?["Number"] == .uint32(0))
            for number in 0..<2 {
                #expect(try await soon { try await waiting.getInstance() }.instance?["Number"] == .uint32(UInt32(number)))
            }
            let pull = Task { try await waiting.getInstance() }
            try await started.wait("all of them") { $0.count == 8 }
            let closed = Recorder<String>()
            try operations[2].close(completion: { closed.record("running \(closedRunning.results.all.count)") })
            operations[4].cancel()
            #expect(try await cancelled.all().category == .operationStopped)

            try await stage.stage.broker.process.killAndWait()

            let end = try await idle.all()
            #expect(end.moreResults == [true, true, false] && end.code == .failed && end.category == .connectionError)
            #expect(end.last?.error?.status == .transportFailure)
            let last = try await soon { try await pull.value }
            #expect(!last.moreResults && last.resultCode == .failed && last.error?.status == .transportFailure)
            for (operation, taken) in [(untouched, 0), (begun, 1)] {
                let results = try await pullAll(operation)
                #expect(results.isWellFormed && results.category == .connectionError)
                // What had come before is not lost.
                #expect(results.numbers == Array((0..<2).dropFirst(taken)) || results.numbers == [])
                #expect(results.last?.error?.status == .transportFailure)
            }
            for operation in [untouched, begun, waiting] {
                // Nothing comes after it.
                #expect(try await miFailure { _ = try await operation.getInstance() } != nil)
                try await soon { try await operation.close() }
            }
            // Those whose callbacks run have their last result after it, and not before.
            for record in [running, closedRunning, closedLater] { #expect(record.results.all.count == 1) }
            try operations[3].close(completion: { closed.record("later \(closedLater.results.all.count)") })
            #expect(closed.all.isEmpty)
            for record in [running, closedRunning, closedLater] {
                var taken = 0
                while true {
                    let results = try await record.results.wait("the next result") { [taken] in $0.count > taken }
                    try #require(results[taken].acknowledgement).acknowledge()
                    taken += 1
                    if !results[taken - 1].moreResults { break }
                }
                #expect(record.now.isWellFormed)
            }
            #expect(running.now.category == .connectionError && running.now.numbers.first == 0)
            #expect(closedRunning.now.category == .operationStopped && closedRunning.now.moreResults == [true, false])
            #expect(closedLater.now.category == .connectionError || closedLater.now.category == .operationStopped)
            try await closed.wait("both closes") { $0.count == 2 }
            #expect(Set(closed.all) == ["running 2", "later \(closedLater.results.all.count)"])
            for operation in [operations[0], operations[1], operations[4]] { try await soon { try await operation.close() } }

            // What begins now fails, with its one result, until a broker is there.
            let early = MIRecord()
            let refused = called(early)
            let begunEarly = try await early.all()
            #expect(begunEarly.moreResults == [false] && begunEarly.category == .connectionError)
            try await soon { try await refused.close() }
            let second = try await BrokerProcess.start(on: stage.stage.bus)
            try await stage.stage.service.waitForRegistration(2)
            let new = try await stage.application.newSession(on: stage.stage)
            for session in [session, new] {
                #expect(try await pullAll(session.testConnection()).code == .ok)
                let record = MIRecord()
                let operation = session.enumerateInstances(
                    of: "Test_Thing", callbacks: MI.OperationCallbacks(instanceResult: record.callback))
                try await record.results.wait("its instances") { $0.count == 2 }
                try await soon { try await operation.close() }
                #expect(try await record.all().category == .operationStopped)
            }
            // Nothing more was said of the old ones.
            for record in [idle, running, closedRunning, closedLater, cancelled, early] {
                #expect(record.results.all.count(where: { !$0.moreResults }) == 1 && record.results.all.last?.moreResults == false)
            }
            for session in [session, new] { try await soon { await session.close() } }
            withExtendedLifetime(second) {}
        }
    }
}
