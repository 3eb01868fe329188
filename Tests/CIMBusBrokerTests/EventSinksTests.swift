import CIM
import DBus
import Testing

@testable import CIMBusBroker
@testable import CIMBusCore

@Suite struct EventSinksTests {
    @Test("EV120, L13: of a subscription that has ended nothing waits for a provider that does not answer, and what others wait for stays")
    func forgets() throws {
        var registry = ProviderRegistry()
        let known = try #require(registry[registry.define(namespace: "root/cimv2", name: "Mute", user: nil, uid: 0)])
        let path = ObjectPath(verified: "/events")
        var sinks = EventSinks()
        let (source, ended, open) = (EventSourceID(1), OperationID(7), OperationID(8))
        sinks.add(EventSinkRecord(of: known, at: PeerID(1), in: .cimv2, by: .bus, told: path, asked: path), source)
        sinks[source]?.toAsk = [ended, open]
        sinks[source]?.toConfirm = [open, ended]
        sinks.forget(ended)
        #expect(sinks[source]?.toAsk == [open])
        #expect(sinks[source]?.toConfirm == [open])
    }
}
