import CIMBusTestKit
import DBus
import Glibc
import Testing

let testPath = ObjectPath(staticString: "/org/example/Thing")
let testInterface = InterfaceName(staticString: "org.example.Thing")

/// An object that gives back what it is given.
func echoObject() -> ExportedObject {
    let description = InterfaceDescription(
        testInterface,
        methods: [
            .init(
                MemberName(staticString: "Echo"), inputs: [.init("text", Signature(staticString: "s"))],
                outputs: [.init("text", Signature(staticString: "s"))]),
            .init(MemberName(staticString: "Never")),
        ])
    return ExportedObject([
        ExportedInterface(
            description,
            methods: [
                "Echo": .immediate { call in
                    var reader = call.reader
                    guard let text = try? reader.readString() else { _ = call.fail(.invalidArguments, "no text"); return }
                    call.reply(signature: Signature(staticString: "s")) { $0.append(string: text) }
                },
                "Never": .immediate { call in neverAnswered.keep(call) },
            ])
    ])
}

/// Keeps calls alive and unanswered.
final class Kept: @unchecked Sendable {
    private var calls: [MethodCall] = []
    func keep(_ call: MethodCall) { calls.append(call) }
}
let neverAnswered = Kept()

func echo(_ text: String, to destination: UniqueName, member: StaticString = "Echo") throws -> Message {
    try .methodCall(
        destination: BusName(destination), path: testPath, interface: testInterface, member: MemberName(staticString: member),
        values: member.description == "Echo" ? [.string(text)] : [])
}

@Suite(.timeLimit(.minutes(1)))
struct ConnectionTests {
    @Test func callsAndIsAnswered() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect(on: EventLoop(name: "server"))
        let client = try await bus.connect()
        #expect(server.uniqueName != client.uniqueName)
        #expect(await server.export(echoObject(), at: testPath))
        let reply = try await client.call(echo("hello", to: server.uniqueName))
        #expect(try reply.values() == [.string("hello")])
        #expect(reply.sender == server.uniqueName.text)
    }
}
