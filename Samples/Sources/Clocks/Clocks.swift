import CIM
import CIMBusProvider
import Glibc
import Synchronization

/// The clocks of a house: serves Sample_Clock and Sample_AlarmClock by the types that the build makes of Clock.mof.
public final class Clocks: ClockProvider, AlarmClockProvider {
    private struct Dial {
        var offset: Int16 = 0
        var strikes: UInt64 = 0
        /// Nil: it is a plain clock.
        var alarm: CIMDateTime??
    }

    private let dials = Mutex<[String: Dial]>([:])

    public init() {
        dials.withLock {
            $0 = ["hall": Dial(), "tower": Dial(offset: 60), "bed": Dial(alarm: .some(CIMDateTime("00000000063000.000000:000")))]
        }
    }

    // MARK: - Clocks

    public func instances(into rows: inout TypedRows<Clock>, context: RequestContext) async throws {
        for (name, dial) in all(withAlarm: false) { try await rows.append(clock(name, dial)) }
    }

    public func get(_ reference: Reference<Clock>, context: RequestContext) async throws -> Clock? {
        let name = try reference.keys().name
        return dial(name, withAlarm: false).map { clock(name, $0) }
    }

    public func put(_ object: Clock, context: RequestContext) async throws -> Reference<Clock>? {
        try put(object.name, object.offset, alarm: nil, context)
        return nil
    }

    public func delete(_ reference: Reference<Clock>, context: RequestContext) async throws { try take(try reference.keys().name) }

    public func strike(_ reference: Reference<Clock>, times: UInt32, context: RequestContext) async throws -> Clock.StrikeResult {
        guard (1...12).contains(times) else { throw CIMError(.invalidMethodParameters, "a clock strikes 1 to 12 times, not \(times)") }
        let name = try reference.keys().name
        let strikes = dials.withLock { dials in
            dials[name]?.strikes &+= UInt64(times)
            return dials[name]?.strikes
        }
        guard let strikes else { throw CIMError(.notFound, "no clock hangs at \(name)") }
        return Clock.StrikeResult(returnValue: 0, strikes: strikes)
    }

    public func count(_ type: Clock.Type, context: RequestContext) async throws -> UInt32 { UInt32(clamping: all(withAlarm: false).count) }

    // MARK: - Alarm clocks

    public func instances(into rows: inout TypedRows<AlarmClock>, context: RequestContext) async throws {
        for (name, dial) in all(withAlarm: true) { try await rows.append(alarmClock(name, dial)) }
    }

    public func get(_ reference: Reference<AlarmClock>, context: RequestContext) async throws -> AlarmClock? {
        let name = try reference.keys().name
        return dial(name, withAlarm: true).map { alarmClock(name, $0) }
    }

    public func put(_ object: AlarmClock, context: RequestContext) async throws -> Reference<AlarmClock>? {
        try put(object.name, object.offset, alarm: .some(object.alarm), context)
        return nil
    }

    public func delete(_ reference: Reference<AlarmClock>, context: RequestContext) async throws { try take(try reference.keys().name) }

    public func strike(
        _ reference: Reference<AlarmClock>, times: UInt32, context: RequestContext
    ) async throws -> Clock.StrikeResult { try await strike(reference.superclass, times: times, context: context) }

    public func count(_ type: AlarmClock.Type, context: RequestContext) async throws -> UInt32 {
        UInt32(clamping: all(withAlarm: true).count)
    }

    // MARK: - Dials

    private func all(withAlarm: Bool) -> [(String, Dial)] {
        dials.withLock { $0.filter { ($0.value.alarm != nil) == withAlarm }.sorted { $0.key < $1.key } }
    }

    private func dial(_ name: String, withAlarm: Bool) -> Dial? {
        dials.withLock { $0[name] }.flatMap { ($0.alarm != nil) == withAlarm ? $0 : nil }
    }

    private func put(_ name: String, _ offset: Int16?, alarm: CIMDateTime??, _ context: RequestContext) throws(CIMError) {
        guard (-720...840).contains(offset ?? 0) else { throw CIMError(.valueOutOfRange, "no zone is \(offset ?? 0) minutes east of UTC") }
        try dials.withLock { dials throws(CIMError) in
            if dials[name] == nil, context.putMode == .updateOnly { throw CIMError(.notFound, "no clock hangs at \(name)") }
            if dials[name] != nil, context.putMode == .createOnly { throw CIMError(.alreadyExists, "a clock hangs at \(name) already") }
            dials[name] = Dial(offset: offset ?? 0, strikes: dials[name]?.strikes ?? 0, alarm: alarm)
        }
    }

    private func take(_ name: String) throws(CIMError) {
        guard dials.withLock({ $0.removeValue(forKey: name) }) != nil else { throw CIMError(.notFound, "no clock hangs at \(name)") }
    }

    private func clock(_ name: String, _ dial: Dial) -> Clock {
        let now = CIMDateTime(secondsSince1970: Int64(time(nil)), offset: Int(dial.offset))
        return Clock(name: name, now: now, offset: dial.offset, state: .running, strikes: dial.strikes)
    }

    private func alarmClock(_ name: String, _ dial: Dial) -> AlarmClock {
        let plain = clock(name, dial)
        return AlarmClock(
            name: plain.name, now: plain.now, offset: plain.offset, state: plain.state, strikes: plain.strikes, alarm: dial.alarm ?? nil,
            setBy: Reference(name: "hall"))
    }
}
