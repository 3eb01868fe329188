import CIM
import CIMBusWire
import DBus
import Synchronization
import WireTestKit

/// Stands in for the broker, to see every message of a provider: it owns the name, registers anybody, and owns one sink.
package final class BrokerStandIn: Sendable {
    /// What a provider sent to the sink.
    package enum Sent: Hashable, Sendable {
        case indicate(Int)
        case status(flags: Int32, WBEMStatus, parameter: String)
        case addRef
        case release
    }

    /// A provider's reply to a call.
    package struct Reply: Sendable {
        package var status: WBEMStatus
        package var references: UInt32
        package var objects: [CIMInstance]
    }

    package static let sink = Contract.path(ofSink: 1)

    package let connection: Connection
    /// Who registered.
    package let providers = Recorder<String>()
    package let sent = Recorder<Sent>()
    /// The classes that were asked for.
    package let reads = Recorder<String>()
    /// With which contexts.
    package let readContexts = Recorder<[String: DBusValue]>()
    private let credit: Credit

    /// Batches that wait for their reply.
    fileprivate final class Credit: Sendable {
        private struct State {
            var isWithheld: Bool
            var waiting: [MethodCall] = []
            var most = 0
        }

        private let state: Mutex<State>

        init(isWithheld: Bool) { state = Mutex(State(isWithheld: isWithheld)) }

        func arrived(_ call: MethodCall) {
            let isWithheld = state.withLock { state in
                if state.isWithheld { state.waiting.append(call) }
                state.most = max(state.most, state.waiting.count)
                return state.isWithheld
            }
            if !isWithheld { _ = call.reply() }
        }

        /// Answers the oldest; false when there is none.
        func giveOne() -> Bool {
            let call = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
            return call?.reply() ?? false
        }

        var most: Int { state.withLock { $0.most } }
    }

    /// What a call's context says of its client: root, whom a provider lets change everything.
    package static let client: [(String, DBusValue)] = [(ContextKey.clientUser, .uint32(0))]

    /// - Parameters:
    ///   - refusals: what registrations are answered with, before one is accepted.
    ///   - classes: what it is answered who asks for a class, one after the other.
    ///   - callsOnUnRegister: calls a provider that unregisters, as one does that has not yet heard of it.
    package init(
        on bus: PrivateBus, withholdsCredit: Bool = false, refusals: [CIMError] = [], classes: [Result<CIMClass, CIMError>] = [],
        callsOnUnRegister: Bool = false
    ) async throws {
        let connection = try await bus.connect()
        self.connection = connection
        let credit = Credit(isWithheld: withholdsCredit)
        self.credit = credit
        let (providers, sent, reads, readContexts) = (providers, sent, reads, readContexts)
        let refused = Mutex(refusals[...])
        let registrar = ExportedInterface(
            Interfaces.registrar,
            methods: [
                "Register": .immediate { call in
                    if let refusal = refused.withLock({ $0.popFirst() }) { return _ = call.fail(DBusError(refusal)) }
                    call.reply([.objectPath(Contract.path(ofProvider: "Things", in: .cimv2))])
                    providers.record(call.sender ?? "")
                },
                "UnRegister": .immediate { call in
                    if callsOnUnRegister, let provider = call.sender, let message = try? Self.enumeration(of: "Test_Thing", by: provider) {
                        connection.assumeIsolated { $0.call(message, timeout: nil) { _ in } }
                    }
                    call.reply()
                },
            ])
        let sink = ExportedInterface(
            Interfaces.objectSink,
            methods: [
                "Indicate": .immediate { call in
                    var reader = call.reader
                    let count = (try? reader.readInstances().count) ?? -1
                    credit.arrived(call)
                    sent.record(.indicate(count))
                },
                "SetStatus": .immediate { call in
                    var reader = call.reader
                    if let flags = try? reader.readInt32(), let status = try? reader.readUInt32(), let text = try? reader.readString() {
                        sent.record(.status(flags: flags, WBEMStatus(rawValue: status), parameter: text))
                    }
                    call.reply()
                },
            ])
        let reference = ExportedInterface(
            Interfaces.sinkReference,
            methods: [
                "AddRef": .immediate { call in
                    sent.record(.addRef)
                    call.reply([.uint32(1)])
                },
                "Release": .immediate { call in
                    sent.record(.release)
                    call.reply([.uint32(0)])
                },
                "Transfer": .immediate { call in call.reply() },
            ])
        let answers = Mutex(classes[...])
        let services = ExportedInterface(
            Interfaces.services,
            methods: [
                "GetObject": .immediate { call in
                    let values = (try? call.message.values()) ?? []
                    reads.record(values.first?.text ?? "")
                    readContexts.record(values.last?.stringDictionary ?? [:])
                    switch answers.withLock({ $0.popFirst() }) ?? .failure(CIMError(.failed, "once too often")) {
                    case .failure(let error): call.fail(DBusError(error))
                    case .success(let declaration):
                        call.reply(signature: Signature(verified: "a{sv}")) { (writer: inout BodyWriter) throws(DBusError) in
                            writer.append(class: declaration, namespace: .cimv2, server: "test")
                        }
                    }
                }
            ])
        if !classes.isEmpty { _ = await connection.export(ExportedObject([services]), at: Contract.path(of: .cimv2)) }
        _ = await connection.export(ExportedObject([registrar]), at: Contract.rootPath)
        _ = await connection.export(ExportedObject([sink, reference]), at: Self.sink)
        _ = try await connection.requestName(Contract.busName)
    }

    /// Answers a batch, when there is one.
    package func giveCredit() -> Bool { credit.giveOne() }

    /// The most batches that waited at once.
    package var mostUnanswered: Int { credit.most }

    /// Calls the provider that registered first.
    package func enumerate(_ className: String) async throws -> Reply {
        try Self.reply(in: try await connection.call(try Self.enumeration(of: className, by: try await provider())))
    }

    /// Asks the provider that registered first.
    package func execQuery(_ query: String) async throws -> Reply {
        try await call("ExecQueryAsync", [.string("WQL"), .string(query), .int32(0x100), .dictionary([])])
    }

    /// Calls any operation of the provider that registered first.
    package func call(_ member: String, _ arguments: [DBusValue]) async throws -> Reply {
        try Self.reply(in: try await send(member, arguments))
    }

    private static func reply(in message: Message) throws -> Reply {
        var reader = message.reader
        return Reply(
            status: WBEMStatus(rawValue: try reader.readUInt32()), references: try reader.readUInt32(), objects: try reader.readInstances())
    }

    package func send(_ member: String, _ arguments: [DBusValue], from caller: Connection? = nil) async throws -> Message {
        try await (caller ?? connection).call(try Self.message(member, arguments, to: try await provider()))
    }

    private func provider() async throws -> String { try await providers.wait("a registration") { !$0.isEmpty }[0] }

    private static func enumeration(of className: String, by provider: String) throws -> Message {
        try message("CreateInstanceEnumAsync", [.string(className), .int32(0), .dictionary([])], to: provider)
    }

    private static func message(_ member: String, _ arguments: [DBusValue], to provider: String) throws -> Message {
        try Message.methodCall(
            destination: BusName(verified: provider), path: ObjectPath("/org/cimbus1/Provider"), interface: Contract.provider,
            member: MemberName(member), values: [.string("root/cimv2")] + arguments + [.objectPath(Self.sink)])
    }

    /// A round trip: what the provider sent before it has arrived.
    package func ping() async throws {
        let provider = try await provider()
        let message = try Message.methodCall(
            destination: BusName(verified: provider), path: .root, interface: .peer, member: MemberName("Ping"))
        _ = try await connection.call(message)
    }

    /// Lets a second broker take this one's place. What the bus says of it has arrived on `loop`.
    package func replaced(on bus: PrivateBus, seenOn loop: EventLoop) async throws -> BrokerStandIn {
        try await connection.releaseName(Contract.busName)
        await connection.close()
        let second = try await BrokerStandIn(on: bus)
        let witness = try await Connection.connect(to: .address(bus.address), on: loop)
        // In one reading of the loop's, or in the next.
        for _ in 0..<2 { _ = try await witness.nameOwner(of: BusName(Contract.busName)) }
        await witness.close()
        return second
    }
}
