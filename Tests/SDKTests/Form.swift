import CIM
import CIMBusClient
import CIMBusTestKit

/// The forms of a client's operation (DESIGN section 3).
enum Form: CaseIterable, Sendable {
    /// The call's reply is the result; an enumeration is a sequence.
    case sync
    /// `begin…`; an enumeration with callbacks.
    case async
    /// `open…`, and pull.
    case semisync
}

/// What came of an enumeration: its objects, and how it ended; nil is success.
struct Enumerated: Sendable {
    var instances: [CIMInstance] = []
    var error: CIMError?

    var numbers: [Int] { instances.map { Int($0["Number"]?.int64Value ?? -1) } }
}

/// Runs something of the SDK that ends soon.
func soon<Value: Sendable>(_ awaited: String = "the result", _ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await withDeadline(.seconds(15), awaited, body)
}

extension Session {
    func enumerate(_ className: String, _ form: Form, options: OperationOptions = .init()) async throws -> Enumerated {
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

    func get(_ path: CIMObjectPath, _ form: Form, options: OperationOptions = .init()) async throws -> CIMInstance {
        try await soon("an instance") { [self] in
            switch form {
            case .sync: try await getInstance(path, options: options)
            case .async: try await beginGetInstance(path, options: options).value
            case .semisync: try await pulled(from: openGetInstance(path, options: options))
            }
        }
    }

    func put(_ instance: CIMInstance, _ form: Form, options: OperationOptions = .init()) async throws -> CIMObjectPath {
        try await soon("the path") { [self] in
            switch form {
            case .sync: try await putInstance(instance, options: options)
            case .async: try await beginPutInstance(instance, options: options).value
            case .semisync: try await pulled(from: openPutInstance(instance, options: options))
            }
        }
    }

    func delete(_ path: CIMObjectPath, _ form: Form) async throws {
        try await soon("the end of a delete") { [self] in
            switch form {
            case .sync: try await deleteInstance(path)
            case .async: try await beginDeleteInstance(path).value
            case .semisync: try await pulled(from: openDeleteInstance(path))
            }
        }
    }

    func call(
        _ path: CIMObjectPath, _ method: String, _ parameters: [String: CIMValue], _ form: Form, options: OperationOptions = .init()
    ) async throws -> MethodResult {
        try await soon("the method's result") { [self] in
            switch form {
            case .sync: try await invoke(path, method, parameters: parameters, options: options)
            case .async: try await beginInvoke(path, method, parameters: parameters, options: options).value
            case .semisync: try await pulled(from: openInvoke(path, method, parameters: parameters, options: options))
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
