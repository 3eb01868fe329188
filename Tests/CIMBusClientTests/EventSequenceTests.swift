import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

extension ClientTests {
    /// Events through both libraries, with a real broker: Semantics J.
    @Suite struct EventSequenceTests {
        private static let mof = Things.mof + "\nclass Test_Alarm : __ExtrinsicEvent { string Place; uint32 Level; };"

        private struct Raising {
            let bus: PrivateBus
            var broker: BrokerProcess
            let service: RunningService
            let sink: EventSink
            let session: Session
            /// Each change between somebody listening and nobody.
            let activity: Recorder<Bool>
        }

        private func raising(accessCheck: (@Sendable (String, UInt32) -> Bool)? = nil) async throws -> Raising {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let activity = Recorder<Bool>()
            let sink = EventSink(onActivity: { activity.record($0) }, accessCheck: accessCheck)
            var options = ProviderService.Options()
            options.events = sink
            let service = try await RunningService.start(ThingProvider(), mof: Self.mof, on: bus, options: options)
            let session = try await Session.connect(to: .address(bus.address), logger: quiet)
            return Raising(bus: bus, broker: broker, service: service, sink: sink, session: session, activity: activity)
        }

        private func alarm(_ place: String, _ level: UInt32 = 1) -> CIMInstance {
            CIMInstance(className: "Test_Alarm", ["Place": .string(place), "Level": .uint32(level)])
        }

        @Test("EV85, EV87, EV98: a provider's sink knows who listens, and an event that nobody wants is not sent")
        func fromSinkToSequence() async throws {
            let raising = try await raising()
            let (sink, session) = (raising.sink, raising.session)
            #expect(!sink.isActive)
            try await sink.indicate(alarm("nobody"))
            let events = session.events("SELECT * FROM Test_Alarm WHERE Level > 4")
            try await soon("the subscription") { try await events.subscribed() }
            try await raising.activity.wait("somebody to listen") { $0 == [true] }
            try await sink.indicate([alarm("roof", 5), alarm("hall", 4), alarm("cellar", 9)])
            let places = try await soon("two events") {
                var places: [String] = []
                for try await notice in events {
                    if let event = notice.event { places.append(event["Place"]?.stringValue ?? "") }
                    if places.count == 2 { break }
                }
                return places
            }
            #expect(places == ["roof", "cellar"])
            try await raising.activity.wait("nobody to listen") { $0 == [true, false] }
            #expect(!sink.isActive)
            // The broker would count what it got for a subscriber; the filter at the source is exact once it is there.
            let counted = session.events("SELECT * FROM Test_Alarm WHERE Level > 4")
            try await soon("the subscription") { try await counted.subscribed() }
            try await raising.activity.wait("somebody to listen") { $0.count == 3 }
            for level in 0..<5 as Range<UInt32> { try await sink.indicate(alarm("low", level)) }
            withExtendedLifetime((counted, raising)) {}
        }

        @Test("EV85: what is raised once a subscription stands comes to it, whatever else the source is asked for at the same time")
        func everyFirstEvent() async throws {
            let raising = try await raising(accessCheck: { _, _ in true })
            let (sink, session) = (raising.sink, raising.session)
            // With somebody else's filter the source drops what that one does not want.
            let other = session.events("SELECT * FROM Test_Alarm WHERE Level = 1000")
            try await soon("the other subscription") { try await other.subscribed() }
            for level in 0..<100 as Range<UInt32> {
                let events = session.events("SELECT * FROM Test_Alarm WHERE Level = \(level)")
                try await soon("subscription \(level)") { try await events.subscribed() }
                try await sink.indicate(alarm("\(level)", level))
                let place = try await soon("event \(level)") {
                    for try await notice in events { return notice.event?["Place"]?.stringValue }
                    return nil
                }
                #expect(place == "\(level)")
            }
            withExtendedLifetime((other, raising)) {}
        }

        @Test("EV67, EV68: what a provider posts comes in its order, what it could not raise is counted, and so is what the broker refuses")
        func posted() async throws {
            let raising = try await raising()
            let sink = raising.sink
            sink.post(alarm("nobody"))
            let events = raising.session.events("SELECT * FROM Test_Alarm")
            try await soon("the subscription") { try await events.subscribed() }
            try await raising.activity.wait("somebody to listen") { $0 == [true] }
            #expect(sink.queries == ["SELECT * FROM Test_Alarm"])
            sink.post((0..<300).map { alarm("\($0)") })
            sink.reportLoss(4_711)
            sink.post([alarm("behind"), CIMInstance(className: "Test_Alarm", ["Nothing": "such"]), alarm("last")])
            let notices = try await soon("the events") {
                var notices: [EventNotice] = []
                for try await notice in events {
                    notices.append(notice)
                    if notice.event?["Place"]?.stringValue == "last" { sink.post(alarm("end")) }
                    if notice.event?["Place"]?.stringValue == "end" { break }
                }
                return notices
            }
            let places = notices.compactMap { $0.event?["Place"]?.stringValue }
            #expect(places == (0..<300).map { "\($0)" } + ["behind", "last", "end"])
            let lost = notices.compactMap { notice -> UInt64? in if case .gap(.lost(let count)) = notice { count } else { nil } }
            #expect(lost.reduce(0, +) == 4_712)
            try await raising.activity.wait("nobody to listen") { $0 == [true, false] }
            #expect(sink.queries.isEmpty)
        }

