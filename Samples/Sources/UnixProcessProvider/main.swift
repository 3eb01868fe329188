// Serves the processes of this machine as instances of Linux_UnixProcess.
//
//   UnixProcessProvider [--system | --session | --address ADDRESS] [--proc FOLDER] [--pace MILLISECONDS]
//
// --pace waits after each object of an enumeration, to watch one at work.

import CIMBusProvider
import Glibc
import Logging
import ServiceLifecycle
import UnixProcesses

var bus = BusAddress.system
var root = "/proc"
var pace = Duration.zero
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--system": bus = .system
    case "--session": bus = .session
    case "--address": bus = .address(arguments.popFirst() ?? "")
    case "--proc": root = arguments.popFirst() ?? root
    case "--pace": pace = .milliseconds(Int(arguments.popFirst() ?? "") ?? 0)
    default:
        print("usage: UnixProcessProvider [--system | --session | --address ADDRESS] [--proc FOLDER] [--pace MILLISECONDS]")
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
let service = ProviderService(
    name: LinuxUnixProcess.registration, mof: LinuxUnixProcess.mof,
    classes: [LinuxUnixProcess.className: UnixProcessProvider(ProcessTable(root: root), pace: pace)], bus: bus,
    options: options, logger: logger)
let group = ServiceGroup(
    configuration: .init(services: [.init(service: service)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
do {
    try await group.run()
} catch {
    logger.critical("\(error)")
    exit(1)
}
