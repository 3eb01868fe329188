import CIM
import CIMBusTestKit
import CIMBusWire
import DBus
import Synchronization

/// Stands in for the broker, to see every message of a provider: it owns the name, registers anybody, and owns one sink.
final class BrokerStandIn: Sendable {
    /// What a provider sent to the sink.
    enum Sent: Hashable, Sendable {
        case indicate(Int)
        case status(flags: Int32, WBEMStatus, parameter: String)
        case addRef
        case release
    }

    /// A provider's reply to a call.
    struct Reply: Sendable {
        var status: WBEMStatus
        var references: UInt32
        var objects: [CIMInstance]
    }

    static let sink = Contract.path(ofSink: 1)

    let connection: Connection
    /// Who registered.
    let providers = Recorder<String>()
    let sent = Recorder<Sent>()
    private let credit: Credit

    /// Batches that wait for their reply.
    final class Credit: Sendable {
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

    init(on bus: PrivateBus, withholdsCredit: Bool = false) async throws {
        connection = try await bus.connect()
        let credit = Credit(isWithheld: withholdsCredit)
        self.credit = credit
        let (providers, sent) = (providers, sent)
        let registrar = ExportedInterface(
            Interfaces.registrar,
            methods: [
                "Register": .immediate { call in
                    call.reply([.objectPath(Contract.path(ofProvider: "Things", in: .cimv2))])
                    providers.record(call.sender ?? "")
                },
                "UnRegister": .immediate { call in call.reply() },
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
        _ = await connection.export(ExportedObject([registrar]), at: Contract.rootPath)
        _ = await connection.export(ExportedObject([sink, reference]), at: Self.sink)
        _ = try await connection.requestName(Contract.busName)
    }

    /// Answers a batch, when there is one.
    func giveCredit() -> Bool { credit.giveOne() }

    /// The most batches that waited at once.
    var mostUnanswered: Int { credit.most }

    /// Calls the provider that registered first.
    func enumerate(_ className: String) async throws -> Reply {
        var reader = try await send("CreateInstanceEnumAsync", [.string(className), .int32(0), .dictionary([])]).reader
        return Reply(
            status: WBEMStatus(rawValue: try reader.readUInt32()), references: try reader.readUInt32(), objects: try reader.readInstances())
    }

    func send(_ member: String, _ arguments: [DBusValue], from caller: Connection? = nil) async throws -> Message {
        let provider = try await providers.wait("a registration") { !$0.isEmpty }[0]
        let message = try Message.methodCall(
            destination: BusName(verified: provider), path: ObjectPath("/org/cimbus1/Provider"), interface: Contract.provider,
            member: MemberName(member), values: [.string("root/cimv2")] + arguments + [.objectPath(Self.sink)])
        return try await (caller ?? connection).call(message)
    }

    /// A round trip: what the provider sent before it has arrived.
    func ping() async throws {
        let provider = try await providers.wait("a registration") { !$0.isEmpty }[0]
        let message = try Message.methodCall(
            destination: BusName(verified: provider), path: .root, interface: .peer, member: MemberName("Ping"))
        _ = try await connection.call(message)
    }
}
