import CIM
import CIMBusWire
import DBus

/// What the broker tells a provider of events, and asks it (`org.cimbus1.EventProvider`), on the loop.
extension ProviderHost {
    func eventInterface(_ events: EventSink) -> ExportedInterface {
        func method(_ body: @escaping @Sendable (inout BodyReader, UniqueName) throws -> [DBusValue]) -> MethodImplementation {
            .immediate { [self] call in
                guard let broker, isFromBroker(call, broker) else { return refuse(call) }
                var reader = call.reader
                noteUse()
                do {
                    call.reply(try body(&reader, broker))
                } catch {
                    _ = call.fail(.invalidArguments, "\(error)")
                }
            }
        }
        return ExportedInterface(
            Interfaces.eventProvider,
            methods: [
                "ProvideEvents": method { [connection, namespace, log] reader, broker in
                    events.opened(try reader.readObjectPath(), on: connection, broker, in: namespace, log)
                    return [.uint32(WBEMStatus.noError.rawValue)]
                },
                "NewQuery": method { reader, _ in
                    let id = try reader.readUInt32()
                    _ = try reader.readString()
                    events.newQuery(id, try reader.readString())
                    return []
                },
                "CancelQuery": method { reader, _ in
                    events.cancelQuery(try reader.readUInt32())
                    return []
                },
                "AccessCheck": method { reader, _ in
                    _ = try reader.readString()
                    let mayListen = events.mayListen(try reader.readString(), try reader.readUInt32())
                    return [.uint32((mayListen ? WBEMStatus.noError : .accessDenied).rawValue)]
                },
            ])
    }
}
