import CIM
import CIMBusClient
import WireTestKit

/// The forms of a client's operation (Design 3).
package enum Form: CaseIterable, Sendable {
    /// The call's reply is the result; an enumeration is a sequence.
    case sync
    /// `begin…`; an enumeration with callbacks.
    case async
    /// `open…`, and pull.
    case semisync
}

/// What came of an enumeration: its objects, and how it ended; nil is success.
package struct Enumerated: Sendable {
    package var instances: [CIMInstance] = []
    package var error: CIMError?

    package init() {}

    package var numbers: [Int] { instances.map { Int($0["Number"]?.int64Value ?? -1) } }
}

/// Runs something of the SDK that ends soon.
package func soon<Value: Sendable>(_ awaited: String = "the result", _ body: @escaping @Sendable () async throws -> Value) async throws
    -> Value
{
    try await withDeadline(.seconds(15), awaited, body)
}

/// The status that something of the SDK fails with; nil where it succeeds.
package func failure<Value: Sendable>(_ awaited: String, _ body: @escaping @Sendable () async throws -> Value) async -> WBEMStatus? {
    do {
        _ = try await soon(awaited, body)
        return nil
    } catch {
        return (error as? CIMError)?.status
    }
}

/// The rest of a sequence.
package func collect(_ sequence: InstanceSequence) async throws -> Enumerated {
    try await soon("the end of a sequence") {
        var result = Enumerated()
        do throws(CIMError) {
            for try await instance in sequence { result.instances.append(instance) }
        } catch {
            result.error = error
        }
        return result
    }
}

/// Waits until this task is cancelled.
package func untilCancelled() async {
    let (stream, continuation) = AsyncStream<Void>.makeStream()
    for await _ in stream {}
    continuation.finish()
}

/// The names of instances, in order.
package func names(_ instances: [CIMInstance]) -> [String] { instances.compactMap { $0["Name"]?.stringValue }.sorted() }

extension Session {
    package func enumerate(_ className: String, _ form: Form, options: OperationOptions = .init()) async throws -> Enumerated {
        try await soon("the end of an enumeration") { [self] in
            var result = Enumerated()
            do {
                switch form {
                case .sync:
                    for try await instance in enumerateInstances(of: className, options: options) { result.instances.append(instance) }
                case .async:
                    let instances = Recorder<CIMInstance>()
                    let end = Event<Result<Void, CIMError>>("the completion")
                    enumerateInstances(of: className, options: options, onInstance: { instances.record($0) }, completion: { end.send($0) })
                    let ending = try await end.value(within: .seconds(15))
                    result.instances = instances.all
                    try ending.get()
                case .semisync:
                    let enumerator = try await openEnumerator(of: className, options: options)
                    while true {
                        let pulled = try await enumerator.next(100)
                        result.instances += pulled.instances
                        if pulled.isAtEnd { break }
                    }
                }
            } catch let error as CIMError {
                result.error = error
            }
            return result
        }
    }

    package func get(_ path: CIMObjectPath, _ form: Form, options: OperationOptions = .init()) async throws -> CIMInstance {
        try await soon("an instance") { [self] in
            switch form {
            case .sync: try await getInstance(at: path, options: options)
            case .async: try await beginGetInstance(at: path, options: options).value
            case .semisync: try await pulled(from: openGetInstance(at: path, options: options))
            }
        }
    }

    package func put(_ instance: CIMInstance, _ form: Form, options: OperationOptions = .init()) async throws -> CIMObjectPath {
        try await soon("the path") { [self] in
            switch form {
            case .sync: try await putInstance(instance, options: options)
            case .async: try await beginPutInstance(instance, options: options).value
            case .semisync: try await pulled(from: openPutInstance(instance, options: options))
            }
        }
    }

    package func delete(_ path: CIMObjectPath, _ form: Form) async throws {
        try await soon("the end of a delete") { [self] in
            switch form {
            case .sync: try await deleteInstance(at: path)
            case .async: try await beginDeleteInstance(at: path).value
            case .semisync: try await pulled(from: openDeleteInstance(at: path))
            }
        }
    }

    package func call(
        _ path: CIMObjectPath, _ method: String, _ parameters: [String: CIMValue], _ form: Form, options: OperationOptions = .init()
    ) async throws -> MethodResult {
        try await soon("the method's result") { [self] in
            switch form {
            case .sync: try await invoke(method, at: path, parameters: parameters, options: options)
            case .async: try await beginInvoke(method, at: path, parameters: parameters, options: options).value
            case .semisync: try await pulled(from: openInvoke(method, at: path, parameters: parameters, options: options))
            }
        }
    }

    private func pulled<Value: Sendable>(from result: CallResult<Value>) async throws -> Value {
        while true {
            guard let value = try await result.value(timeout: .seconds(1)) else { continue }
            await result.close()
            return value
        }
    }
}
