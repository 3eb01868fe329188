import CIM
import CIMBusWire
import DBus
import Glibc
import Synchronization
import WireTestKit

/// A subscriber that checks what it gets: of each source the numbers go up, and what is missing was told as lost.
///
/// It prints `subscribed`, now and then `took N LOST`, `wrong TEXT`, and for each source's last event `last SOURCE N of M`: so many of the M sources that
/// it knows have said their last.
final class EventSubscriber: Sendable {
    private struct State {
        /// Of each source the number that came last, and whether it was the last there will be.
        var sources: [String: (number: UInt64, isLast: Bool)] = [:]
        var missing: UInt64 = 0
        var lost: UInt64 = 0
        var taken = 0
        var since: UInt64 = .max
    }

    private let connection: Connection
    private let isSlow: Bool
    private let state = Mutex(State())
    /// Who is the broker, whose subscription there is, and its end.
    private struct Life {
        var owner: String?
        var broker: String?
        var end = Event<Void>("the end of a subscription")
    }
    private let life = Mutex(Life())

    static func main(_ arguments: [String]) async throws {
        let connection = try await Connection.connect(to: .address(arguments[0]), on: EventLoop(name: "subscriber"))
        let subscriber = EventSubscriber(connection, isSlow: arguments[2] == "slow")
        await connection.setInbound { [weak subscriber] message in subscriber?.receive(message) ?? false }
        _ = try await connection.followOwner(of: BusName(Contract.busName)) { [weak subscriber] owner in
            subscriber?.life.withLock { life in
                life.owner = owner?.text
                if let broker = life.broker, broker != owner?.text { life.end.send(()) }
            }
        }
        var life = 0
        while true {
            life += 1
            do {
                if arguments[1] == "private" { try await connection.openPrivateConnection() }
                try await subscriber.subscribe(ObjectPath(verified: "/sinks/\(life)"))
            } catch {
                // No broker, or no class yet.
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private init(_ connection: Connection, isSlow: Bool) {
        self.connection = connection
        self.isSlow = isSlow
    }

    private func subscribe(_ sink: ObjectPath) async throws {
        let end = Event<Void>("the end of a subscription")
        life.withLock { life in
            life.broker = nil
            life.end = end
        }
        state.withLock { $0 = State() }
        let reply = try await connection.call(
            try Message.methodCall(
                destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
                member: MemberName(verified: "ExecNotificationQueryAsync"),
                values: [
                    .string("WQL"), .string("SELECT * FROM \(EventRaiser.className)"), .int32(0), .dictionary([]), .objectPath(sink),
                ]))
        // What the bus said before the answer came before it: a former broker's end is none of this subscription's.
        life.withLock { life in
            life.broker = reply.sender ?? life.owner
            if life.broker != life.owner { end.send(()) }
        }
        // Who registers from now on, is heard from its first event.
        state.withLock { $0.since = EventRaiser.microseconds }
        say("subscribed")
        try await end.value(within: .seconds(3_600))
    }

    private func receive(_ message: Message) -> Bool {
        guard message.interface == Contract.objectSink.text, let path = message.path, let event = SinkEvent(message) else { return false }
        switch event {
        case .indicate(let objects):
            for object in objects { took(object) }
            acknowledge(path)
        case .status: life.withLock { $0.end.send(()) }
        }
        return true
    }

    private func took(_ event: [String: DBusValue]) {
        guard let source = event["Source"]?.text, case .uint64(let number)? = event["Number"], case .uint64(let since)? = event["Since"]
        else {
            return say("wrong an event that nobody raised: \(event.keys)")
        }
        let (wrong, told) = state.withLock { state -> (String?, String?) in
            if case .uint64(let lost)? = event[Contract.numberOfEventsLost] { state.lost += lost }
            state.taken += 1
            let isLast = event["Last"] == .boolean(true)
            let before = state.sources[source]
            state.sources[source] = (number, isLast)
            // Of a source that was there before the subscription nobody knows the first number.
            if let before {
                if number <= before.number { return ("\(source) said \(number) after \(before.number)", nil) }
                state.missing += number - before.number - 1
            } else if since > state.since {
                state.missing += number - 1
            }
            if state.missing > state.lost { return ("\(state.missing) events are missing, and \(state.lost) were told as lost", nil) }
            guard isLast else { return (nil, state.taken % 500 == 0 ? "took \(state.taken) \(state.lost)" : nil) }
            let finished = state.sources.values.count { $0.isLast }
            // Nobody died with events that are known to nobody: what was told as lost is what is missing.
            if finished == state.sources.count, state.missing != state.lost, state.taken > 0 {
                return ("\(state.lost) events were told as lost, and \(state.missing) are missing", nil)
            }
            return (nil, "last \(source) \(finished) of \(state.sources.count)")
        }
        if let wrong { say("wrong \(wrong)") }
        if let told { say(told) }
    }

    private func acknowledge(_ sink: String) {
        guard
            let message = try? Message.methodCall(
                destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
                member: MemberName(verified: "Acknowledge"), flags: .noReplyExpected,
                values: [.objectPath(ObjectPath(verified: sink)), .uint32(1)])
        else { return }
        let connection = connection
        guard isSlow else { return connection.loop.execute { connection.assumeIsolated { try? $0.send(message) } } }
        Task {
            try? await Task.sleep(for: .milliseconds(20))
            try? await connection.send(message)
        }
    }
}
