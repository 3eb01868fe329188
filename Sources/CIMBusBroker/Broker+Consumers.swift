import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// The consumers that the broker has itself, made from what is stored of them (Semantics J.4).
extension Broker {
    /// - Throws: InvalidParameter: what is wrong with the consumer; NotFound: nobody is the consumer of its class.
    func consumer(of definition: PermanentSubscription.Definition) throws(CIMError) -> any EventConsumer {
        let consumer = definition.consumer
        let name = consumer["Name"]?.stringValue ?? ""
        func given(_ property: String) -> String? { consumer[property]?.stringValue.flatMap { $0.isEmpty ? nil : $0 } }
        func text(_ property: String) throws(CIMError) -> String {
            if let text = given(property) { return text }
            throw CIMError(.invalidParameter, "\(consumer.className) \"\(name.clipped(80))\" has no \(property)")
        }
        let template = EventTemplate(given("Text") ?? "%__CLASS%")
        switch CIMName.folded(consumer.className) {
        case "logfileeventconsumer":
            let path = try logPath(try text("Filename"))
            let largest = consumer["MaximumFileSize"]?.uint64Value ?? 65_535
            return LogFileConsumer(file: permanents.logFile(path, largest), template: template)
        case "cimbus_journaleventconsumer":
            return JournalConsumer(
                journal: JournalSocket(path: configuration.journalSocket), name: name,
                identifier: (given("Identifier") ?? "cimbusd").oneLine,
                priority: UInt8(clamping: min(7, max(0, consumer["Priority"]?.int64Value ?? 5))),
                template: template)
        case "cimbus_signaleventconsumer":
            do throws(DBusNameError) {
                let path = try ObjectPath(given("Path") ?? "/org/cimbus1")
                let interface = try InterfaceName(given("Interface") ?? "org.cimbus1.EventSignal")
                let member = try MemberName(given("Member") ?? "Event")
                let destination = try given("Destination").map { name throws(DBusNameError) in try BusName(name) }
                return SignalConsumer(
                    connection: consumersConnection, name: name, path: path, interface: interface, member: member, destination: destination)
            } catch {
                throw CIMError(.invalidParameter, "\(consumer.className) \"\(name.clipped(80))\": \(error)")
            }
        case "cimbus_uniteventconsumer":
            return UnitConsumer(
                connection: consumersConnection, template: EventTemplate(try text("Unit")), mode: given("Mode") ?? "fail")
        default:
            throw CIMError(
                .notFound,
                "nobody takes events for a \(consumer.className): it is none of the broker's own, and no provider is registered for it")
        }
    }

    /// A file in the directory of events' logs: nowhere else the broker writes what others say.
    private func logPath(_ name: String) throws(CIMError) -> String {
        guard let directory = configuration.eventLogs else {
            throw CIMError(.notSupported, "this broker has no directory for logs of events; start it with --event-logs DIRECTORY")
        }
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        let file = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
        guard !file.isEmpty, !file.contains("/"), !file.hasPrefix("."), file.utf8.count <= 200, file.utf8.allSatisfy({ $0 >= 0x20 }) else {
            throw CIMError(.invalidParameter, "Filename \(name.clipped(80)): expected the name of a file, which will be in \(directory)")
        }
        return prefix + file
    }
}
