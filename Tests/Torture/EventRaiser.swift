import CIM
import CIMBusWire
import DBus
import Glibc
import Synchronization
import WireTestKit

/// A source of numbered events, in a process of its own. Each time that it registers it is a new source, with a name of its own and numbers from 1.
///
/// It prints `registered NAME`; `queries N`, so many it was told of and not of their ends; after SIGUSR1 it prints `last NAME`,
/// and raises a last event ten times a second.
final class EventRaiser: Sendable {
    static let className = "Torture_Event"
    static let mof = "class \(className) : __ExtrinsicEvent { string Source; uint64 Number; uint64 Since; boolean Last; string Text; };"
    /// So much that a subscriber that stops for a moment loses some.
    private static let text = String(repeating: "x", count: 8_000)
    private static let isToEnd = Atomic<Bool>(false)
    private static let path = ObjectPath(verified: "/org/example/Raiser")

    private let connection: Connection
    private let name: String
    private let isPrivate: Bool
    /// Whether it has an object, so that it is asked about subscribers and told of queries.
    private let isAsked: Bool
    private let queries = Mutex<Set<UInt32>>([])

    static func main(_ arguments: [String]) async throws {
        signal(SIGUSR1) { _ in EventRaiser.isToEnd.store(true, ordering: .relaxed) }
        let connection = try await Connection.connect(to: .address(arguments[0]), on: EventLoop(name: "raiser"))
        let raiser = EventRaiser(connection, arguments[1], isPrivate: arguments[2] == "private", isAsked: arguments[3] == "asked")
        await raiser.export()
        var life = 0
        while true {
            life += 1
            do {
                try await raiser.live("\(arguments[1])-\(getpid())-\(life)")
            } catch let error as DBusError where CIMError(error).status == .accessDenied || CIMError(error).status == .quotaViolation {
                say("wrong the source is refused: \(error.message)")
                return
            } catch {
                // There is no broker just now.
                raiser.queries.withLock { $0 = [] }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private init(_ connection: Connection, _ name: String, isPrivate: Bool, isAsked: Bool) {
        self.connection = connection
        self.name = name
        self.isPrivate = isPrivate
        self.isAsked = isAsked
    }

    static var microseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
    }

    private func live(_ source: String) async throws {
        if isPrivate { try await connection.openPrivateConnection() }
        // Before it has let a subscriber have its events, the subscriber gets none, and they count for nothing.
        let since = isAsked ? 0 : Self.microseconds
        _ = try await call(
            Contract.rootPath, Contract.basicEventProvider, "Register",
            [
                .int32(0), .dictionary([(ContextKey.mof, .string(Self.mof))]), .string(""), .string(""), .string("root/cimv2"),
                .string(name),
                .objectPath(isAsked ? Self.path : Contract.null),
            ])
        guard
            case .objectPath(let sink)? = try await call(
                Contract.rootPath, Contract.basicEventProvider, "GetSink", [.uint32(0), .dictionary([])]
            ).first
        else { throw ProcessError(description: "GetSink gave no path") }
        say("registered \(source)")
        var number: UInt64 = 0
        func raise(_ count: Int, isLast: Bool = false) async throws {
            let events = (1...UInt64(count)).map { index -> DBusValue in
                .dictionary([
                    ("__CLASS", .string(Self.className)), ("Source", .string(source)), ("Number", .uint64(number + index)),
                    ("Since", .uint64(since)), ("Last", .boolean(isLast)), ("Text", .string(Self.text)),
                ])
            }
            _ = try await call(sink, Contract.eventSink, "Indicate", [.array(element: Signature(verified: "a{sv}"), events)])
            number += UInt64(count)
        }
        while !Self.isToEnd.load(ordering: .relaxed) {
            try await raise(Int(number % 7) + 1)
            try await Task.sleep(for: .milliseconds(2))
        }
        say("last \(source)")
        // Again and again: a subscriber may come late.
        while true {
            try await raise(1, isLast: true)
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func call(_ path: ObjectPath, _ interface: InterfaceName, _ member: String, _ values: [DBusValue]) async throws -> [DBusValue] {
        try await connection.call(
            try Message.methodCall(
                destination: BusName(Contract.busName), path: path, interface: interface, member: MemberName(verified: member),
                values: values)
        ).values()
    }

    private func export() async {
        func method(_ body: @escaping @Sendable (inout BodyReader, inout Set<UInt32>) throws -> String?) -> MethodImplementation {
            .immediate { [self] call in
                var reader = call.reader
                let (wrong, count) = queries.withLock { queries in ((try? body(&reader, &queries)) ?? nil, queries.count) }
                if let wrong { say("wrong \(wrong)") }
                say("queries \(count)")
                call.reply()
            }
        }
        let interface = ExportedInterface(
            Interfaces.eventProvider,
            methods: [
                "ProvideEvents": .immediate { $0.reply([.uint32(0)]) }, "AccessCheck": .immediate { $0.reply([.uint32(0)]) },
                "NewQuery": method { reader, queries in
                    let id = try reader.readUInt32()
                    return queries.insert(id).inserted ? nil : "NewQuery \(id) twice"
                },
                "CancelQuery": method { reader, queries in
                    let id = try reader.readUInt32()
                    return queries.remove(id) != nil ? nil : "CancelQuery \(id) without NewQuery"
                },
            ])
        await connection.export(ExportedObject([interface]), at: Self.path)
    }
}
