import CIM
import CIMBusClient
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

@testable import CIMBusProvider

/// R13, as values: who runs.
@Suite struct PlacesTests {
    @Test("R13: a call beyond the limit waits, and starts when another has ended, in the order they came")
    func limit() {
        let places = Table(2)
        #expect(places.arrived(1) && places.arrived(2))
        #expect(!places.arrived(3) && !places.arrived(4))
        #expect(places.ended(2) == .start(3))
        #expect(places.ended(1) == .start(4))
        #expect(places.ended(3) == nil)
        #expect(places.arrived(5))
        #expect(!places.arrived(6))
    }

    @Test("R13: one that waits for another gives up its place; when it comes back it goes before new calls")
    func away() {
        let places = Table(1)
        #expect(places.arrived(1))
        #expect(!places.arrived(2))
        #expect(places.left(1) == .start(2))
        #expect(!places.arrived(3))
        #expect(!places.cameBack(1))
        #expect(places.ended(2) == .resume(1))
        #expect(places.ended(1) == .start(3))
    }

    @Test("R13: a call that waits for several others at once gives up one place, and takes one")
    func twice() {
        let places = Table(1)
        #expect(places.arrived(1))
        #expect(places.left(1) == nil)
        #expect(places.left(1) == nil)
        #expect(places.arrived(2))
        #expect(!places.arrived(3))
        #expect(!places.cameBack(1))
        #expect(!places.cameBack(1))
        #expect(places.left(1) == nil)
        #expect(places.ended(2) == .resume(1))
        #expect(places.cameBack(1))
        #expect(places.ended(1) == .start(3))
    }

    @Test("R13: a call that ended, or was never one, neither has a place nor waits for one")
    func ended() {
        let places = Table(1)
        #expect(places.arrived(1))
        #expect(places.left(1) == nil)
        #expect(places.ended(1) == nil)
        #expect(places.cameBack(1))
        #expect(places.left(1) == nil)
        #expect(places.arrived(2))
        #expect(!places.arrived(3))
        #expect(places.ended(3) == nil)
        #expect(places.left(2) == nil)
        #expect(places.arrived(4))
        #expect(!places.cameBack(2))
        #expect(places.ended(2) == nil)
        #expect(places.ended(4) == nil)
        #expect(places.arrived(5))
    }
}

/// Lets an expectation change the places.
private final class Table {
    private var places: Places<Int>

    init(_ most: Int) { places = Places(most) }

    func arrived(_ call: Int) -> Bool { places.arrived(call) }
    func left(_ call: Int) -> Places<Int>.Next? { places.left(call) }
    func cameBack(_ call: Int) -> Bool { places.cameBack(call) }
    func ended(_ call: Int) -> Places<Int>.Next? { places.ended(call) }
}

extension ProviderTests {
    /// A provider that serves one call at a time and asks for its own classes.
    @Suite struct SerialFrameworkTests {
        private static var serial: ProviderService.Options {
            var options = ProviderService.Options()
            options.maximumConcurrentCalls = 1
            return options
        }

        @Test("R13, E.4: a serial provider streams its own class, and never runs two methods at once", arguments: [1, 5000])
        func ownClass(count: Int) async throws {
            let running = Counter()
            let most = Counter()
            @Sendable func run() async {
                running.add(1)
                await Task.yield()
                most.add(running.value - 1)
                running.add(-1)
            }
            let stage = try await FrameworkStage.start(
                ThingProvider(enumerate: { className, context, sink in
                    await run()
                    guard className == "Test_Thing" else {
                        for number in 0..<count {
                            await run()
                            try await sink.indicate(CIMInstance(className: className, ["Number": .uint32(UInt32(number))]))
                        }
                        return
                    }
                    for try await ticket in context.enumerateInstances(of: "Test_Ticket", deep: false) {
                        await run()
                        try await sink.indicate(thing(number(of: ticket)))
                    }
                }), options: Self.serial)
            let (one, two) = try await stage.serving { context in
                // Two at once: one place is given up, and one is taken.
                async let first = context.glue.getAllInstances(of: "Test_Thing").count
                async let second = context.glue.getAllInstances(of: "Test_Thing").count
                return try await (first, second)
            }
            #expect(one == count && two == count)
            #expect(most.value == 0)
            try await stage.stage.expectQuiet()
        }

        @Test("R13, L12: the same class from within itself, deeper than allowed, is ProviderNotCapable and no deadlock")
        func tooDeep() async throws {
            let stage = try await FrameworkStage.start(
                ThingProvider(enumerate: { _, context, sink in
                    for try await inner in context.enumerateInstances(of: "Test_Thing", deep: false) { try await sink.indicate(inner) }
                }), options: Self.serial)
            let error = try await stage.stage.session.enumerate("Test_Thing", .async).error
            #expect(error?.status == .providerNotCapable)
            try await stage.stage.expectQuiet()
        }
    }
}
