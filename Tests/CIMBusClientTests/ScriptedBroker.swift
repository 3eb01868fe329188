import CIM
import CIMBusWire
import DBus
import Synchronization
import WireTestKit

/// A broker that does what a test says: it owns the name on a private bus, answers for one class, and gives the test every async call.
final class ScriptedBroker: Sendable {
    /// An async call that arrived.
    struct Call: Sendable {
        let member: String
        let client: String
        let sink: String
    }

    /// What one pull gives.
    struct Pull: Sendable {
        var status: WBEMStatus
        var instances: [CIMInstance]
    }

    static let declaration = CIMClass(
        name: "T_Thing",
        properties: [
            CIMProperty(name: "Number", type: CIMTypeReference(.uint32), qualifiers: [CIMQualifier(name: "key")]),
            CIMProperty(name: "Label", type: CIMTypeReference(.string)),
        ],
        methods: [CIMMethod(name: "Echo", returnType: CIMTypeReference(.uint32))])

    let connection: Connection
    let calls: AsyncStream<Call>
    let cancels: AsyncStream<String>
    /// The batches acknowledged so far.
    let acknowledged: AsyncStream<UInt32>
    /// What each pull from an enumerator is answered, one after the other.
    let pulls = Mutex<[Result<Pull, CIMError>]>([])
    private let reads: Counter

    /// How often an object or a class was read in the sync form.
    var readCount: Int { reads.value }

    /// - Parameter fails: what every async call is refused with.
    init(on bus: PrivateBus, refusing fails: DBusError? = nil) async throws {
        connection = try await bus.connect()
        let (calls, callsEnd) = AsyncStream<Call>.makeStream()
        let (cancels, cancelsEnd) = AsyncStream<String>.makeStream()
        let (acknowledged, acknowledgedEnd) = AsyncStream<UInt32>.makeStream()
        self.calls = calls
        self.cancels = cancels
        self.acknowledged = acknowledged
        var methods: [String: MethodImplementation] = [:]
        methods["CancelAsyncCall"] = .immediate { call in
            if let values = try? call.message.values(), let path = values.first?.text { cancelsEnd.yield(path) }
            call.reply()
        }
        methods["Acknowledge"] = .immediate { call in
            if let values = try? call.message.values(), let count: UInt32 = values.last?.integer() { acknowledgedEnd.yield(count) }
            call.reply()
        }
        for operation in [
            "GetObject", "PutInstance", "DeleteInstance", "ExecMethod", "CreateInstanceEnum", "ExecQuery", "CreateClassEnum", "PutClass",
            "DeleteClass",
        ] {
            let member = operation + "Async"
            methods[member] = .immediate { call in
                if let fails {
                    call.fail(fails)
                    return
                }
                call.reply([.objectPath(Contract.path(ofOperation: 7))])
                guard let values = try? call.message.values(), let sink = values.last?.text else { return }
                callsEnd.yield(Call(member: member, client: call.sender ?? "", sink: sink))
            }
        }
        let hung = Mutex<[MethodCall]>([])
        methods["DeleteInstance"] = .immediate { call in hung.withLock { $0.append(call) } }
        let reads = Counter()
        self.reads = reads
        methods["GetObject"] = .immediate { call in
            reads.increment()
            ScriptedBroker.answerGetObject(call)
        }
        methods["CreateInstanceEnumSemisync"] = .immediate { $0.reply([.objectPath(Contract.path(ofOperation: 7))]) }
        for member in ["PutClass", "DeleteClass"] { methods[member] = .immediate { $0.reply() } }
        methods["ExecQuery"] = .immediate { ScriptedBroker.explain($0) }
        let compiler = ExportedInterface(
            Interfaces.mofCompiler,
            methods: [
                "CompileBuffer": .immediate { call in
                    // One that is dropped is answered.
                    if !ScriptedBroker.compile(call) { hung.withLock { $0.append(call) } }
                }
            ])
        let enumerator = ExportedInterface(Interfaces.enumerator, methods: ["Next": .immediate { [weak self] in self?.answerNext($0) }])
        _ = await connection.export(ExportedObject([enumerator]), at: Contract.path(ofOperation: 7))
        _ = await connection.export(ExportedObject([compiler]), at: Contract.rootPath)
        let services = ExportedObject([ExportedInterface(Interfaces.services, methods: methods)])
        _ = await connection.export(services, at: Contract.path(of: .cimv2))
        _ = try await connection.requestName(Contract.busName)
    }

    private func answerNext(_ call: MethodCall) {
        switch pulls.withLock({ $0.isEmpty ? .failure(CIMError(.failed, "once too often")) : $0.removeFirst() }) {
        case .failure(let error): call.fail(DBusError(error))
        case .success(let pull):
            call.reply(signature: Signature(verified: "uaa{sv}")) { (writer: inout BodyWriter) throws(DBusError) in
                writer.append(uint32: pull.status.rawValue)
                writer.append(instances: pull.instances)
            }
        }
    }

