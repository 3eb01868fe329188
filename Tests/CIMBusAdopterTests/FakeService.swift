import CIM
import DBus
import WireTestKit

/// A service with units, as a test wants it.
final class FakeService: Sendable {
    static let name = WellKnownName(verified: "org.example.Units")
    static let root = ObjectPath(verified: "/org/example")
    static let interface = InterfaceName(verified: "org.example.Unit")

    /// How it behaves; each key is the name of a unit or of a method.
    struct Behaviour: Sendable {
        var units = 3
        /// Properties of all units beside Id and Number.
        var properties: [(String, DBusValue)] = []
        /// The listing has another shape.
        var hasWrongList = false
        /// This unit does not answer.
        var silent: Int?
        /// It leaves the bus when it is asked for this unit.
        var leaves: Int?
        /// GetAll answers this instead.
        var answer: [DBusValue]?
        var introspects = true
    }

    let connection: Connection
    /// The calls that came: `List`, `GetAll 3`, `Get 3`, `Restart 3 replace`.
    let calls = Recorder<String>()
    /// Calls that get no answer: one that is dropped gets an error.
    private let held = Recorder<MethodCall>()

    init(on bus: PrivateBus, _ behaviour: Behaviour = Behaviour()) async throws {
        let connection = try await bus.connect()
        self.connection = connection
        let (calls, held) = (calls, held)
        await connection.setInbound { message in
            guard message.kind == .methodCall, let member = message.member else { return false }
            let call = connection.methodCall(message)
            let element = message.path?.split(separator: "/").last.map(String.init) ?? ""
            let number = Int(element.drop { !$0.isNumber }.prefix { $0.isNumber })
            switch member {
            case "List":
                calls.record("List")
                if behaviour.hasWrongList {
                    call.reply([.strings(["a"])])
                } else {
                    let rows = (0..<behaviour.units).map { number in
                        DBusValue.structure([
                            .string("u\(number).x"), .string(number % 2 == 0 ? "even" : "odd"), .objectPath(Self.path(number)),
                        ])
                    }
                    call.reply([.array(element: Signature(verified: "(sso)"), rows)])
                }
            case "GetAll", "Get":
                let values = (try? message.values()) ?? []
                calls.record("\(member) \(number ?? -1)")
                if let number, number == behaviour.silent {
                    held.record(call)
                    return true
                }
                if let number, number == behaviour.leaves {
                    connection.assumeIsolated { $0.close() }
                    return true
                }
                guard let number, number < behaviour.units else {
                    call.fail(DBusError(.unknownObject, "no such unit"))
                    return true
                }
                if let answer = behaviour.answer {
                    call.reply(answer)
                    return true
                }
                let all = [("Id", DBusValue.string("u\(number).x")), ("Number", .uint32(UInt32(number)))] + behaviour.properties
                if member == "GetAll" {
                    call.reply([.dictionary(all)])
                } else {
                    guard let value = all.first(where: { $0.0 == values.last?.text })?.1 else {
                        call.fail(DBusError(.unknownProperty, "no such property"))
                        return true
                    }
                    call.reply([.variant(value)])
                }
            case "Restart":
                calls.record("Restart \(number ?? -1) \((try? message.values().first?.text) ?? "")")
                call.reply([.objectPath(ObjectPath(verified: "/org/example/job/7")), .uint32(5)])
            case "Refuse": call.fail(DBusError(ErrorName(verified: "org.example.Error.NotToday"), "come back tomorrow"))
            case "Set":
                calls.record("Set \(number ?? -1) \((try? message.values()).map { "\($0[1].text ?? "") \($0[2].unwrapped)" } ?? "")")
                call.reply([])
            case "Introspect" where behaviour.introspects:
                calls.record("Introspect \(message.path ?? "")")
                let isRoot = message.path == "/org/example/unit"
                let children = isRoot ? (0..<behaviour.units).map { "<node name=\"u\($0)_2ex\"/>" }.joined() : ""
                let interface =
                    isRoot ? "" : "<interface name=\"org.example.Unit\"><property name=\"Id\" type=\"s\" access=\"read\"/></interface>"
                call.reply([.string("<node>\(interface)\(children)</node>")])
            case "GetManagedObjects":
                calls.record("GetManagedObjects")
                let objects = (0..<behaviour.units).map { number -> (DBusValue, DBusValue) in
                    let all = [("Id", DBusValue.string("u\(number).x")), ("Number", .uint32(UInt32(number)))] + behaviour.properties
                    let interfaces = DBusValue.dictionary(
                        key: Signature(verified: "s"), value: .dictionary, [(.string(Self.interface.text), .dictionary(all))])
                    return (.objectPath(Self.path(number)), interfaces)
                }
                call.reply([.dictionary(key: Signature(verified: "o"), value: Signature(verified: "a{sa{sv}}"), objects)])
            default: return false
            }
            return true
        }
        _ = try await connection.requestName(Self.name)
    }

    static func path(_ number: Int) -> ObjectPath { ObjectPath(verified: "/org/example/unit/u\(number)_2ex") }

    func close() async { await connection.close() }
}
