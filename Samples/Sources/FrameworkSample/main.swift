// Serves one of the small samples.
//
//   FrameworkSample owners|interfaces|ethernet|echo [--system | --session | --address ADDRESS] [--net FOLDER] [--alone]
//
// --net: where interfaces are, instead of /sys/class/net. --alone: nobody serves the Ethernet interfaces, so that `interfaces` raises their events, too.

import CIMBusProvider
import FrameworkSamples
import Glibc
import Logging

let usage = "usage: FrameworkSample owners|interfaces|ethernet|echo [--system | --session | --address ADDRESS] [--net FOLDER] [--alone]"
var arguments = CommandLine.arguments.dropFirst()
let chosen = arguments.popFirst()
var bus = BusAddress.system
var net = "/sys/class/net"
var isAlone = false
while let argument = arguments.popFirst() {
    switch argument {
    case "--system": bus = .system
    case "--session": bus = .session
    case "--address": bus = .address(arguments.popFirst() ?? "")
    case "--net": net = arguments.popFirst() ?? net
    case "--alone": isAlone = true
    default:
        print(usage)
        exit(64)
    }
}
LoggingSystem.bootstrap(StreamLogHandler.standardError)
var options = ProviderService.Options()

let sample: (name: String, className: String, mof: String, provider: any Provider)
switch chosen {
case "owners": sample = (ProcessOwners.registration, ProcessOwners.className, ProcessOwners.mof, ProcessOwners())
case "interfaces":
    let (provider, withEthernet) = (NetworkInterfaces(root: net), isAlone)
    options.events = LinkEvents(Logger(label: NetworkInterfaces.registration)) { provider.all(withEthernet: withEthernet) }.makeSink()
    let registrations = LinkEvents.registrations(NetworkInterfaces.registration, NetworkInterfaces.className)
    sample = (NetworkInterfaces.registration, NetworkInterfaces.className, registrations + NetworkInterfaces.mof, provider)
case "ethernet":
    let provider = EthernetInterfaces(root: net)
    options.events = LinkEvents(Logger(label: EthernetInterfaces.registration), read: provider.all).makeSink()
    let registrations = LinkEvents.registrations(EthernetInterfaces.registration, EthernetInterfaces.className)
    sample = (EthernetInterfaces.registration, EthernetInterfaces.className, registrations + EthernetInterfaces.mof, provider)
case "echo": sample = (Echo.registration, Echo.className, Echo.mof, Echo())
default:
    print(usage)
    exit(chosen == "--help" ? 0 : 64)
}

await ProviderService(
    name: sample.name, mof: sample.mof, classes: [sample.className: sample.provider], bus: bus, options: options,
    logger: Logger(label: sample.name)
).main()
