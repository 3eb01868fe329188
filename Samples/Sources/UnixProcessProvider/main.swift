// Serves the processes of this machine as instances of Linux_UnixProcess.
//
//   UnixProcessProvider [--system | --session | --address ADDRESS] [--proc FOLDER] [--pace MILLISECONDS]
//                       [--events connector | descriptors | none] [--connector-buffer BYTES]
//
// --pace waits after each object of an enumeration, to watch one at work. --events says how processes are watched while somebody subscribes; without it
// by the kernel's process connector, where this process may have it, else by descriptors.

import CIMBusProvider
import Glibc
import Logging
import ServiceLifecycle
import UnixProcesses

var bus = BusAddress.system
var root = "/proc"
var pace = Duration.zero
var reach: ProcessEvents.Reach?
var buffer: Int32?
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--system": bus = .system
    case "--session": bus = .session
    case "--address": bus = .address(arguments.popFirst() ?? "")
    case "--proc": root = arguments.popFirst() ?? root
    case "--pace": pace = .milliseconds(Int(arguments.popFirst() ?? "") ?? 0)
    case "--events" where arguments.first.flatMap(ProcessEvents.Reach.init) != nil:
        reach = arguments.popFirst().flatMap { .init(rawValue: $0) }
    case "--connector-buffer": buffer = Int32(arguments.popFirst() ?? "")
    default:
        print(
            """
            usage: UnixProcessProvider [--system | --session | --address ADDRESS] [--proc FOLDER] [--pace MILLISECONDS]
                                       [--events connector | descriptors | none] [--connector-buffer BYTES]
            """)
        exit(argument == "--help" ? 0 : 64)
    }
}

LoggingSystem.bootstrap(StreamLogHandler.standardError)
let logger = Logger(label: "UnixProcessProvider")
var options = ProviderService.Options()
// The provider looks whose process it is.
options.writers = .everybody
// Most of what is said of a process changes by itself: the provider knows what.
options.readOnlyProperties = .leftToProvider
let table = ProcessTable(root: root)
let events = ProcessEvents(table, logger, reach: reach, buffer: buffer)
options.events = events.makeSink()
let service = ProviderService(
    name: LinuxUnixProcess.registration, mof: LinuxUnixProcess.mof(raising: events.reach),
    classes: [LinuxUnixProcess.className: UnixProcessProvider(table, pace: pace)], bus: bus,
    options: options, logger: logger)
let group = ServiceGroup(
    configuration: .init(services: [.init(service: service)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
do {
    try await group.run()
} catch {
    logger.critical("\(error)")
    exit(1)
}
