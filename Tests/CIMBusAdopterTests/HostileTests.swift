import CIM
import CIMBusAdopter
import CIMBusClient
import DBus
import Glibc
import Synchronization
import Testing
import WireTestKit

@Suite("Hostile adopted services", .timeLimit(.minutes(4)), .serialized) struct HostileTests {
    static let mof = """
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Hostile; list /org/example/hostile org.example.Hostile.List() -> (Number, path); "
                "interface org.example.Hostile; find /org/example/hostile/{Number:raw}; timeout 60")]
        class Test_Hostile
        {
            [key, PropertyContext("column Number or path last raw")] string Number;
            uint32 Size;
            string Text;
            [PropertyContext(".Pair[1]")] sint16 Second;
            datetime Time;
        };
        [dynamic, provider("DBusServices"), ClassContext("like Test_Hostile; timeout 2")]
        class Test_HostileImpatient { [key, PropertyContext("column Number or path last raw")] string Number; uint32 Size; };
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Hostile; managed /org/example/hostile; interface org.example.Hostile; cache")]
        class Test_HostileManaged { [key, PropertyContext("path last raw")] string Number; uint32 Size; };
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Hostile; tree /org/example/hostile/**; interface org.example.Hostile; timeout 2")]
        class Test_HostileTree { [key, PropertyContext("path")] string Path; };
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Units; list /org/example org.example.Manager.List() -> (Name, Parity, path); "
                "interface org.example.Unit")]
        class Test_Honest { [key, PropertyContext("column Name")] string Name; uint8 Number; };
        """

    /// What the adopter may have in memory at most, whatever a service does: 32 MiB of messages that it reads, one that is coming, and itself.
    static let mostMemory = 200 << 10

    private struct Stage {
        let adopted: AdopterStage
        let honest: FakeService
        let service: HostileService

        init(_ answer: @escaping @Sendable (HostileService, MethodCall, Message) -> Bool) async throws {
            adopted = try await AdopterStage(HostileTests.mof)
            honest = try await FakeService(on: adopted.bus)
            service = try await HostileService(on: adopted.bus, answer)
        }

        /// How the query ends: once, with the number of its objects, or with an error.
        func end(_ query: String) async -> Result<Int, CIMError> {
            do { return .success(try await adopted.query(query).count) } catch {
                return .failure(error as? CIMError ?? CIMError(.failed, "\(error)"))
            }
        }

        /// The adopter has what it may have, another service's class is as it was, and no operation is open any more.
        func expectUnharmed(_ comment: Comment) async throws {
            let peak = try adopted.adopterPeak
            #expect(peak < HostileTests.mostMemory, "\(comment): \(peak) KiB")
            let rows = try await withDeadline(.seconds(10), "the honest service's class") {
                try await adopted.query("SELECT * FROM Test_Honest")
            }
            #expect(rows.count == 3, comment)
            #expect(adopted.adopter.currentEnd == nil, comment)
        }
    }

    @Test("Values of wrong types are NULL, an object without its key is left out, and a reply of another form ends the operation")
    func wrongTypes() async throws {
        let stage = try await Stage { _, call, message in
            switch message.member {
            case "List": call.reply([HostileService.listing(4)])
            case "GetManagedObjects": call.reply([.strings(["nothing", "of", "the", "kind"])])
            case "GetAll":
                let answers: [[DBusValue]] = [
                    [.dictionary([("Size", .string("large")), ("Text", .uint32(7)), ("Pair", .strings([])), ("Time", .boolean(true))])],
                    [.dictionary([("Size", .int64(-1)), ("Text", .bytes([0xFF, 0xFE])), ("Pair", .structure([.byte(1)]))])],
                    [.uint32(1)], [],
                ]
                call.reply(answers[(HostileService.number(message) ?? 0) % 4])
            default: call.reply([.double(.nan)])
            }
            return true
        }
        let rows = try await stage.adopted.query("SELECT * FROM Test_Hostile")
        #expect(rows.count == 4)
        #expect(rows.allSatisfy { $0["Size"]?.isNull ?? true && $0["Second"]?.isNull ?? true && $0["Time"]?.isNull ?? true })
        let error = await #expect(throws: CIMError.self) { try await stage.adopted.query("SELECT * FROM Test_HostileManaged") }
        #expect(error?.status == .providerFailure)
        #expect(error?.message.contains("org.example.Hostile") ?? false)
        #expect(try await stage.adopted.query("SELECT * FROM Test_HostileTree").isEmpty)
        try await stage.expectUnharmed("wrong types")
    }

    @Test("Values of 10 MiB of many objects at once are NULL, and take no more memory than one connection may") func largeValues()
        async throws
    {
        let large = DBusValue.string(String(repeating: "x", count: 10 << 20))
        let stage = try await Stage { _, call, message in
            switch message.member {
            case "List": call.reply([HostileService.listing(40)])
            default: call.reply([.dictionary([("Size", .uint32(1)), ("Text", large)])])
            }
            return true
        }
        let rows = try await stage.adopted.query("SELECT * FROM Test_Hostile")
        #expect(rows.count == 40)
        #expect(rows.allSatisfy { $0["Size"] == .uint32(1) && ($0["Text"]?.isNull ?? true) })
        try await stage.expectUnharmed("40 values of 10 MiB")
    }

    @Test("100,000 objects with their properties come through, and take little more memory than 10,000") func manyObjects() async throws {
        let shared = SharedCount(count: 10_000)
        let stage = try await Stage { _, call, message in
            switch message.member {
            case "List": call.reply([HostileService.listing(shared.value)])
            default: call.reply([.dictionary([("Size", .uint32(1)), ("Text", .string("x"))])])
            }
            return true
        }
        #expect(try await stage.adopted.query("SELECT Number, Size, Text FROM Test_Hostile").count == 10_000)
        let before = try stage.adopted.adopterPeak
        shared.value = 100_000
        #expect(try await stage.adopted.query("SELECT Number, Size, Text FROM Test_Hostile").count == 100_000)
        let after = try stage.adopted.adopterPeak
        #expect(after < before + (40 << 10), "\(before) KiB, then \(after) KiB")
        try await stage.expectUnharmed("100,000 objects")
    }

    private final class SharedCount: Sendable {
        private let count: Mutex<Int>
        init(count: Int) { self.count = Mutex(count) }
        var value: Int {
            get { count.withLock { $0 } }
            set { count.withLock { $0 = newValue } }
        }
    }

    @Test("Objects below objects without an end: the walk ends, with what it found") func endlessTree() async throws {
        let stage = try await Stage { _, call, message in
            guard message.member == "Introspect" else {
                call.reply([.dictionary([])])
                return true
            }
            call.reply([.string("<node><interface name=\"org.example.Hostile\"/><node name=\"a\"/></node>")])
            return true
        }
        let end = await stage.end("SELECT * FROM Test_HostileTree")
        #expect((try? end.get()) ?? 0 > 10)
        try await stage.expectUnharmed("an endless tree")
    }

    @Test("A service that never answers costs its own objects alone, and is asked again as soon as it answers") func hangs() async throws {
        let isSilent = SharedFlag(true)
        let stage = try await Stage { _, call, message in
            if message.member == "List" {
                call.reply([HostileService.listing(300)])
                return true
            }
            if isSilent.value { return false }
            call.reply([.dictionary([("Size", .uint32(1))])])
            return true
        }
        let ends = await withTaskGroup(of: Result<Int, CIMError>.self) { group in
            for _ in 0..<4 { group.addTask { await stage.end("SELECT * FROM Test_HostileImpatient") } }
            var ends: [Result<Int, CIMError>] = []
            for await end in group { ends.append(end) }
            return ends
        }
        for end in ends {
            guard case .failure(let error) = end else {
                Issue.record("an operation succeeded")
                continue
            }
            #expect(error.status == .providerTimedOut)
            #expect(error.message.contains("org.example.Hostile"))
        }
        try await stage.expectUnharmed("a service that hangs")
        isSilent.value = false
        #expect(try await stage.adopted.query("SELECT * FROM Test_HostileImpatient").count == 300)
    }

    private final class SharedFlag: Sendable {
        private let flag: Atomic<Bool>
        init(_ flag: Bool) { self.flag = Atomic(flag) }
        var value: Bool {
            get { flag.load(ordering: .sequentiallyConsistent) }
            set { flag.store(newValue, ordering: .sequentiallyConsistent) }
        }
    }

    @Test(
        "A service that leaves the bus when 64 objects wait for its answer: the operation ends, without an object of the next owner of the name"
    )
    func ownerLeaves() async throws {
        let held = Recorder<Int>()
        let stage = try await Stage { service, call, message in
            if message.member == "List" {
                call.reply([HostileService.listing(300)])
                return true
            }
            held.record(HostileService.number(message) ?? -1)
            if held.all.count == ServiceConnections.callsInFlight { service.leave() }
            return false
        }
        let other = try await Self.successor(of: stage)
        let error = await #expect(throws: CIMError.self) { try await stage.adopted.query("SELECT * FROM Test_Hostile") }
        #expect(error?.status == .providerFailure)
        #expect(error?.message.contains("org.example.Hostile") ?? false)
        #expect(error?.message.contains("after 0 objects") ?? false)
        #expect(Set(held.all) == Set(0..<ServiceConnections.callsInFlight))
        #expect(held.all.count == ServiceConnections.callsInFlight)
        #expect(other.calls.all == [])
        #expect(try await stage.adopted.query("SELECT * FROM Test_Hostile").allSatisfy { $0["Size"] == .uint32(2) })
        try await stage.expectUnharmed("another owner")
    }

    @Test(
        "A service that gives up its name between its listing and its objects is read to the end, and the next owner of the name is not asked"
    )
    func ownerChanges() async throws {
        let stage = try await Stage { service, call, message in
            if message.member == "List" {
                // The listing comes when the name is another's.
                Task {
                    try await service.connection.releaseName(HostileService.name)
                    call.reply([HostileService.listing(300)])
                }
            } else {
                call.reply([.dictionary([("Size", .uint32(1))])])
            }
            return true
        }
        let other = try await Self.successor(of: stage)
        let rows = try await stage.adopted.query("SELECT * FROM Test_Hostile")
        #expect(rows.count == 300)
        #expect(rows.allSatisfy { $0["Size"] == .uint32(1) })
        #expect(other.calls.all == [])
        #expect(try await stage.adopted.query("SELECT * FROM Test_Hostile").allSatisfy { $0["Size"] == .uint32(2) })
        try await stage.expectUnharmed("another owner")
    }

    /// Waits in line for the service's name.
    private static func successor(of stage: Stage) async throws -> HostileService {
        try await HostileService(on: stage.adopted.bus) { _, call, message in
            call.reply(message.member == "List" ? [HostileService.listing(300)] : [.dictionary([("Size", .uint32(2))])])
            return true
        }
    }

    @Test("64 calls of a service are under way at once, and never more, however many objects it has and however many ask for them")
    func callsInFlight() async throws {
        let held = HeldCalls()
        let stage = try await Stage { service, call, message in
            if message.member == "List" {
                call.reply([HostileService.listing(200)])
                return true
            }
            held.hold(call)
            // An answer makes room for one call. First comes what the bus has of calls: those that the adopter should not have sent.
            Task {
                for _ in 0..<4 { _ = try await service.connection.nameOwner(of: BusName(HostileService.name)) }
                held.answerOne(ifAtLeast: ServiceConnections.callsInFlight)
            }
            return true
        }
        // The last calls have nobody behind them who fills up the number.
        async let first = stage.adopted.query("SELECT * FROM Test_Hostile")
        async let second = stage.adopted.query("SELECT * FROM Test_Hostile")
        try await held.arrivals.wait("all objects to be asked for", within: .seconds(60)) { $0.count == 400 }
        held.answerAll()
        #expect(try await first.count == 200)
        #expect(try await second.count == 200)
        #expect(held.most == ServiceConnections.callsInFlight)
        try await stage.expectUnharmed("many calls")
    }

    /// Calls without an answer.
    private final class HeldCalls: Sendable {
        private struct State {
            var calls: [MethodCall] = []
            var most = 0
        }

        private let state = Mutex(State())
        let arrivals = Recorder<Void>()

        var most: Int { state.withLock { $0.most } }

        func hold(_ call: MethodCall) {
            state.withLock { state in
                state.calls.append(call)
                state.most = max(state.most, state.calls.count)
            }
            arrivals.record(())
        }

        /// Answers one, if so many are held.
        func answerOne(ifAtLeast count: Int) {
            let call = state.withLock { state in
                state.calls.count < count || state.calls.isEmpty ? nil : state.calls.removeFirst()
            }
            call?.reply(Self.answer)
        }

        func answerAll() {
            let calls = state.withLock { state in
                defer { state.calls = [] }
                return state.calls
            }
            for call in calls { call.reply(Self.answer) }
        }

        private static let answer = [DBusValue.dictionary([("Size", .uint32(1))])]
    }

    @Test("A flood of signals for objects that are kept, each with new properties, keeps its bound") func signals() async throws {
        let stage = try await Stage { _, call, message in
            switch message.member {
            case "GetManagedObjects":
                let interfaces = DBusValue.dictionary(
                    key: Signature(verified: "s"), value: .dictionary,
                    [(.string("org.example.Hostile"), .dictionary([("Size", .uint32(1))]))])
                call.reply([
                    .dictionary(
                        key: Signature(verified: "o"), value: Signature(verified: "a{sa{sv}}"),
                        [(.objectPath(HostileService.path(1)), interfaces)])
                ])
            case "Introspect":
                call.reply([
                    .string(
                        "<node><interface name=\"org.example.Hostile\"><property name=\"Size\" type=\"u\" access=\"read\"/></interface></node>"
                    )
                ])
            default: call.reply([])
            }
            return true
        }
        #expect(try await stage.adopted.query("SELECT * FROM Test_HostileManaged").count == 1)
        let text = DBusValue.string(String(repeating: "x", count: 900_000))
        for number in 0..<300 {
            try await stage.service.connection.send(
                .signal(
                    path: HostileService.path(1), interface: .properties, member: MemberName(verified: "PropertiesChanged"),
                    values: [
                        .string("org.example.Hostile"), .dictionary([("P\(number)", text), ("Size", .uint32(UInt32(number)))]),
                        .strings([]),
                    ]))
            // The bus has taken it.
            _ = try await stage.service.connection.nameOwner(of: BusName(HostileService.name))
        }
        #expect(try await stage.adopted.query("SELECT * FROM Test_HostileManaged").count == 1)
        try await stage.expectUnharmed("a flood of signals")
    }
}
