import Testing

@testable import CIMBusBroker

@Suite struct BusPresenceTests {
    @Test("dropped by the bus, the broker leaves once, tries with longer pauses, and is back with the first success")
    func comesBack() {
        var presence = BusPresence(grace: .seconds(5))
        #expect(presence.dropped() == .leave)
        #expect(presence.dropped() == .nothing)
        let pauses = (0..<8).map { _ in presence.tried(.failed("nobody listens")) }
        #expect(pauses == [10, 20, 40, 80, 160, 320, 640, 640].map { .retry(after: .milliseconds($0)) })
        #expect(presence.tried(.back) == .resume)
        #expect(presence.state == .present)
        #expect(presence.timeIsUp() == .nothing)
        #expect(presence.tried(.failed("late")) == .nothing)
        #expect(presence.dropped() == .leave)
    }

    @Test("another bus, a name that somebody else took, and the time that is up end the broker's absence for good, and say why")
    func ends() {
        let ends: [(inout BusPresence) -> BusPresence.Step] = [
            { $0.tried(.otherBus) }, { $0.tried(.nameTaken) },
            { presence in
                _ = presence.tried(.failed("nobody listens"))
                return presence.timeIsUp()
            },
        ]
        let reasons = ends.map { end in
            var presence = BusPresence(grace: .seconds(5))
            _ = presence.dropped()
            let step = end(&presence)
            #expect(presence.state == .over)
            #expect(presence.tried(.back) == .nothing)
            #expect(presence.timeIsUp() == .nothing)
            return step
        }
        #expect(
            reasons == [
                .end("another bus is there instead of it"), .end("somebody else took the broker's name meanwhile"),
                .end("the broker could not come back within 5.0 seconds: nobody listens"),
            ])
    }

    @Test("a broker that stops does not come back")
    func stops() {
        var presence = BusPresence(grace: .seconds(5))
        _ = presence.dropped()
        presence.stopped()
        #expect(presence.tried(.back) == .nothing)
        #expect(presence.timeIsUp() == .nothing)
        #expect(presence.dropped() == .nothing)
    }
}
