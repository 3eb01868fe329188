import CIM
import CIMBusWire
import DBus
import Glibc
import WireTestKit

/// Many providers, or many clients, of one user in one process, each with a connection of its own: buses count connections by their users.
///
///     Torture crowd providers ADDRESS FIRST COUNT           registers Crowd<FIRST> and those after it, says "ready", and serves
///     Torture crowd clients ADDRESS FIRST COUNT PROVIDERS   says "ready" when all are connected, makes their calls at once, says "answered N"
///     Torture crowd flooder ADDRESS COUNT INSTANCE          says "known", stops, sends so many GetObjectAsync, says "sent"
///     Torture crowd bringer ADDRESS COUNT MIB               registers with a text of so many MiB and then a changed one, and so on; says what came of
///                                                           each, and at last of the first one that was accepted last, once more
enum Crowd {
    static func main(_ arguments: [String]) async throws {
        guard arguments.count >= 4, let first = Int(arguments[2]), let count = Int(arguments[3]) ?? (arguments[0] == "flooder" ? 0 : nil)
        else {
            throw ProcessError(description: "crowd providers|clients ADDRESS FIRST COUNT [PROVIDERS]")
        }
        let loop = EventLoop(name: "crowd")
        if arguments[0] == "flooder" {
            return try await flood(first, arguments[3], by: try await Connection.connect(to: .address(arguments[1]), on: loop))
        }
        if arguments[0] == "bringer" {
            return try await bring(first, megabytes: count, by: try await Connection.connect(to: .address(arguments[1]), on: loop))
        }
        let numbers = first..<(first + count)
        func connect() async throws -> Connection { try await Connection.connect(to: .address(arguments[1]), on: loop) }
        if arguments[0] == "providers" {
            var providers: [RawProvider] = []
            for number in numbers {
                let provider = try await RawProvider.start(
                    over: try await connect(), name: "Crowd\(number)", className: "Test_Crowd\(number)", things: 1)
                providers.append(provider)
            }
            say("ready")
            while true { try await Task.sleep(for: .seconds(3_600)) }
        }
        guard let all = arguments.last.flatMap({ Int($0) }), arguments.count == 5 else {
            throw ProcessError(description: "crowd clients ADDRESS FIRST COUNT PROVIDERS")
        }
        var clients: [Connection] = []
        for _ in numbers { clients.append(try await connect()) }
        say("ready")
        let answered = try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, client) in zip(numbers, clients) { group.addTask { try await ask(client, (number * 7) % all) } }
            return try await group.reduce(0) { count, _ in count + 1 }
        }
        say("answered \(answered)")
    }

    private static func bring(_ count: Int, megabytes: Int, by connection: Connection) async throws {
        let provider = try await RawProvider.start(
            over: connection, name: "Bringer", className: "Test_Brought", things: 1, registers: false)
        let rest = "// " + String(repeating: "x", count: megabytes << 20)
        func outcome(_ number: Int) async throws -> String {
            let mof = "[dynamic, provider(\"Bringer\"), Description(\"\(number)\")] class Test_Brought { [key] string Name; };\n" + rest
            do { _ = try await provider.register(mof: mof) } catch let error as DBusError { return error.message }
            try await provider.unregister()
            return "accepted"
        }
        var last = 0
        for number in 0..<count {
            let outcome = try await outcome(number)
            if outcome == "accepted" { last = number }
            say(outcome)
        }
        say(try await outcome(last))
    }

    /// Sends calls for an instance, and waits for no answer.
    private static func flood(_ count: Int, _ instance: String, by connection: Connection) async throws {
        // The broker takes few messages of somebody whom it does not know yet.
        _ = try await connection.call(
            Message.methodCall(
                destination: BusName(Contract.busName), path: Contract.rootPath, interface: .introspectable,
                member: MemberName(verified: "Introspect")))
        say("known")
        kill(getpid(), SIGSTOP)
        for number in 0..<count {
            let call = try Message.methodCall(
                destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
                member: MemberName(verified: "GetObjectAsync"), flags: .noReplyExpected,
                values: [.string(instance), .int32(0), .dictionary([]), .objectPath(ObjectPath(verified: "/sink\(number)"))])
            try await connection.send(call)
        }
        // The bus has read what was sent before.
        _ = try await connection.busID()
        say("sent")
        while true { try await Task.sleep(for: .seconds(3_600)) }
    }

    /// Asks for the one instance of a provider.
    static func ask(_ client: Connection, _ number: Int) async throws {
        let message = try Message.methodCall(
            destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
            member: MemberName(verified: "GetObject"),
            values: [.string("Test_Crowd\(number).Name=\"thing0\""), .int32(0), .dictionary([])])
        let values = try await client.call(message, timeout: .seconds(60)).values()
        guard values.first?.stringDictionary?["__CLASS"] == .string("Test_Crowd\(number)") else {
            throw ProcessError(description: "the answer for Test_Crowd\(number) is \(values)")
        }
    }
}
