import CIM
import CIMBusWire
import DBus
import Synchronization

/// The process: its connection, its registration, the scripts of its calls.
final class ScriptedProcess: Sendable {
    struct Settings: Sendable {
        var bus = BusAddress.system
        /// The bus as it was given, for a second process.
        var busArguments: [String] = []
        var name = "Faulty"
        var className = "Faulty_Thing"
        /// For calls that do not say what they want.
        var script = "healthy"
        /// One of a method's calls, by the name of the method.
        var scripts: [String: String] = [:]
        /// The name that starts it, which it owns then, and ends with the bus.
        var busName: String?
        var registers = true
        var pingSeconds: UInt32?
        var silenceSeconds: UInt32?
    }

    let settings: Settings
    let connection: Connection
    let input = Input()
    private let number = Atomic<UInt64>(0)
    private let unanswered = Mutex<[MethodCall]>([])

    static let path = ObjectPath(verified: "/org/example/Faulty")

    init(_ settings: Settings, _ connection: Connection) {
        self.settings = settings
        self.connection = connection
    }

    func nextNumber() -> UInt64 { number.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Keeps a call unanswered: one that is dropped is answered by the library.
    func keep(_ call: MethodCall?) {
        if let call { unanswered.withLock { $0.append(call) } }
    }

    /// One key, which names the scenario; the class and the registration bear the names of this process.
    var mof: String {
        """
        [dynamic, provider("\(settings.name)"), Description("Things whose provider misbehaves as their key says.")]
        class \(settings.className)
        {
            [key, read, Description("A scenario, or a script.")] string Scenario;
            [read] uint32 Number;
            [read, write] string Text;
            [read, EmbeddedObject] string Inner;
            [Implemented] uint32 Act([in, Optional, ID(0)] string Word, [out, ID(1)] string Result);
            [Implemented, Static] uint32 ActOnClass([in, Optional, ID(0)] string Word, [out, ID(1)] string Result);
        };
        """
    }

    func export() async {
        var methods: [String: MethodImplementation] = [:]
        for method in Interfaces.provider.methods.map(\.name.text) where method != "CancelAsyncCall" {
            methods[method] = .task { [self] call in try await serve(method, call) }
        }
        methods["CancelAsyncCall"] = .immediate { [self] call in
            var reader = call.reader
            let sink = (try? reader.readObjectPath())?.text ?? "?"
            emit("cancelled \(sink)")
            input.arrived("cancel \(sink)")
        }
        await connection.export(ExportedObject([ExportedInterface(Interfaces.provider, methods: methods)]), at: Self.path)
    }

    func openPrivateConnection() async throws {
        let name = BusName(Contract.busName)
        guard let broker = try await connection.nameOwner(of: name) else { return }
        let outcome = await PrivateAccess.open(on: connection, with: broker, to: [name], patience: .seconds(10)) { _ in
            emit("cut off")
        }
        guard case .opened = outcome else { throw DBusError(.failed, "no private connection: \(outcome)") }
    }

    func register() async throws(DBusError) {
        var context: [(String, DBusValue)] = [(ContextKey.mof, .string(mof))]
        if let seconds = settings.pingSeconds { context.append((ContextKey.pingSeconds, .uint32(seconds))) }
        if let seconds = settings.silenceSeconds { context.append((ContextKey.silenceSeconds, .uint32(seconds))) }
        let message = try Message.methodCall(
            destination: BusName(Contract.busName), path: Contract.rootPath, interface: Contract.registrar,
            member: MemberName(verified: "Register"),
            values: [
                .int32(0), .dictionary(context), .string(""), .string(""), .string("root/cimv2"), .string(settings.name),
                .objectPath(Self.path),
            ])
        _ = try await connection.call(message)
    }

    func unregister() async throws(DBusError) {
        let message = try Message.methodCall(
            destination: BusName(Contract.busName), path: Contract.rootPath, interface: Contract.registrar,
            member: MemberName(verified: "UnRegister"), values: [.string("root/cimv2"), .string(settings.name)])
        _ = try await connection.call(message)
    }

    private func serve(_ method: String, _ call: MethodCall) async throws {
        let values = try call.message.values()
        guard let sink = try values.last?.text.map({ try ObjectPath($0) }), let sender = call.sender else { return }
        let context = values.compactMap(\.stringDictionary)
        var key = ""
        if method == "PutInstanceAsync" {
            key = context.first?["Scenario"]?.text ?? ""
        } else if method != "CreateInstanceEnumAsync", let text = values[1].text, let path = try? CIMObjectPath(parsing: text),
            case .string(let value)? = path[key: "Scenario"]
        {
            key = value
        }
        // What the client's context says, else what the key says, else what this process was started with.
        let asked = context.lazy.compactMap { $0["FaultyScript"]?.text }.first
        let fallback = settings.scripts[method] ?? settings.script
        let text = asked ?? (key.isEmpty || Scenarios.table[key] == nil && (try? Script(key)) == nil ? fallback : key)
        emit("called \(method) \(sink.text) \(text)")
        let scripted = ScriptedCall(
            process: self, method: method, className: settings.className, key: key, call: call, sink: sink,
            broker: try BusName(sender))
        do {
            await scripted.run(try Scenarios.script(text))
        } catch {
            emit("bad script: \(error)")
            throw error
        }
    }
}
