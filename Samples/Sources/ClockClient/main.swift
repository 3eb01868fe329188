// Lists the clocks of ClockProvider, and lets one strike.
//
//   ClockClient [--system | --session | --address ADDRESS] [NAME]

import CIM
import CIMBusClient
import Clocks
import DBus
import Glibc

var bus = BusAddress.system
var name = "hall"
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--system": bus = .system
    case "--session": bus = .session
    case "--address": bus = .address(arguments.popFirst() ?? "")
    case let word where word.hasPrefix("-"):
        print("usage: ClockClient [--system | --session | --address ADDRESS] [NAME]")
        exit(argument == "--help" ? 0 : 64)
    default: name = argument
    }
}

do {
    let session = try await Session.connect(to: bus)
    for try await clock in session.instances(of: Clock.self) {
        print("\(clock.name): \(clock.offset ?? 0) minutes east, \(clock.state?.valueName ?? "?")")
    }
    for try await clock in session.query(AlarmClock.self, where: "Alarm IS NOT NULL") {
        print("\(clock.name) strikes at \(clock.alarm.map { "\($0)" } ?? "?"), set by \(clock.setBy.map { "\($0)" } ?? "?")")
    }
    let result = try await Reference<Clock>(name: name).strike(times: 3, in: session)
    print("\(name) has struck \(result.strikes ?? 0) times; there are \(try await Clock.count(in: session)) clocks without an alarm")
    await session.close()
} catch {
    _ = "ClockClient: \(error)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
    exit(1)
}
