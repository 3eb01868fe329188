import CIM
import CIMBusClient
import CIMBusProvider
import Glibc
import Logging
import Synchronization
import WireTestKit

/// A source of events, and those who subscribe to it.
enum Alarms {
    private static let mof = "class Bench_Alarm : __ExtrinsicEvent { uint32 Level; uint64 Raised; string Place; };"

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
        let service = ProviderService(name: "Alarms", mof: mof, classes: [:], bus: .address(address), options: options, logger: logger)
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

    /// Subscribes, says so, and takes `count` events: prints the microseconds from the first to the last, the median from source to here, and how many
    /// are lost. `others` more subscriptions of other levels want none of them.
    static func watch(_ address: String, count: Int, others: Int) async throws {
        let session = try await Session.connect(to: .address(address))
        var quiet: [EventSequence] = []
        for level in 0..<others {
            let other = session.events("SELECT * FROM Bench_Alarm WHERE Level = \(level + 1)")
            try await other.subscribed()
            quiet.append(other)
        }
        let events = session.events("SELECT * FROM Bench_Alarm WHERE Level = 0")
        try await events.subscribed()
        print("subscribed"); fflush(nil)
        var (first, lost): (ContinuousClock.Instant?, UInt64) = (nil, 0)
        var latencies: [Double] = []
        latencies.reserveCapacity(count)
        for try await notice in events {
            switch notice {
            case .event(let event):
                if first == nil { first = .now }
                let raised = event["Raised"]?.uint64Value ?? 0
                latencies.append(Double(Int64(Role.nanoseconds()) - Int64(raised)) / 1_000)
            case .gap(.lost(let number)): lost += number
            case .gap: break
            }
            if latencies.count + Int(lost) >= count { break }
        }
        let took = Role.microseconds(ContinuousClock.now - (first ?? .now))
        print("\(took) \(median(latencies)) \(lost)")
        withExtendedLifetime(quiet) {}
    }
}
