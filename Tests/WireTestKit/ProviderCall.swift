import CIM
import CIMBusWire
import DBus

/// A call that a scripted provider got, and its way to answer it.
public struct ProviderCall: Sendable {
    public let provider: RawProvider
    public let call: MethodCall
    public let method: String
    public let namespace: String
    /// The path, the class, the query, or nothing for a put.
    public let target: String
    /// The method to invoke.
    public let invoked: String
    public let flags: Int32
    public let context: [String: DBusValue]
    /// A put's instance, or the in parameters.
    public let input: [String: DBusValue]
    public let sink: ProviderSink

    init?(_ provider: RawProvider, _ method: String, _ call: MethodCall) {
        guard let values = try? call.message.values(), values.count >= 5, let path = values.last?.text, let sender = call.sender else {
            return nil
        }
        self.provider = provider
        self.call = call
        self.method = method
        namespace = values[0].text ?? ""
        sink = ProviderSink(connection: provider.connection, broker: BusName(verified: sender), path: ObjectPath(verified: path))
        let isMethod = method == "ExecMethodAsync"
        let isQuery = method == "ExecQueryAsync"
        target = values[isQuery ? 2 : 1].text ?? ""
        invoked = isMethod ? values[2].text ?? "" : ""
        flags = values[isMethod || isQuery ? 3 : 2].integer() ?? -1
        context = values[isMethod || isQuery ? 4 : 3].stringDictionary ?? [:]
        input = (isMethod ? values[5] : values[isQuery ? 4 : 1]).stringDictionary ?? [:]
    }

    /// `(hresult, references, objects)`.
    public func reply(_ status: WBEMStatus = .noError, references: UInt32 = 0, _ objects: [[(String, DBusValue)]] = []) {
        call.reply([.uint32(status.rawValue), .uint32(references), .objects(objects)])
    }

    /// `org.cimbus1.Error.NAME`.
    public func fail(_ status: WBEMStatus, _ text: String) { call.fail(DBusError(CIMError(status, text))) }

    /// Never to be answered.
    public func abandon() { provider.keep(call) }
}

/// A provider's end of a service sink.
public struct ProviderSink: Sendable {
    public let connection: Connection
    public let broker: BusName
    public let path: ObjectPath

    public init(connection: Connection, broker: BusName, path: ObjectPath) {
        self.connection = connection
        self.broker = broker
        self.path = path
    }

    public func indicate(_ objects: [[(String, DBusValue)]]) async throws {
        try await call(Contract.objectSink, "Indicate", [.objects(objects)])
    }

    /// Packed rows, whatever they are.
    public func indicate(packed bytes: [UInt8]) async throws {
        try await call(PrivateContract.packedSink, "Indicate", [.bytes(bytes)])
    }

    public func setStatus(
        _ status: WBEMStatus, flags: Int32 = 0, parameter: String = "", object: [(String, DBusValue)] = []
    ) async throws {
        try await call(
            Contract.objectSink, "SetStatus", [.int32(flags), .uint32(status.rawValue), .string(parameter), .dictionary(object)])
    }

    public func progress(_ current: UInt32, of total: UInt32) async throws {
        try await setStatus(WBEMStatus(rawValue: total << 16 | current), flags: 2)
    }

    @discardableResult
    public func addRef() async throws -> UInt32 {
        try await call(Contract.sinkReference, "AddRef", []).first?.integer() ?? .max
    }

    @discardableResult
    public func release() async throws -> UInt32 {
        try await call(Contract.sinkReference, "Release", []).first?.integer() ?? .max
    }

    public func transfer(to peer: String) async throws { try await call(Contract.sinkReference, "Transfer", [.string(peer)]) }

    /// The same sink as another connection reaches it.
    public func seen(by connection: Connection) -> ProviderSink { ProviderSink(connection: connection, broker: broker, path: path) }

    @discardableResult
    public func call(_ interface: InterfaceName, _ member: String, _ values: [DBusValue]) async throws -> [DBusValue] {
        let message = try Message.methodCall(
            destination: broker, path: path, interface: interface, member: MemberName(verified: member), values: values)
        return try await connection.call(message, timeout: .seconds(20)).values()
    }

    /// Without wanting a reply, and without waiting.
    public func send(_ interface: InterfaceName, _ member: String, _ values: [DBusValue]) throws {
        let message = try Message.methodCall(
            destination: broker, path: path, interface: interface, member: MemberName(verified: member), flags: .noReplyExpected,
            values: values)
        let connection = connection
        connection.loop.execute { connection.assumeIsolated { try? $0.send(message) } }
    }
}

extension DBusValue {
    /// `aa{sv}`.
    public static func objects(_ objects: [[(String, DBusValue)]]) -> DBusValue {
        .array(element: .dictionary, objects.map { .dictionary($0) })
    }
}

extension ProviderSink {
    /// An `Indicate` that nobody waits for, though it may want its reply.
    public func sendIndicate(_ objects: [[(String, DBusValue)]], wantsReply: Bool) throws {
        let message = try Message.methodCall(
            destination: broker, path: path, interface: Contract.objectSink, member: MemberName(verified: "Indicate"),
            flags: wantsReply ? [] : .noReplyExpected, values: [.objects(objects)])
        let connection = connection
        connection.loop.execute {
            connection.assumeIsolated { connection in
                if wantsReply { connection.call(message, timeout: nil) { _ in } } else { try? connection.send(message) }
            }
        }
    }
}
