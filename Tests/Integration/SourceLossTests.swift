import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// What a source lost before it could raise it (Semantics J.5).
    @Suite struct SourceLossTests {
        private static func lost(_ open: RawOpenOperation, _ count: Int) async throws -> [UInt64?] {
            let sink = try #require(open.sink)
            try await sink.events.wait("\(count) events") { events in
                events.reduce(0) { sum, event in if case .indicate(let objects) = event { sum + objects.count } else { sum } } >= count
            }
            return sink.objects.map { $0[Contract.numberOfEventsLost]?.integer() }
        }

        @Test("EV67: what a source says that it lost its subscribers hear of with their next event, once and exactly, and no others do")
        func reported() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let other = try await EventSource.start(
                on: scene.bus, name: "Others", mof: "class Other_Alarm : __ExtrinsicEvent { string Place; };")
            let open = try await scene.client.start(.events("SELECT * FROM Test_Alarm WHERE Level = 1"), .async)
            let foreign = try await scene.client.start(.events("SELECT * FROM Other_Alarm"), .async)
            func report(_ count: UInt64, by source: EventSource, into sink: ObjectPath) async throws {
                _ = try await source.call(sink, Contract.eventSink, "ReportLoss", [.uint64(count)])
            }
            try await report(3, by: source, into: source.sink)
            try await report(4, by: source, into: source.sink)
            // Nobody wants this one: the loss is told with the next that somebody wants.
            try await source.raise("unwanted", level: 2)
            try await source.raise("one")
            try await source.raise("two")
            try await other.raise([[("__CLASS", .string("Other_Alarm")), ("Place", .string("there"))]])
            #expect(try await Self.lost(open, 2) == [7, nil])
            #expect(try await Self.lost(foreign, 1) == [nil])
            #expect(try await scene.client.property(try #require(open.path), Contract.operation, "EventsLost") == .uint64(7))
            let refused = try await scene.client.refusal { try await report(1, by: other, into: source.sink) }
            #expect(refused == .accessDenied)
            // A source may say any number.
            for _ in 0..<2 { try await report(.max, by: source, into: source.sink) }
            try await source.raise("three")
            #expect(try await Self.lost(open, 3).last == .max)
            withExtendedLifetime((source, other)) {}
        }
    }
}
