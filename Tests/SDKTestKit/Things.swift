import CIM
import CIMBusProvider
import Synchronization
import WireTestKit

/// The classes of the tests.
package enum Things {
    package static let registration = "Things"
    package static let classes = ["Test_Thing", "Test_SpecialThing", "Test_Ticket"]

    package static let mof = """
        [dynamic, provider("Things"), Description("What the tests enumerate, change and call.")]
        class Test_Thing
        {
            [key, read] string Name;
            [read, write] uint32 Number;
            [read, write] string Text;
            [read, write] sint8 Small;
            [read, write] string Words[];

            [Implemented] uint32 Echo([in, ID(0)] string sInArg, [out, ID(1)] string sOutArg);
            [Implemented] boolean Turn(
                [in, ID(0)] sint8 Small, [in, ID(1)] datetime When, [in, ID(2)] uint16 Numbers[], [in, Optional, ID(3)] datetime Times[],
                [out, ID(4)] sint8 SmallOut, [out, ID(5)] datetime WhenOut, [out, ID(6)] uint16 NumbersOut[],
                [out, ID(7)] datetime TimesOut[]);
            [Implemented, Static] uint32 Count();
        };

        [dynamic, provider("Things"), Description("A thing that knows since when.")]
        class Test_SpecialThing : Test_Thing
        {
            [read] datetime Since;
            [read] uint8 Bytes[];
        };

        [dynamic, provider("Things"), Description("Its provider chooses the key.")]
        class Test_Ticket
        {
            [key, read] uint32 Number;
            [read, write] string Holder;
        };
        """
}

/// A provider that does what its closures do; without one it is not capable.
package struct ThingProvider: InstanceProvider, MethodProvider {
    package var enumerate: (@Sendable (_ className: String, RequestContext, ObjectSink) async throws -> Void)?
    package var get: (@Sendable (CIMObjectPath, RequestContext) async throws -> CIMInstance)?
    package var put: (@Sendable (CIMInstance, RequestContext) async throws -> CIMObjectPath?)?
    package var delete: (@Sendable (CIMObjectPath, RequestContext) async throws -> Void)?
    package var invoke:
        (@Sendable (_ method: String, CIMObjectPath, _ parameters: CIMInstance, RequestContext) async throws -> MethodResult)?
    package var supportsPartialPut: Bool

    package init(
        enumerate: (@Sendable (_ className: String, RequestContext, ObjectSink) async throws -> Void)? = nil,
        get: (@Sendable (CIMObjectPath, RequestContext) async throws -> CIMInstance)? = nil,
        put: (@Sendable (CIMInstance, RequestContext) async throws -> CIMObjectPath?)? = nil,
        delete: (@Sendable (CIMObjectPath, RequestContext) async throws -> Void)? = nil,
        invoke: (@Sendable (_ method: String, CIMObjectPath, _ parameters: CIMInstance, RequestContext) async throws -> MethodResult)? =
            nil,
        supportsPartialPut: Bool = false
    ) {
        self.enumerate = enumerate
        self.get = get
        self.put = put
        self.delete = delete
        self.invoke = invoke
        self.supportsPartialPut = supportsPartialPut
    }

    private static var notCapable: CIMError { CIMError(.providerNotCapable, "this test does without") }

    package func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
        guard let enumerate else { throw Self.notCapable }
        try await enumerate(className, context, sink)
    }

    package func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
        guard let get else { throw Self.notCapable }
        return try await get(path, context)
    }

    package func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath? {
        guard let put else { throw Self.notCapable }
        return try await put(instance, context)
    }

    package func deleteInstance(at path: CIMObjectPath, context: RequestContext) async throws {
        guard let delete else { throw Self.notCapable }
        try await delete(path, context)
    }

    package func invoke(_ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext) async throws
        -> MethodResult
    {
        guard let invoke else { throw Self.notCapable }
        return try await invoke(method, path, parameters, context)
    }
}

