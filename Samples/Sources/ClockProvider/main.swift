// Serves clocks by the types that CIMBusMOFPlugin makes of Clock.mof.
//
//   ClockProvider [--system | --session | --address ADDRESS]

import CIMBusProvider
import Clocks
import DBus
import Glibc
import Logging
import ServiceLifecycle

var bus = BusAddress.system
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--system": bus = .system
    case "--session": bus = .session
    case "--address": bus = .address(arguments.popFirst() ?? "")
    default:
        print("usage: ClockProvider [--system | --session | --address ADDRESS]")
        exit(argument == "--help" ? 0 : 64)
    }
}

LoggingSystem.bootstrap(StreamLogHandler.standardError)
let logger = Logger(label: "ClockProvider")
let clocks = Clocks()
let service = ProviderService(
    name: "Clocks", mof: ClockMOF.text,
    classes: [Clock.className: ClockAdapter(clocks), AlarmClock.className: AlarmClockAdapter(clocks)], bus: bus, logger: logger)
let group = ServiceGroup(
    configuration: .init(services: [.init(service: service)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
do {
    try await group.run()
} catch {
    logger.critical("\(error)")
    exit(1)
}
