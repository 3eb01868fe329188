import CIM
import CIMBusClient
import CIMBusProvider
import Synchronization
import WireTestKit

/// A stage on which a test asks what a provider asks while it serves a call, and providers that may be asked.
package struct FrameworkStage: Sendable {
    package let stage: Stage
    private let asked: Asked

    fileprivate final class Asked: Sendable {
        let body = Mutex<(@Sendable (MethodContext) async -> Void)?>(nil)
    }

    /// - Parameter provider: serves `Test_Thing`, whose single instances are the test's own.
    package static func start(_ provider: ThingProvider = ThingProvider(), options: ProviderService.Options = .init()) async throws
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
    package func serving<Value: Sendable>(
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

    package func start(_ provider: any Provider, _ parts: Parts, in namespace: CIMNamespaceName = .cimv2) async throws -> RunningService {
        try await RunningService.start(
            provider, named: parts.registration, mof: parts.mof, classes: parts.classes, in: namespace, on: stage.bus)
    }
}
