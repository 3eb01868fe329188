import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension MITests {
    /// MI_Session_Subscribe: Semantics F.2, J.
    @Suite struct MISubscriptionTests {
        private struct Raising {
            let bus: PrivateBus
            let broker: BrokerProcess
            let service: RunningService
            let sink: EventSink
            let session: MI.Session
            /// Each change between somebody listening and nobody.
            let activity: Recorder<Bool>
        }

        private func raising() async throws -> Raising {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let activity = Recorder<Bool>()
            let sink = EventSink(onActivity: { activity.record($0) })
            var options = ProviderService.Options()
            options.events = sink
            let mof = Things.mof + "\nclass Test_Alarm : __ExtrinsicEvent { string Place; uint32 Level; };"
            let service = try await RunningService.start(ThingProvider(), mof: mof, on: bus, options: options)
            let session = try await MI.Application().newSession(to: .address(bus.address), logger: quiet)
            return Raising(bus: bus, broker: broker, service: service, sink: sink, session: session, activity: activity)
        }

        private func alarm(_ place: String, _ level: UInt32 = 5) -> CIMInstance {
            CIMInstance(className: "Test_Alarm", ["Place": .string(place), "Level": .uint32(level)])
        }

        private func next(_ operation: MI.IndicationOperation) async throws -> MI.OperationResult<MI.Indication> {
            try await soon("a result") { try await operation.getIndication() }
        }

        private func category(_ result: MI.OperationResult<MI.Indication>) -> MI.ErrorCategory? {
            (result.errorDetails?["error_Category"]?.uint64Value).flatMap { UInt16(exactly: $0) }.flatMap { MI.ErrorCategory(rawValue: $0) }
        }

        private let query = "SELECT * FROM Test_Alarm WHERE Level > 4"

        @Test(
            "F.2, F.3, F.6, EV44: pulled, the first result says that the subscription stands, each event is one more, a cancel gives the one last"
        )
        func pulled() async throws {
            let raising = try await raising()
            let operation = raising.session.subscribe(query, flags: .reportOperationStarted)
            let start = try await next(operation)
            #expect(start.moreResults && start.indication == nil)
            // The broker listens; the library of the source hears of it a moment later.
            try await raising.activity.wait("somebody to listen") { $0 == [true] }
            try await raising.sink.indicate([alarm("roof"), alarm("hall", 4), alarm("cellar")])
            let (first, second) = (try await next(operation), try await next(operation))
            #expect(first.indication?.instance["Place"]?.stringValue == "roof" && first.moreResults && first.resultCode == .ok)
            #expect(second.indication?.instance["Place"]?.stringValue == "cellar")
            let machineID = try await Session.connect(to: .address(raising.bus.address), logger: quiet).broker.machineID()
            #expect(machineID.utf8.count == 32 && first.indication?.machineID == machineID && second.indication?.machineID == machineID)
            #expect(first.indication?.eventsLost == 0)
            #expect(try await miFailure { try await operation.close() } == .failed)
            operation.cancel()
            let last = try await next(operation)
            #expect(!last.moreResults && last.resultCode == .failed && category(last) == .operationStopped)
            #expect(try await miFailure { try await operation.close() } == nil)
            try await raising.activity.wait("nobody to listen") { $0 == [true, false] }
        }

        @Test("F.5, EV67: by callback and in a loop; an event says how many are missing before it, and nothing else of it changes")
        func calledBack() async throws {
            let raising = try await raising()
            let results = Recorder<MI.OperationResult<MI.Indication>>()
            let operation = raising.session.subscribe(
                query, flags: .standardRTTI, callbacks: MI.OperationCallbacks(indicationResult: { _, result in results.record(result) }))
            try await raising.activity.wait("somebody to listen") { $0 == [true] }
            raising.sink.post(alarm("roof"))
            raising.sink.reportLoss(4_711)
            raising.sink.post(alarm("hall"))
            let all = try await results.wait("two events") { $0.count == 2 }.compactMap(\.indication)
            #expect(all.map { $0.instance["Place"]?.stringValue } == ["roof", "hall"])
            #expect(all.map(\.eventsLost) == [0, 4_711])
            #expect(all.allSatisfy { $0.instance["__NumberOfEventsLost"] == nil })
            #expect(all.first?.instance["__SUPERCLASS"]?.stringValue == "__ExtrinsicEvent")
            try await soon("the close") { try await operation.close() }
            #expect(results.all.count == 3 && results.all.last?.moreResults == false)
            #expect(results.all.last.flatMap(category) == .operationStopped)

            let looped = raising.session.subscribe(query)
            try await raising.activity.wait("somebody to listen again") { $0 == [true, false, true] }
            raising.sink.post(alarm("cellar"))
            let place = try await soon("the event") {
                for try await indication in looped { return indication.instance["Place"]?.stringValue }
                return nil
            }
            #expect(place == "cellar")
            // Who leaves the loop leaves the subscription.
            try await raising.activity.wait("nobody to listen") { $0 == [true, false, true, false] }
        }

        @Test(
            "F.2, F.8, EV22: what is refused has one result, and no start: a query that is none, another language, a class that has to be polled"
        )
        func refused() async throws {
            let raising = try await raising()
            let polled = "SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Test_Thing'"
            for (text, dialect, code) in [
                ("SELECT * FORM Test_Alarm", "WQL", MI.ResultCode.invalidQuery), ("SELECT * FROM Test_Thing", "WQL", .invalidQuery),
                (query, "CQL", .queryLanguageNotSupported), (polled, "WQL", .invalidQuery),
            ] {
                let operation = raising.session.subscribe(text, dialect: dialect, flags: .reportOperationStarted)
                let last = try await next(operation)
                #expect(!last.moreResults && last.resultCode == code, "\(text): \(last)")
            }
            // The broker says it after it has accepted the operation.
            let unknown = raising.session.subscribe("SELECT * FROM Test_Nothing")
            #expect(try await next(unknown).resultCode == .invalidClass)
        }

        @Test("F.1, F.4, EV47: a subscription ends by its timeout, with its session and with the broker, each time with one last result")
        func ends() async throws {
            let raising = try await raising()
            let timed = raising.session.subscribe(query, options: MI.OperationOptions(timeout: .milliseconds(50)))
            let late = try await next(timed)
            #expect(!late.moreResults && category(late) == .operationTimeout, "\(late)")

            let other = try await MI.Application().newSession(to: .address(raising.bus.address), logger: quiet)
            let results = Recorder<MI.OperationResult<MI.Indication>>()
            let callbacks = MI.OperationCallbacks(indicationResult: { control, result in
                results.record(result)
                if !result.moreResults { try? control.close() }
            })
            other.subscribe(query, flags: .reportOperationStarted, callbacks: callbacks)
            try await results.wait("the start") { $0.count == 1 }
            try await soon("the close") { await other.close() }
            #expect(results.all.map(\.moreResults) == [true, false])

            let orphan = raising.session.subscribe(query, flags: .reportOperationStarted)
            #expect(try await next(orphan).moreResults)
            try await raising.broker.process.killAndWait()
            let last = try await next(orphan)
            #expect(!last.moreResults && last.resultCode == .failed && category(last) == .connectionError, "\(last)")
        }
    }
}