    private static func answerGetObject(_ call: MethodCall) {
        var reader = call.reader
        guard let path = try? reader.readString() else { return }
        if path == "T_Thing" {
            call.reply(signature: Signature(verified: "a{sv}")) { (writer: inout BodyWriter) throws(DBusError) in
                writer.append(class: declaration, namespace: .cimv2, server: "test")
            }
        } else if path == "T_Thing.Number=1" {
            call.reply(signature: Signature(verified: "a{sv}")) { (writer: inout BodyWriter) throws(DBusError) in
                writer.append(instance: thing(1))
            }
        } else {
            call.fail(DBusError(CIMError(.notFound, "there is no \(path)")))
        }
    }

    /// Answers what was asked, if an explanation was.
    private static func explain(_ call: MethodCall) {
        let values = (try? call.message.values()) ?? []
        guard values.count == 4, case .boolean(true)? = values[3].stringDictionary?["__EXPLAIN"], let query = values[1].text else {
            call.fail(DBusError(CIMError(.invalidQuery, "only explanations")))
            return
        }
        call.reply(signature: Signature(verified: "aa{sv}")) { (writer: inout BodyWriter) throws(DBusError) in
            writer.append(instances: [CIMInstance(className: "CIMBus_QueryPlan", ["Lines": .strings(["plan of", query])])])
        }
    }

    /// A text that says "never" hangs, one that says "bad" cannot be stored, any other is stored with a warning.
    private static func compile(_ call: MethodCall) -> Bool {
        let text = (try? call.message.values())?.first?.text ?? ""
        if text == "never" { return false }
        if text == "bad" {
            call.reply([.int32(3), .uint32(WBEMStatus.invalidSuperclass.rawValue), .int32(2), .int32(5), .int32(7), .string("no parent")])
        } else {
            call.reply([.int32(0), .uint32(0), .int32(0), .int32(0), .int32(0), .string("<buffer>:1:1: warning: so what")])
        }
        return true
    }

    static func thing(_ number: UInt32) -> CIMInstance {
        CIMInstance(className: "T_Thing", ["Number": .uint32(number), "Label": .string("thing \(number)")])
    }

    // MARK: What the broker sends

    func indicate(_ call: Call, _ instances: [CIMInstance]) async throws {
        try await send(call, "Indicate", "aa{sv}") { (writer: inout BodyWriter) throws(DBusError) in writer.append(instances: instances) }
    }

    func indicate(_ call: Call, classes: [CIMClass]) async throws {
        let batch = try classes.map { try ObjectBatch(class: $0, namespace: .cimv2, server: "test") }
        try await send(call, "Indicate", "aa{sv}") { (writer: inout BodyWriter) throws(DBusError) in
            let array = writer.beginArray(elementAlignment: 4)
            for one in batch { writer.append(objects: one) }
            writer.endArray(array)
        }
    }

    func setStatus(
        _ call: Call, _ status: WBEMStatus = .noError, flags: Int32 = StatusType.complete, packed: UInt32? = nil, parameter: String = "",
        object: CIMInstance? = nil
    ) async throws {
        try await send(call, "SetStatus", "iusa{sv}") { (writer: inout BodyWriter) throws(DBusError) in
            writer.append(int32: flags)
            writer.append(uint32: packed ?? status.rawValue)
            writer.append(string: parameter)
            if let object { return writer.append(instance: object) }
            let empty = writer.beginArray(elementAlignment: 8)
            writer.endArray(empty)
        }
    }

    private func send(_ call: Call, _ member: String, _ signature: String, _ body: @escaping Message.BodyBuilder) async throws {
        try await Self.send(from: connection, call, member, signature, body)
    }

    /// Sends what only the broker may send, from whoever asks.
    static func send(
        from connection: Connection, _ call: Call, _ member: String, _ signature: String, _ body: @escaping Message.BodyBuilder
    ) async throws {
        let message = try Message.methodCall(
            destination: BusName(verified: call.client), path: ObjectPath(verified: call.sink), interface: Contract.objectSink,
            member: MemberName(verified: member), flags: .noReplyExpected, signature: Signature(verified: signature), body: body)
        try await connection.send(message)
    }
}

final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func increment() { count.wrappingAdd(1, ordering: .relaxed) }
}

/// The next element, in time.
func next<Element: Sendable>(_ stream: AsyncStream<Element>, _ awaited: String) async throws -> Element {
    try await withDeadline(.seconds(10), awaited) {
        for await element in stream { return element }
        throw StreamEnded(awaited: awaited)
    }
}

struct StreamEnded: Error {
    let awaited: String
}
