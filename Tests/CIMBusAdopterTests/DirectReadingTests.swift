import CIM
import CIMAdoption
import CIMMOF
import DBus
import Logging
import Synchronization
import Testing

@testable import CIMBusAdopter

@Suite("Values are made where they lie in the service's message") struct DirectReadingTests {
    private static let interface = InterfaceName(verified: "org.example.A")

    private static let values: [DBusValue] = [
        .string(""), .string("yes"), .string("7"), .string("ä"), .objectPath(ObjectPath(verified: "/a/b")), .boolean(true), .byte(7),
        .int16(-1),
        .uint16(7), .int32(-5), .uint32(7), .int64(-1), .uint64(0), .uint64(1_700_000_000_000_000), .double(1.5), .strings(["a", ""]),
        .strings([]), .array(element: Signature(verified: "o"), [.objectPath(ObjectPath(verified: "/a"))]),
        .array(element: Signature(verified: "u"), [.uint32(1), .uint32(0)]), .bytes([0x61, 0]), .structure([.string("a"), .uint32(1)]),
        .array(element: Signature(verified: "(su)"), [.structure([.string("a"), .uint32(1)])]), .variant(.string("inner")),
        .dictionary([("k", .uint32(1))]), .string(String(repeating: "x", count: WireReading.largestValue + 1)),
        .strings([String(repeating: "x", count: WireReading.largestValue + 1)]),
    ]

    private static let ways = [
        "", "null 0 '' 'yes'", "null 0 | since1970 us", "sinceBoot us", "interval us", "text", "json", "count", "map 'yes' = 1, 7 = 2",
    ]

    private static let types = [
        "string P", "string P[]", "boolean P", "uint8 P", "sint64 P", "uint64 P", "real64 P", "datetime P", "uint32 P[]",
        "[Values{\"yes\", \"no\"}] uint8 P",
    ]

    /// The values of `P` and `Q` that are made of what a service says of both.
    private func read(_ text: String, _ value: DBusValue, atOnce: Bool) throws -> (CIMInstance?, misfits: Int) {
        let classes = AdoptedClasses(try MOFParser.parse(text).classes)
        #expect(classes.faults == [])
        let adopted = try #require(classes["Test_A"])
        let plan = try #require(ReadPlan(adopted, names: nil, hasColumns: false, isExistenceKnown: true, convertsAtOnce: atOnce))
        let misfits = Misfits(Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var builder = InstanceBuilder(classes, misfits)
        builder.setTime(to: 0)
        var writer = BodyWriter()
        writer.append(.dictionary([("Before", .uint32(1)), ("P", value), ("Q", .string("q")), ("After", .strings(["z"]))]))
        var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
        var row = ObjectRow(path: ObjectPath(verified: "/org/example/x"))
        try row.take(&reader, Self.interface, plan, builder)
        #expect(reader.isAtEnd)
        #expect(row.made.isEmpty == !atOnce)
        return (builder.instance(row, plan), misfits.count)
    }

    @Test("Every value of every property by every conversion is what it is when it is kept first", arguments: types)
    func agrees(type: String) throws {
        for way in Self.ways {
            let qualifier = way.isEmpty ? "" : "[PropertyContext(\".P | \(way)\")] "
            let declared = type.hasPrefix("[") && !way.isEmpty ? "[PropertyContext(\".P | \(way)\"), " + type.dropFirst() : qualifier + type
            let text = """
                [dynamic, provider("DBusServices"), ClassContext("service org.example.A; tree /org/example/*; interface org.example.A")]
                class Test_A { [key, PropertyContext("path last")] string Name; \(declared); string Q; };
                """
            for value in Self.values {
                let kept = try read(text, value, atOnce: false)
                let made = try read(text, value, atOnce: true)
                #expect(made == kept, "\(type) by \(way) of \(String(describing: value).prefix(80))")
                #expect(made.0?["Q"] == .string("q"))
            }
        }
    }

    @Test("What something else needs as the service said it, is kept") func kept() throws {
        let text = """
            [dynamic, provider("DBusServices"), ClassContext("service org.example.A; tree /org/example/*; interface org.example.A; "
                "absent .C = 'none'")]
            class Test_A { [key, PropertyContext("path last")] string Name; string A; [PropertyContext(".A | map 'x' = 1")] uint8 B; string C; string D; };
            """
        let classes = AdoptedClasses(try MOFParser.parse(text).classes)
        #expect(classes.faults == [])
        let adopted = try #require(classes["Test_A"])
        let plan = try #require(ReadPlan(adopted, names: nil, hasColumns: false, isExistenceKnown: false, convertsAtOnce: true))
        var writer = BodyWriter()
        writer.append(.dictionary(["A", "C", "D"].map { ($0, .string("x")) }))
        var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
        var row = ObjectRow(path: ObjectPath(verified: "/org/example/x"))
        try row.take(&reader, Self.interface, plan, InstanceBuilder(classes, Misfits(Logger(label: "test"))))
        #expect(Set(row.properties.keys.map(\.name)) == ["A", "C"])
        #expect(row.made.count(where: { $0 != nil }) == 1)
    }

    /// Answers nothing by itself.
    private final class Silent: ServiceCalling {
        typealias Answered = @Sendable (Int, Result<Message, DBusError>) -> Void
        let begun = Mutex<[(Int, Answered)]>([])

        func call(_ call: ServiceCall) async throws(DBusError) -> Message { throw DBusError(code: .timedOut, "not asked") }

        func begin(_ calls: [AskedCall], _ answered: @escaping Answered) {
            begun.withLock { $0 += calls.map { ($0.number, answered) } }
        }
    }

    @Test("Answers are taken as they come, many at once; a task that is cancelled waits no longer") func waiting() async throws {
        let services = Silent()
        let calls = CallsUnderWay(services)
        let target = ServiceTarget(BusName(verified: "org.example.A"), on: .session)
        let call = ServiceCall.getAll(Self.interface, at: .root, target, timeout: .seconds(1))
        calls.begin((0..<3).map { AskedCall(number: $0, call: call) })
        let all = services.begun.withLock { $0 }
        let failure = Result<Message, DBusError>.failure(DBusError(code: .timedOut, "late"))
        all[0].1(0, failure)
        all[2].1(2, failure)
        #expect(try await calls.answers().map(\.number) == [0, 2])
        let waiting = Task { () async throws(DBusError) in try await calls.answers() }
        waiting.cancel()
        await #expect(throws: DBusError.self) { try await waiting.value }
    }
}
