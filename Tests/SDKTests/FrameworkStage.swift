import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusTestKit
import CIMBusWire
import Synchronization

/// A stage on which a test asks what a provider asks while it serves a call, and providers that may be asked.
struct FrameworkStage: Sendable {
    let stage: Stage
    private let asked: Asked

    fileprivate final class Asked: Sendable {
        let body = Mutex<(@Sendable (MethodContext) async -> Void)?>(nil)
    }

    /// - Parameter provider: serves `Test_Thing`, whose single instances are the test's own.
    static func start(_ provider: ThingProvider = ThingProvider(), options: ProviderService.Options = .init()) async throws
        -> FrameworkStage
    {
        let asked = Asked()
        var provider = provider
        provider.get = { _, context in
            await asked.body.withLock { $0 }?(context)
            return thing(0)
        }
        return FrameworkStage(stage: try await Stage.start(provider, options: options), asked)
    }

    private init(stage: Stage, _ asked: Asked) {
        self.stage = stage
        self.asked = asked
    }

    /// Runs `body` in a provider that is serving a call; throws what it throws.
    func serving<Value: Sendable>(
        options: OperationOptions = .init(), _ body: @escaping @Sendable (MethodContext) async throws -> Value
    ) async throws -> Value {
        let result = Event<Result<Value, any Error>>("what the provider asked for")
        asked.body.withLock {
            $0 = { context in
                do { result.send(.success(try await body(context))) } catch { result.send(.failure(error)) }
            }
        }
        _ = try await stage.session.get(path("n0"), .async, options: options)
        return try await result.value().get()
    }

    func start(_ provider: any Provider, _ parts: Parts, in namespace: CIMNamespaceName = .cimv2) async throws -> RunningService {
        try await RunningService.start(
            provider, named: parts.registration, mof: parts.mof, classes: parts.classes, in: namespace, on: stage.bus)
    }
}

/// Classes of another provider.
struct Parts: Sendable {
    var registration: String
    var mof: String
    var classes: [String]

    /// A class and one below it, with every type that the wire does not tell.
    static let parts = Parts(
        registration: "Parts",
        mof: """
            [dynamic, provider("Parts")]
            class Test_Part
            {
                [key, read] string Name;
                [read] uint32 Number;
                [read] sint8 Small;
                [read] datetime Since;
                [read] string Colour = "red";
                [read] string Text;
            };

            [dynamic, provider("Parts")]
            class Test_SpecialPart : Test_Part
            {
                [read] uint8 Level;
            };
            """, classes: ["Test_Part", "Test_SpecialPart"])

    /// What stands between a thing and its parts.
    static let middle = Parts(
        registration: "Middles",
        mof: """
            [dynamic, provider("Middles")]
            class Test_Middle { [key, read] string Name; [read] uint32 Number; [read] string Text; };
            """, classes: ["Test_Middle"])

    /// The same, of a provider that takes queries.
    static let queriedMiddle = Parts(
        registration: middle.registration,
        mof: middle.mof + """
            instance of MSFT_DecoupledProvider as $P { Name = "Middles"; HostingModel = "Decoupled:DBus"; };
            instance of __InstanceProviderRegistration {
                provider = $P; SupportsGet = TRUE; SupportsEnumeration = TRUE; QuerySupportLevels = { "WQL:UnarySelect" };
            };
            """, classes: middle.classes)
}

/// Looks at the broker's operations, as another process of this user does.
struct Witness: Sendable {
    private let client: RawClient

    init(on bus: PrivateBus) async throws { client = try await RawClient.connect(to: bus) }

    /// The numbers of the operations that a call is nested in, from the inside out: those that the broker made in between, too.
    func ancestors(of context: RequestContext) async throws -> [UInt64] {
        var ancestors: [UInt64] = []
        var number = context.operationID
        while let inner = number {
            let parent = try await client.property(Contract.path(ofOperation: inner), Contract.operation, "Parent")
            number = Contract.number(in: parent.text ?? "", below: Contract.operationsPath)
            if let number { ancestors.append(number) }
        }
        return ancestors
    }
}

func part(_ number: Int, class className: String = "Test_Part", text: String? = nil) -> CIMInstance {
    var instance = CIMInstance(className: className, ["Name": .string("p\(number)"), "Number": .uint32(UInt32(clamping: number))])
    if let text { instance["Text"] = .string(text) }
    return instance
}

func partPath(_ number: Int) -> CIMObjectPath {
    CIMObjectPath(className: "Test_Part", keys: .keys([CIMObjectPath.Key(name: "Name", value: .string("p\(number)"))]))
}

func number(of instance: CIMInstance) -> Int { Int(instance["Number"]?.int64Value ?? -1) }
