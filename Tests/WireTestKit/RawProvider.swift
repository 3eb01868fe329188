import CIM
import CIMBusWire
import DBus
import Synchronization

/// A provider in this process, on a connection of its own, that does what closures say. By default it serves things it keeps in memory.
public final class RawProvider: Sendable {
    public typealias Script = @Sendable (ProviderCall) async throws -> Void

    public let connection: Connection
    public let name: String
    public let className: String
    /// Every call, as it arrives.
    public let calls = Recorder<ProviderCall>()
    /// The sinks it was told to forget.
    public let cancelled = Recorder<String>()
    private let scripts = Mutex<[String: Script]>([:])
    private let kept = Mutex<[MethodCall]>([])
    private let swallowed = Shared()
    private let things: Mutex<[String: [(String, DBusValue)]]>

    public static let path = ObjectPath(verified: "/org/example/Provider")

    /// Connects, and registers unless told not to.
    public static func start(
        on bus: PrivateBus, name: String = "Raw", className: String = "Test_Thing", things: Int = 3, registers: Bool = true,
        exports: Bool = true, context: [(String, DBusValue)] = [], transport: TestTransport = .ofProviders, on loop: EventLoop? = nil
    ) async throws -> RawProvider {
        let connection = try await bus.connect(on: loop ?? EventLoop(name: "provider"))
        if transport.isPrivate { try await connection.openPrivateConnection() }
        return try await start(
            over: connection, name: name, className: className, things: things, registers: registers, exports: exports, context: context)
    }

    public static func start(
        over connection: Connection, name: String, className: String, things: Int, registers: Bool = true, exports: Bool = true,
        context: [(String, DBusValue)] = []
    ) async throws -> RawProvider {
        let provider = RawProvider(connection, name, className, things)
        if exports { await provider.export() }
        if registers { try await provider.register(context: context) }
        return provider
    }

    private init(_ connection: Connection, _ name: String, _ className: String, _ things: Int) {
        self.connection = connection
        self.name = name
        self.className = className
        let numbers = 0..<things
        self.things = Mutex(
            Dictionary(uniqueKeysWithValues: numbers.map { ("thing\($0)", Self.thing(className, "thing\($0)", UInt32($0))) }))
    }

    /// The class it brings.
    public var mof: String {
        """
        [dynamic, provider("\(name)")]
        class \(className)
        {
            [key] string Name;
            [read] uint32 Number;
            [read, write] string Text;
            sint8 Small;
            [EmbeddedObject] string Inner;
            [Implemented] uint32 Echo([in] string sInArg, [out] string sOutArg);
            [Implemented, Static] uint32 Count([in, Optional] boolean All);
            [Implemented, Disabled] uint32 Off();
            uint32 NotThere();
        };
        """
    }

    public static func thing(_ className: String, _ name: String, _ number: UInt32 = 0) -> [(String, DBusValue)] {
        [("__CLASS", .string(className)), ("Name", .string(name)), ("Number", .uint32(number))]
    }

    public func thing(_ name: String, _ number: UInt32 = 0) -> [(String, DBusValue)] { Self.thing(className, name, number) }

    // MARK: - Registration

    @discardableResult
    public func register(
        context: [(String, DBusValue)] = [], scope: String = "root/cimv2", mof: String? = nil, name: String? = nil,
        path: ObjectPath = RawProvider.path
    ) async throws -> ObjectPath {
        var context = context
        context.append((ContextKey.mof, .string(mof ?? self.mof)))
        let reply = try await registrar(
            "Register",
            [
                .int32(0), .dictionary(context), .string(""), .string(""), .string(scope), .string(name ?? self.name),
                .objectPath(path),
            ])
        return ObjectPath(verified: reply.first?.text ?? "/")
    }

    public func unregister(scope: String = "root/cimv2") async throws {
        _ = try await registrar("UnRegister", [.string(scope), .string(name)])
    }

    public func registrar(_ member: String, _ values: [DBusValue]) async throws -> [DBusValue] {
        let message = try Message.methodCall(
            destination: BusName(Contract.busName), path: Contract.rootPath, interface: Contract.registrar,
            member: MemberName(verified: member), values: values)
        return try await connection.call(message).values()
    }

    public var registrationPath: ObjectPath { Contract.path(ofProvider: name, in: .cimv2) }

    // MARK: - Calls

    /// What `method` does from now on, e.g. `GetObjectAsync`; nil is the default again.
    public func on(_ method: String, _ script: Script?) { scripts.withLock { $0[method] = script } }

    /// What all methods do from now on.
    public func onEverything(_ script: @escaping Script) {
        for method in ["GetObject", "PutInstance", "DeleteInstance", "CreateInstanceEnum", "ExecMethod"] { on(method + "Async", script) }
    }

    public func keep(_ call: MethodCall) { kept.withLock { $0.append(call) } }