extension ThingProvider {
    /// So many things, in order.
    package static func things(_ count: Int, text: String? = nil) -> ThingProvider {
        ThingProvider(enumerate: { _, _, sink in
            for number in 0..<count { try await sink.indicate(thing(number, text: text)) }
        })
    }

    /// One that waits until it is cancelled, after so many objects.
    package static func hanging(_ started: Recorder<String>, _ cancelled: Recorder<String>, after count: Int = 0) -> ThingProvider {
        ThingProvider(
            enumerate: { _, _, sink in
                for number in 0..<count { try await sink.indicate(thing(number)) }
                started.record("enumerate")
                await untilCancelled()
                cancelled.record(sink.isOver ? "over" : "open")
                try await sink.indicate(thing(count))
            },
            get: { _, context in
                started.record("get")
                await untilCancelled()
                cancelled.record(context.isOver ? "over" : "open")
                throw CancellationError()
            })
    }

    /// `Echo` of the seed (R116), and the static `Count`.
    package static func echo(_ method: String, _ path: CIMObjectPath, _ parameters: CIMInstance) throws -> MethodResult {
        switch method {
        case "Echo":
            let text = parameters["sInArg"]?.stringValue ?? ""
            return MethodResult(returnValue: .uint32(UInt32(text.utf16.count)), ["sOutArg": .string(text)])
        case "Count": return MethodResult(returnValue: .uint32(path.isClassPath ? 1 : 2))
        default: throw CIMError(.methodNotImplemented, method)
        }
    }
}

/// The things that were put, by name.
package final class ThingStore: Sendable {
    private let stored = Mutex<[String: CIMInstance]>([:])

    package init() {}

    package subscript(name: String) -> CIMInstance? { stored.withLock { $0[name] } }

    package var provider: ThingProvider {
        ThingProvider(
            enumerate: { [self] _, _, sink in
                try await sink.indicate(stored.withLock { $0.values.sorted { thingName($0) < thingName($1) } })
            },
            get: { [self] path, _ in try found(path) },
            put: { [self] instance, context in
                try put(instance, context)
                return nil
            },
            delete: { [self] path, _ in
                let name = thingName(try found(path))
                stored.withLock { $0[name] = nil }
            },
            invoke: { [self] method, path, parameters, _ in
                if !path.isClassPath { _ = try found(path) }
                return try ThingProvider.echo(method, path, parameters)
            }, supportsPartialPut: true)
    }

    private func found(_ path: CIMObjectPath) throws(CIMError) -> CIMInstance {
        guard case .string(let name)? = path[key: "Name"], let instance = self[name] else {
            throw CIMError(.notFound, "there is no \(path)")
        }
        return instance
    }

    private func put(_ instance: CIMInstance, _ context: RequestContext) throws {
        let name = thingName(instance)
        let old = self[name]
        switch context.putMode {
        case .createOnly where old != nil: throw CIMError(.alreadyExists, "\(name) is there")
        case .updateOnly where old == nil: throw CIMError(.notFound, "there is no \(name)")
        default: break
        }
        var new = old ?? CIMInstance(className: instance.className, ["Name": .string(name)])
        for property in ["Number", "Text", "Small", "Words"] where context.writes(property) { new[property] = instance[property] }
        let stored = new
        self.stored.withLock { $0[name] = stored }
    }
}

private func thingName(_ instance: CIMInstance) -> String { instance["Name"]?.stringValue ?? "" }

package func thing(_ number: Int, text: String? = nil, class className: String = "Test_Thing") -> CIMInstance {
    var instance = CIMInstance(className: className, ["Name": .string("n\(number)"), "Number": .uint32(UInt32(clamping: number))])
    if let text { instance["Text"] = .string(text) }
    return instance
}

/// `Test_Thing.Name="…"`.
package func path(_ name: String) -> CIMObjectPath {
    CIMObjectPath(className: "Test_Thing", ["Name": .string(name)])
}
