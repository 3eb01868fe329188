import CIM
import CIMBusClient
import DBus
import Glibc
import Testing
import WireTestKit

/// Signals of services as events: an adopter, a broker, and a service that says what changes of it.
@Suite(.timeLimit(.minutes(2))) struct AdoptedEventTests {
    static let head = "service org.example.Lamps; interface org.example.Lamp; "
    static let properties = """
        { [key, read, PropertyContext("path last raw")] string Name; [read] uint32 Level; [read] string Scene; [read] uint32 Power; };
        """
    static let managed = """
        [dynamic, provider("DBusServices"), ClassContext("\(head)managed /org/example/lamps; events created, deleted, changed")]
        class Test_Lamp \(properties)
        """
    static let listed = """
        [dynamic, provider("DBusServices"), ClassContext("\(head)list /org/example/lamps org.example.Lamps.List() -> (path); "
            "events after at /org/example/lamps org.example.Lamps.Subscribe(), created org.example.Lamps.Added(_, path), "
            "deleted org.example.Lamps.Removed(_, path), changed")]
        class Test_Lamp \(properties)
        """
    static let blinked = """
        [EventContext("service org.example.Lamps; signal org.example.Lamp.Blinked(Colour, _, Times); path /org/example/lamps/*")]
        class Test_LampBlinked : __ExtrinsicEvent
        {
            string Colour; uint32 Times; [PropertyContext("column Times | map 0 = 'never', 1 = 'once'")] string Words;
            [PropertyContext("path | ref Test_Lamp")] Test_Lamp ref Lamp; [PropertyContext("path last raw")] string Number;
        };
        """
    static let all = "SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Test_Lamp'"

    /// What comes to a subscriber, one line each.
    private final class Watch: Sendable {
        let lines = Recorder<String>()
        let events: EventSequence

        init(_ stage: AdopterStage, _ query: String) async throws {
            events = stage.session.events(query)
            let (events, lines) = (events, lines)
            Task {
                do {
                    for try await notice in events {
                        switch notice {
                        case .event(let event): lines.record(Self.text(event))
                        case .gap(.lost(let count)): lines.record("lost \(count)")
                        case .gap(let gap): lines.record("\(gap)")
                        }
                    }
                } catch { lines.record("\(error)") }
            }
            try await withDeadline(.seconds(10), "the subscription") { try await events.subscribed() }
        }

        private static func text(_ event: CIMInstance) -> String {
            func text(_ name: String) -> String {
                guard case .object(let lamp)? = event[name] else { return "" }
                let values = ["Name", "Level", "Scene"].map { lamp[$0]?.stringValue ?? lamp[$0]?.uint64Value.map { "\($0)" } ?? "-" }
                return " " + values.joined(separator: " ")
            }
            if event.className == "Test_LampBlinked" {
                let values = ["Colour", "Times", "Words", "Lamp", "Number"].map { name -> String in
                    switch event[name] {
                    case .reference(let path)?: "\(path)"
                    case .string(let text)?: text
                    case .uint32(let number)?: "\(number)"
                    default: "-"
                    }
                }
                return values.joined(separator: " ")
            }
            let before = text("PreviousInstance")
            return event.className.replacing("__Instance", with: "").replacing("Event", with: "") + text("TargetInstance")
                + (before.isEmpty ? "" : " <" + before)
        }

        /// Waits until so many lines are there.
        @discardableResult
        func wait(_ count: Int, _ what: String) async throws -> [String] {
            try await lines.wait(what, within: .seconds(20)) { $0.count >= count }
        }
    }

    /// How many connections the bus has.
    private func connections(_ stage: AdopterStage) async throws -> Int {
        let connection = try await stage.bus.connect()
        let names =
            try await connection.call(
                Message.methodCall(destination: .bus, path: .bus, interface: .bus, member: MemberName(verified: "ListNames"), values: [])
            ).values().first?.elements?.compactMap(\.text).count { $0.hasPrefix(":") } ?? 0
        await connection.close()
        return names - 1
    }

    /// Waits until the adopter listens to the service: it has read the lamps, and so knows how they were.
    private func awake(_ service: LampService, _ call: String) async throws {
        try await service.calls.wait("the adopter to look", within: .seconds(20)) { $0.contains(call) }
    }

    @Test("EV3, EV12, EV13: InterfacesAdded, InterfacesRemoved and PropertiesChanged are events, with the instance before")
    func managed() async throws {
        let stage = try await AdopterStage(Self.managed)
        let service = try await LampService(on: stage.bus)
        let watch = try await Watch(stage, Self.all)
        try await awake(service, "GetManagedObjects")
        try await service.add(7)
        try await watch.wait(1, "the creation")
        // Of Scene the signal says only that it is another: it is asked for.
        try await service.change(1, level: 11, scene: "dusk")
        try await watch.wait(2, "the change")
        try await service.change(1, level: 11, scene: "dusk")
        try await service.change(2, level: 12, scene: "day")
        try await watch.wait(3, "another change")
        try await service.remove(7)
        #expect(
            try await watch.wait(4, "the deletion") == [
                "Creation 7 1 night", "Modification 1 11 dusk < 1 10 day", "Modification 2 12 day < 2 10 day", "Deletion 7 1 night",
            ])
    }

    @Test("EV3, EV12: a service that signals to who has subscribed: its own signals, with an object's path, are creation and deletion")
    func listed() async throws {
        let stage = try await AdopterStage(Self.listed)
        let service = try await LampService(on: stage.bus)
        let watch = try await Watch(stage, Self.all)
        try await service.calls.wait("the adopter to look", within: .seconds(20)) { $0.filter { $0.hasPrefix("GetAll") }.count == 3 }
        #expect(service.calls.all.prefix(2) == ["Subscribe", "List"])
        try await service.announce(7, isThere: true)
        try await watch.wait(1, "the creation")
        try await service.change(7, level: 5, scene: "night")
        try await watch.wait(2, "the change")
        try await service.announce(7, isThere: false)
        // Nobody knew it, and it cannot be asked any more: its path has the key.
        try await service.announce(8, isThere: false)
        #expect(
            try await watch.wait(4, "the deletions") == [
                "Creation 7 1 night", "Modification 7 5 night < 7 1 night", "Deletion 7 5 night", "Deletion 8 - -",
            ])
    }

    @Test("EV4: a signal that a mapping names is an event of its class: arguments by their order, the sender as a reference")
    func extrinsic() async throws {
        let stage = try await AdopterStage(Self.managed + Self.blinked)
        let service = try await LampService(on: stage.bus)
        let watch = try await Watch(stage, "SELECT * FROM Test_LampBlinked WHERE Times < 3")
        let every = try await Watch(stage, "SELECT * FROM Test_LampBlinked")
        func blink(_ values: [DBusValue]) async throws { try await service.blink(1, values) }
        // The first one that comes says that somebody listens.
        var round: UInt32 = 100
        while every.lines.all.isEmpty {
            round += 1
            try await blink([.string("test"), .boolean(true), .uint32(round)])
            _ = try? await every.lines.wait("the first signal", within: .milliseconds(200)) { !$0.isEmpty }
        }
        try await blink([.string("red"), .boolean(true), .uint32(1)])
        try await blink([.string("blue"), .boolean(true), .uint32(3)])
        // A stranger sends the same, and the service at another path.
        let stranger = try await stage.bus.connect()
        let name = MemberName(verified: "Blinked")
        let values: [DBusValue] = [.string("false"), .boolean(true), .uint32(2)]
        try await stranger.send(.signal(path: LampService.path(1), interface: LampService.interface, member: name, values: values))
        try await service.signal(ObjectPath(verified: "/org/example/other/1"), LampService.interface, "Blinked", values)
        // Wrong types are NULL, and so is what is missing.
        try await blink([.uint32(5), .boolean(true), .string("many")])
        try await blink([.string("short")])
        try await blink([.string("green"), .boolean(true), .uint32(0)])
        let lamp = "Test_Lamp.Name=\"1\""
        let seen = try await every.lines.wait("the last", within: .seconds(20)) { $0.contains { $0.hasPrefix("green") } }
        #expect(
            seen.filter { !$0.hasPrefix("test") } == [
                "red 1 once \(lamp) 1", "blue 3 3 \(lamp) 1", "5 - many \(lamp) 1", "short - - \(lamp) 1", "green 0 never \(lamp) 1",
            ])
        try await watch.wait(2, "those that are wanted")
        #expect(watch.lines.all == ["red 1 once \(lamp) 1", "green 0 never \(lamp) 1"])
        #expect(!service.calls.all.contains("GetManagedObjects"))
        withExtendedLifetime(stranger) {}
    }

    @Test("EV85, EV98: a service is listened to while somebody wants its events, and no longer; nobody starts it for that")
    func asleep() async throws {
        let stage = try await AdopterStage(Self.listed)
        let service = try await LampService(on: stage.bus)
        let before = try await connections(stage)
        for round in 1...2 {
            let watch = try await Watch(stage, Self.all)
            try await service.calls.wait("the adopter to subscribe", within: .seconds(20)) { $0.count { $0 == "Subscribe" } == round }
            #expect(try await connections(stage) == before + 1)
            watch.events.cancel()
            try await withDeadline(.seconds(10), "the adopter's connection to be closed") {
                while try await connections(stage) > before {}
            }
        }
        // What concerns none of its classes wakes nobody.
        let other = try await Watch(stage, "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA '__Win32Provider'")
        #expect(try await connections(stage) == before)
        withExtendedLifetime(other) {}
    }

    @Test("EV28: another process has the service's name: what is another then is told, and while nobody has it nothing is")
    func owners() async throws {
        let stage = try await AdopterStage(Self.managed)
        let first = try await LampService(on: stage.bus)
        let watch = try await Watch(stage, Self.all)
        try await awake(first, "GetManagedObjects")
        await first.connection.close()
        let second = try await LampService(on: stage.bus, lamps: 2, scene: "dawn")
        try await awake(second, "GetManagedObjects")
        let seen = try await watch.wait(3, "the difference")
        #expect(seen == ["Modification 0 10 dawn < 0 10 day", "Modification 1 10 dawn < 1 10 day", "Deletion 2 10 day"])
        try await second.change(0, level: 3, scene: "dawn")
        #expect(try await watch.wait(4, "a change of the second").last == "Modification 0 3 dawn < 0 10 dawn")
        withExtendedLifetime(second) {}
    }

    @Test("EV67, EV68: a flood of signals is bounded: what is lost is counted, what is there is told, and the adopter keeps its memory")
    func flood() async throws {
        let stage = try await AdopterStage(Self.managed)
        let service = try await LampService(on: stage.bus)
        let watch = try await Watch(stage, Self.all)
        try await awake(service, "GetManagedObjects")
        stage.adopter.stop()
        // Each lamp is another each time, and its text large.
        let text = String(repeating: "x", count: 200)
        for round in 0..<6_000 as Range<UInt32> { try await service.change(0, level: round + 100, scene: text) }
        try await service.add(9)
        stage.adopter.signal(SIGCONT)
        let seen = try await watch.lines.wait("what is there", within: .seconds(60)) { lines in
            lines.contains { $0.hasPrefix("Creation 9") } && lines.contains { $0.contains(" 0 6099 ") }
        }
        let lost = seen.filter { $0.hasPrefix("lost") }.compactMap { Int($0.dropFirst(5)) }.reduce(0, +)
        let told = seen.count { $0.hasPrefix("Modification 0 ") }
        // Two changes may be one, where the service was asked what it is now; none is told twice.
        #expect(lost > 0 && told <= 6_000, "\(told) told, \(lost) lost")
        #expect(Set(seen.filter { $0.hasPrefix("Creation") }).count == 1)
        #expect(try stage.adopterPeak < 200 << 10)
    }

    @Test("EV122: signals that make no sense, and values that are too large, harm nobody and are no events of their own")
    func hostile() async throws {
        let stage = try await AdopterStage(Self.managed)
        let service = try await LampService(on: stage.bus)
        let watch = try await Watch(stage, Self.all)
        try await awake(service, "GetManagedObjects")
        let (path, none) = (LampService.path(1), DBusValue.dictionary([]))
        func changed(_ values: [DBusValue]) async throws { try await service.signal(path, .properties, "PropertiesChanged", values) }
        try await changed([.string("no interface"), none, .strings([])])
        try await changed([.string("org.example.Lamp"), .string("no dictionary")])
        try await changed([.string("org.example.Lamp"), .dictionary([("Level", .string("no number"))]), .strings([])])
        try await changed([
            .string("org.example.Lamp"), .dictionary([("Scene", .string(String(repeating: "x", count: 2 << 20)))]), .strings([]),
        ])
        try await service.signal(LampService.root, .objectManager, "InterfacesAdded", [.objectPath(path), .strings([])])
        try await service.signal(
            LampService.root, .objectManager, "InterfacesRemoved", [.objectPath(path), .strings(["org.example.Other", "no interface"])])
        try await service.signal(path, .objectManager, "InterfacesRemoved", [.objectPath(path), .strings(["org.example.Lamp"])])
        try await service.change(1, level: 77, scene: "end")
        let seen = try await watch.lines.wait("the last", within: .seconds(20)) { $0.contains { $0.hasPrefix("Modification 1 77") } }
        // A value of another type, and one that is too large, are NULL.
        #expect(
            seen == [
                "Modification 1 - day < 1 10 day", "Modification 1 - - < 1 - day", "Modification 1 77 end < 1 - -",
            ])
    }
}