    private func export() async {
        var methods: [String: MethodImplementation] = [:]
        for method in Interfaces.provider.methods.map(\.name.text) {
            // Noted in the order of their arrival: tasks that are begun together run in any order.
            methods[method] = .immediate { [weak self] call in self?.arrived(method, call) }
        }
        methods["CancelAsyncCall"] = .immediate { [weak self] call in
            var reader = call.reader
            if let path = try? reader.readObjectPath() { self?.cancelled.record(path.text) }
        }
        await connection.export(ExportedObject([ExportedInterface(Interfaces.provider, methods: methods)]), at: Self.path)
    }

    private func arrived(_ method: String, _ call: MethodCall) {
        guard let arrived = ProviderCall(self, method, call) else { return }
        calls.record(arrived)
        let script = scripts.withLock { $0[method] }
        Task {
            guard let script else { return serveFromMemory(arrived) }
            do {
                try await script(arrived)
            } catch let error as DBusError {
                call.fail(error)
            } catch {
                call.fail(.failed, "\(error)")
            }
        }
    }

    /// What it does with a call that no script is for.
    public func serveFromMemory(_ call: ProviderCall) {
        let key = call.method == "PutInstanceAsync" ? call.input["Name"]?.text ?? "" : Self.key(in: call.target)
        switch call.method {
        case "CreateInstanceEnumAsync":
            call.reply(.noError, things.withLock { $0.sorted { $0.key < $1.key }.map(\.value) })
        case "GetObjectAsync":
            guard let thing = things.withLock({ $0[key] }) else { return call.fail(.notFound, "no thing \(key)") }
            call.reply(.noError, [thing])
        case "PutInstanceAsync":
            let exists = things.withLock { $0[key] != nil }
            if exists, call.flags & 2 != 0 { return call.fail(.alreadyExists, "thing \(key) exists") }
            if !exists, call.flags & 1 != 0 { return call.fail(.notFound, "no thing \(key)") }
            things.withLock { $0[key] = call.input.map { ($0.key, $0.value) } }
            call.reply()
        case "DeleteInstanceAsync":
            guard things.withLock({ $0.removeValue(forKey: key) }) != nil else { return call.fail(.notFound, "no thing \(key)") }
            call.reply()
        case "ExecMethodAsync" where call.invoked == "Echo":
            let text = call.input["sInArg"]?.text ?? ""
            call.reply(
                .noError,
                [[("__CLASS", .string("__PARAMETERS")), ("sOutArg", .string(text)), ("ReturnValue", .uint32(UInt32(text.utf8.count)))]])
        case "ExecMethodAsync":
            call.reply(.noError, [[("__CLASS", .string("__PARAMETERS")), ("ReturnValue", .uint32(things.withLock { UInt32($0.count) }))]])
        default: call.fail(.providerNotCapable, call.method)
        }
    }

    private static func key(in path: String) -> String {
        if let path = try? CIMObjectPath(parsing: path), case .string(let name)? = path[key: "Name"] { name } else { "" }
    }

    public func close() async { await connection.close() }

    /// The paths at which it is pinged from now on; only pings at some of them are answered.
    public func recordPings(answering paths: Set<ObjectPath>) async -> Recorder<String> {
        let pings = Recorder<String>()
        await connection.setInbound { message in
            guard message.interface == InterfaceName.peer.text else { return false }
            pings.record(message.path ?? "")
            return !paths.contains { $0.text == message.path }
        }
        return pings
    }

    /// While `holds`, nothing that it is called with is answered, as in a program that waits for a reply. It is answered when that ends.
    public func holdCalls(_ holds: Bool) async {
        let held = swallowed
        let connection = connection
        guard !holds else {
            return await connection.setInbound { message in
                held.withLock { $0.append(connection.methodCall(message)) }; return true
            }
        }
        await connection.setInbound(nil)
        let calls = held.withLock { calls in
            let all = calls; calls = []; return all
        }
        for call in calls { await connection.dispatch(call) }
    }

    /// While `swallows`, no ping is answered, as if the process did not read. Pings swallowed are answered when it ends.
    public func swallowPings(_ swallows: Bool) async {
        let swallowed = swallowed
        let connection = connection
        guard swallows else {
            await connection.setInbound(nil)
            for call in swallowed.withLock({
                let all = $0; $0 = []; return all
            }) { call.reply() }
            return
        }
        await connection.setInbound { [weak connection] message in
            guard message.interface == InterfaceName.peer.text, let connection else { return false }
            let call = connection.methodCall(message)
            swallowed.withLock { $0.append(call) }
            return true
        }
    }
}

/// Calls that wait, shared with closures.
private final class Shared: Sendable {
    private let calls = Mutex<[MethodCall]>([])

    func withLock<Result: Sendable>(_ body: (inout [MethodCall]) -> Result) -> Result { calls.withLock { body(&$0) } }
}

extension ProviderCall {
    func reply(_ status: WBEMStatus, _ objects: [[(String, DBusValue)]]) { reply(status, references: 0, objects) }
}
