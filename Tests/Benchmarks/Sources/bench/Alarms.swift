import CIM
import CIMBusClient
import CIMBusProvider
import Glibc
import Logging
import Synchronization
import WireTestKit

/// A source of events, and those who subscribe to it.
enum Alarms {
    private static let mof = """
        class Bench_Alarm : __ExtrinsicEvent { uint32 Level; uint64 Raised; string Place; };
        [dynamic, provider("Alarms")] class Bench_Place { [key] string Name; uint32 Level; uint64 Raised; };
        """

    /// One object from the source's process, to compare with.
    private struct Places: InstanceProvider {
        func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
            try await sink.indicate(place)
        }

        func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance { place }

        private var place: CIMInstance {
            CIMInstance(className: "Bench_Place", ["Name": "the roof", "Level": .uint32(0), "Raised": .uint64(Role.nanoseconds())])
        }
    }

    private static func alarm(level: UInt32) -> CIMInstance {
        CIMInstance(className: "Bench_Alarm", ["Level": .uint32(level), "Raised": .uint64(Role.nanoseconds()), "Place": "the roof"])
    }

    /// Each time that somebody begins to listen it raises `count` events, `together` at a time, and prints how long that took, in microseconds. With
    /// `pause` microseconds between them each comes alone.
    static func raise(_ address: String, count: Int, together: Int, pause: UInt32) async throws {
        let (activity, tell) = AsyncStream<Bool>.makeStream()
        let sink = EventSink(onActivity: { tell.yield($0) })
        var options = ProviderService.Options()
        options.events = sink
        options.onRegistered = {
            print("ready"); fflush(nil)
        }
        var logger = Logger(label: "alarms")
        logger.logLevel = .error
        let service = ProviderService(
            name: "Alarms", mof: mof, classes: ["Bench_Place": Places()], bus: .address(address), options: options, logger: logger)
        let serving = Task { try await service.run() }
        for await isActive in activity where isActive {
            // Whoever has subscribed last says so by its standard input.
            guard readLine() != nil else { break }
            let start = ContinuousClock.now
            var left = count
            while left > 0 {
                let number = min(left, together)
                try await sink.indicate((0..<number).map { _ in alarm(level: 0) })
                left -= number
                if pause > 0 { usleep(pause) }
            }
            print(Role.microseconds(ContinuousClock.now - start)); fflush(nil)
        }
        serving.cancel()
    }

    private struct Seen {
        var microseconds = 0.0
        var latencies: [Double] = []
        var lost: UInt64 = 0
    }

    /// Subscribes `readers` times, says so, and takes `count` events each time: prints the microseconds from the first to the last, the median from source
    /// to here, how many are lost and how many have come. `others` more subscriptions of other levels want none of them.
    static func watch(_ address: String, count: Int, others: Int, readers: Int) async throws {
        let session = try await Session.connect(to: .address(address))
        var quiet: [EventSequence] = []
        for level in 0..<others {
            let other = session.events("SELECT * FROM Bench_Alarm WHERE Level = \(level + 1)")
            try await other.subscribed()
            quiet.append(other)
        }
        var wanted: [EventSequence] = []
        for _ in 0..<readers {
            let events = session.events("SELECT * FROM Bench_Alarm WHERE Level = 0")
            try await events.subscribed()
            wanted.append(events)
        }
        print("subscribed"); fflush(nil)
        let seen = try await withThrowingTaskGroup(of: Seen.self) { group in
            for events in wanted { group.addTask { try await take(count, of: events) } }
            return try await group.reduce(into: [Seen]()) { $0.append($1) }
        }
        let (lost, came) = (seen.reduce(0) { $0 + $1.lost }, seen.reduce(0) { $0 + $1.latencies.count })
        print("\(seen.map(\.microseconds).max() ?? 0) \(median(seen.flatMap(\.latencies))) \(lost) \(came)")
        withExtendedLifetime(quiet) {}
    }

    private static func take(_ count: Int, of events: EventSequence) async throws -> Seen {
        var (first, seen): (ContinuousClock.Instant?, Seen) = (nil, Seen())
        seen.latencies.reserveCapacity(count)
        for try await notice in events {
            switch notice {
            case .event(let event):
                if first == nil { first = .now }
                let raised = event["Raised"]?.uint64Value ?? 0
                seen.latencies.append(Double(Int64(Role.nanoseconds()) - Int64(raised)) / 1_000)
            case .gap(.lost(let number)): seen.lost += number
            case .gap: break
            }
            if seen.latencies.count + Int(seen.lost) >= count { break }
        }
        seen.microseconds = Double(Role.microseconds(ContinuousClock.now - (first ?? .now)))
        return seen
    }

    /// Gets the source's object so many times, with `pause` microseconds between; prints the median in microseconds.
    static func get(_ address: String, count: Int, pause: UInt32) async throws {
        let session = try await Session.connect(to: .address(address))
        let path = try CIMObjectPath(parsing: "Bench_Place.Name=\"the roof\"")
        var raw: [Double] = []
        for _ in 0..<count {
            let start = Role.nanoseconds()
            _ = try await session.getInstance(at: path)
            raw.append(Double(Role.nanoseconds() - start) / 1_000)
            usleep(pause)
        }
        print(median(raw))
        await session.close()
    }
}
