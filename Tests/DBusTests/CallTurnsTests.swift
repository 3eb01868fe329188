import Synchronization
import Testing
import WireTestKit

@testable import DBus

/// Calls beyond what the bus lets one connection leave without a reply (Decision 7, the client's side).
@Suite("Calls in turns", .timeLimit(.minutes(1)))
struct CallTurnsTests {
    /// Keeps calls until so many have come, then answers them all; says how many it had at once at most.
    private final class Keeper: Sendable {
        private struct Kept {
            var calls: [MethodCall] = []
            var most = 0
            var order: [String] = []
        }

        private let kept = Mutex(Kept())
        private let batch: Int
        init(batch: Int) { self.batch = batch }

        var most: Int { kept.withLock(\.most) }
        var order: [String] { kept.withLock(\.order) }

        func take(_ call: MethodCall) {
            let text = (try? call.message.values())?.first?.text ?? ""
            let ready = kept.withLock { kept -> [MethodCall] in
                kept.calls.append(call)
                kept.order.append(text)
                kept.most = max(kept.most, kept.calls.count)
                guard kept.calls.count >= batch else { return [] }
                defer { kept.calls = [] }
                return kept.calls
            }
            for call in ready { call.reply([.string("")]) }
        }

        /// Answers those that it has.
        func answerAll() {
            let ready = kept.withLock { kept in
                defer { kept.calls = [] }
                return kept.calls
            }
            for call in ready { call.reply([.string("")]) }
        }
    }

    private static func stage(
        most: Int?, allowed: Int, batch: Int
    ) async throws -> (bus: PrivateBus, client: Connection, server: Connection, keeper: Keeper) {
        let bus = try await PrivateBus.start(limits: BusLimits(unansweredCalls: allowed))
        let server = try await bus.connect(on: EventLoop(name: "server"))
        let keeper = Keeper(batch: batch)
        let description = InterfaceDescription(
            testInterface,
            methods: [
                .init(
                    MemberName(staticString: "Echo"), inputs: [.init("text", Signature(staticString: "s"))],
                    outputs: [.init("text", Signature(staticString: "s"))])
            ])
        await server.export(
            ExportedObject([ExportedInterface(description, methods: ["Echo": .immediate { keeper.take($0) }])]), at: testPath)
        var options = ConnectionOptions()
        options.maximumUnansweredCalls = most
        return (bus, try await bus.connect(options: options), server, keeper)
    }

    /// How many of so many calls at once succeeded, and why others did not.
    /// - Parameter failures: notes each that fails, as it does.
    private func call(
        _ count: Int, _ client: Connection, _ server: Connection, failures: Recorder<String>? = nil
    ) async throws -> (succeeded: Int, errors: Set<String>) {
        try await withThrowingTaskGroup(of: String?.self) { group in
            for number in 0..<count {
                let message = try echo("\(number)", to: server.uniqueName)
                group.addTask {
                    do throws(DBusError) {
                        // As long as it takes: the tests beside this one may take all processors for a while.
                        _ = try await client.call(message, timeout: nil)
                        return nil
                    } catch {
                        failures?.record(error.name.text)
                        return error.name.text
                    }
                }
            }
            var errors: [String] = []
            for try await error in group { if let error { errors.append(error) } }
            return (count - errors.count, Set(errors))
        }
    }

    @Test("of any number of calls at once none fails, and no more than the bus allows are without a reply")
    func turns() async throws {
        let (bus, client, server, keeper) = try await Self.stage(most: 8, allowed: 8, batch: 8)
        #expect(try await call(400, client, server) == (400, []))
        #expect(keeper.most == 8)
        withExtendedLifetime(bus) {}
    }

    private static let hasLimit = BusProgram.ofTests == .dbusDaemon

    @Test(
        "a bus that allows fewer than was thought refuses nothing that the caller sees",
        .enabled(if: hasLimit, "dbus-broker refuses no call for the number of those that wait"))
    func fewer() async throws {
        let (bus, client, server, keeper) = try await Self.stage(most: 100, allowed: 4, batch: 4)
        #expect(try await call(400, client, server) == (400, []))
        #expect(keeper.most == 4)
        withExtendedLifetime(bus) {}
    }

    @Test(
        "without a number nothing waits, and the bus's refusal is the call's",
        .enabled(if: hasLimit, "dbus-broker refuses no call for the number of those that wait"))
    func unlimited() async throws {
        let (bus, client, server, keeper) = try await Self.stage(most: nil, allowed: 4, batch: .max)
        let failures = Recorder<String>()
        async let result = call(12, client, server, failures: failures)
        // Four are kept. Only then is there room for others.
        try await failures.wait("eight refusals") { $0.count == 8 }
        keeper.answerAll()
        let (succeeded, errors) = try await result
        #expect(succeeded == 4 && errors == [ErrorName.limitsExceeded.text])
        withExtendedLifetime(bus) {}
    }

    @Test("a call that waits has its time, and is not sent after that; a cancelled one neither")
    func gaveUp() async throws {
        let (bus, client, server, keeper) = try await Self.stage(most: 1, allowed: 8, batch: 2)
        let first = try echo("first", to: server.uniqueName)
        let held = Task { () throws(DBusError) in try await client.call(first) }
        while keeper.order != ["first"] { await Task.yield() }
        let late = try echo("late", to: server.uniqueName)
        await #expect(throws: DBusError.self) { try await client.call(late, timeout: .milliseconds(20)) }
        let cancelled = try echo("cancelled", to: server.uniqueName)
        let task = Task { () throws(DBusError) in try await client.call(cancelled) }
        task.cancel()
        await #expect(throws: DBusError.self) { try await task.value }
        // What somebody else asks makes two, so that the first is answered, and the turn comes to the last.
        let other = try await bus.connect()
        async let last = client.call(echo("last", to: server.uniqueName))
        async let stranger = other.call(echo("stranger", to: server.uniqueName))
        _ = try await held.value
        _ = try await other.call(echo("another stranger", to: server.uniqueName))
        _ = try await (last, stranger)
        #expect(keeper.order.filter { !$0.hasSuffix("stranger") } == ["first", "last"])
    }

    @Test("turns are in the order of the calls; one that was refused is the next; what nobody wants is left out")
    func order() throws {
        func message(_ text: String) throws -> Message {
            try Message.methodCall(
                destination: BusName(staticString: "org.example.Thing"), path: testPath, interface: testInterface,
                member: MemberName(staticString: "Echo"), values: [.string(text)])
        }
        var turns = CallTurns(most: 3)
        func next(_ isWanted: (UInt32) -> Bool = { _ in true }) -> UInt32? { turns.next(isWanted: isWanted)?.serial }
        func refused(_ serial: UInt32) -> Bool { turns.refused(serial, isWanted: true) }
        var went: [UInt32] = []
        for serial in 1...6 as ClosedRange<UInt32> where turns.mayGo(serial, try message("\(serial)")) { went.append(serial) }
        #expect(went == [1, 2, 3])
        // The bus allows two.
        #expect(refused(3))
        #expect(next() == nil)
        turns.answered(1)
        #expect(next() == 3)
        turns.answered(2)
        #expect(next { $0 != 4 } == 5)
        let last = turns.mayGo(7, try message("7"))
        #expect(!last)
        turns.answered(3)
        turns.answered(5)
        #expect(next() == 6)
        #expect(next() == 7)
        // The only one that is out is refused for another reason: there is nothing to wait for.
        turns.answered(6)
        #expect(!refused(7))
    }
}