        @Test("EV98: a provider to which somebody listens does not end although nobody calls it; after the last one has gone it does")
        func neededByListeners() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let activity = Recorder<Bool>()
            let sink = EventSink(onActivity: { activity.record($0) })
            var options = ProviderService.Options()
            options.events = sink
            options.idleExit = .after(.milliseconds(300))
            let service = try await RunningService.start(ThingProvider(), mof: Self.mof, on: bus, options: options)
            let session = try await Session.connect(to: .address(bus.address), logger: quiet)
            let events = session.events("SELECT * FROM Test_Alarm")
            try await soon("the subscription") { try await events.subscribed() }
            try await activity.wait("somebody to listen") { $0 == [true] }
            // Longer than the limit, three times.
            let loop = EventLoop(name: "time")
            let passed = Event<Bool>("some time")
            loop.schedule(after: .milliseconds(900)) { passed.send(true) }
            _ = try await passed.value()
            #expect(service.end.current == nil)
            sink.post(alarm("still there"))
            let first = try await soon("the event") {
                var iterator = events.makeAsyncIterator()
                return try await iterator.next()
            }
            #expect(first?.event?["Place"]?.stringValue == "still there")
            events.cancel()
            _ = try await service.end.value()
            withExtendedLifetime(broker) {}
        }

        @Test("EV98: when the provider's service stops nobody listens to it, so that its source sleeps; the subscription stays")
        func stopped() async throws {
            let raising = try await raising()
            let events = raising.session.events("SELECT * FROM Test_Alarm")
            try await soon("the subscription") { try await events.subscribed() }
            try await raising.activity.wait("somebody to listen") { $0 == [true] }
            await raising.service.stopGracefully()
            try await raising.activity.wait("nobody to listen") { $0 == [true, false] }
            #expect(!raising.sink.isActive && raising.sink.queries.isEmpty)
            let figures = try await raising.session.broker.figures()
            #expect(figures.openOperations == 1)
        }

        @Test("EV101: a sink's access check refuses a subscriber, whose sequence throws AccessDenied")
        func denied() async throws {
            let raising = try await raising { _, _ in false }
            let error = try await soon("the refusal") {
                do {
                    for try await _ in raising.session.events("SELECT * FROM Test_Alarm") {}
                    return CIMError?.none
                } catch { return error as? CIMError }
            }
            #expect(error?.status == .accessDenied)
            withExtendedLifetime(raising) {}
        }

        @Test("EV47: after a restart of the broker the sequence subscribes again, and says that there was a gap")
        func restart() async throws {
            let raising = try await raising()
            let notices = Recorder<String>()
            let subscription = raising.session.subscribe("SELECT * FROM Test_Alarm") { notice in
                switch notice {
                case .event(let event): notices.record(event["Place"]?.stringValue ?? "")
                case .gap(let gap): notices.record("\(gap)")
                }
            } completion: { _ in
                notices.record("the end")
            }
            try await soon("the subscription") { try await subscription.subscribed() }
            try await raising.activity.wait("somebody to listen") { $0 == [true] }
            try await raising.sink.indicate(alarm("before"))
            try await notices.wait("the event") { $0 == ["before"] }
            try await raising.broker.process.killAndWait()
            try await raising.activity.wait("nobody to listen") { $0 == [true, false] }
            let next = try await BrokerProcess.start(on: raising.bus)
            try await raising.activity.wait("somebody to listen again") { $0 == [true, false, true] }
            // The gap is told before anything of the new broker's.
            try await raising.sink.indicate(alarm("after"))
            let seen = try await notices.wait("the event after the gap") { $0.count == 3 }
            #expect(seen == ["before", "\(EventGap.brokerRestarted)", "after"])
            subscription.cancel()
            #expect(try await notices.wait("the end") { $0.count == 4 }.last == "the end")
            withExtendedLifetime((raising, next)) {}
        }

        @Test("EV22, EV95: what the broker refuses is thrown: a query that is none, and an event that the registration does not cover")
        func refused() async throws {
            let raising = try await raising()
            let events = raising.session.events("SELECT * FROM Test_Alarm WHERE Bogus = 1")
            let error = await #expect(throws: CIMError.self) { try await soon { try await events.subscribed() } }
            #expect(error?.status == .invalidQuery)
            let all = raising.session.events("SELECT * FROM __ExtrinsicEvent")
            try await soon("the subscription") { try await all.subscribed() }
            try await raising.activity.wait("somebody to listen") { $0 == [true] }
            let denied = await #expect(throws: CIMError.self) {
                try await raising.sink.indicate(CIMInstance(className: "CIMBus_ProviderVanishedEvent"))
            }
            #expect(denied?.status == .accessDenied)
            let lines = try await raising.session.explainEvents("SELECT * FROM Test_Alarm")
            #expect(lines.contains { $0.contains("raises") })
            withExtendedLifetime((raising, all)) {}
        }
    }
}
