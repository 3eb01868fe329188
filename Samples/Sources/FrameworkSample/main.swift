// Serves one of the small samples.
//
//   FrameworkSample owners|interfaces|ethernet|echo [--system | --session | --address ADDRESS] [--net FOLDER]
//
// --net: where interfaces are, instead of /sys/class/net.

import CIMBusProvider
import FrameworkSamples
import Glibc
import Logging

let usage = "usage: FrameworkSample owners|interfaces|ethernet|echo [--system | --session | --address ADDRESS] [--net FOLDER]"
var arguments = CommandLine.arguments.dropFirst()
let chosen = arguments.popFirst()
var bus = BusAddress.system
var net = "/sys/class/net"
while let argument = arguments.popFirst() {
    switch argument {
    case "--system": bus = .system
    case "--session": bus = .session
    case "--address": bus = .address(arguments.popFirst() ?? "")
    case "--net": net = arguments.popFirst() ?? net
    default:
        print(usage)
        exit(64)
    }
}
let sample: (name: String, className: String, mof: String, provider: any Provider)
switch chosen {
case "owners": sample = (ProcessOwners.registration, ProcessOwners.className, ProcessOwners.mof, ProcessOwners())
case "interfaces":
    sample = (NetworkInterfaces.registration, NetworkInterfaces.className, NetworkInterfaces.mof, NetworkInterfaces(root: net))
case "ethernet":
    sample = (EthernetInterfaces.registration, EthernetInterfaces.className, EthernetInterfaces.mof, EthernetInterfaces(root: net))
case "echo": sample = (Echo.registration, Echo.className, Echo.mof, Echo())
default:
    print(usage)
    exit(chosen == "--help" ? 0 : 64)
}

LoggingSystem.bootstrap(StreamLogHandler.standardError)
await ProviderService(
    name: sample.name, mof: sample.mof, classes: [sample.className: sample.provider], bus: bus, logger: Logger(label: sample.name)
).main()
