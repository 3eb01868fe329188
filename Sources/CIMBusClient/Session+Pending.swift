import CIM
import CIMBusWire
import DBus

/// The async forms. Each function returns a handle at once. The handle can cancel the operation. ``PendingResult/value`` throws every
/// failure, also a failure of the call itself. Progress comes to ``OperationOptions/onProgress``.
extension Session {
    /// As ``getInstance(at:options:)-(CIMObjectPath,_)``, and can be cancelled.
    public func beginGetInstance(at path: CIMObjectPath, options: OperationOptions = OperationOptions()) -> PendingResult<CIMInstance> {
        let sink = start(.getObject(text(of: path), options))
        return PendingResult(Operation(sink)) { [self] in
            await collect(sink) { (objects, _) async throws(CIMError) in
                try Self.check(instancePath: path)
                guard let message = objects.first else { throw CIMError(.transportFailure, "the broker ended GetObject without an object") }
                return try await instance(of: path.className) { decoder in
                    guard let instance = try decoder.readInstances(message).first else {
                        throw CIMError(.transportFailure, "the broker sent an empty batch")
                    }
                    return instance
                }
            }
        }
    }

    /// As ``putInstance(_:options:)``, and can be cancelled. A cancelled operation may have had its effect.
    public func beginPutInstance(_ instance: CIMInstance, options: OperationOptions = OperationOptions()) -> PendingResult<CIMObjectPath> {
        let sink = start(.putInstance(instance, options))
        return PendingResult(Operation(sink)) { [self] in
            await collect(sink) { (_, final) async throws(CIMError) in
                do throws(ObjectPathError) { return try CIMObjectPath(parsing: final.parameter) } catch { throw Self.badPath(error) }
            }
        }
    }

    /// As ``deleteInstance(at:options:)``, and can be cancelled. A cancelled operation may have had its effect.
    public func beginDeleteInstance(at path: CIMObjectPath, options: OperationOptions = OperationOptions()) -> PendingResult<Void> {
        let sink = start(.deleteInstance(text(of: path), options))
        return PendingResult(Operation(sink)) { [self] in await collect(sink) { (_, _) async throws(CIMError) in () } }
    }

    /// As ``invoke(_:at:parameters:options:)``, and can be cancelled. A cancelled operation may have had its effect.
    public func beginInvoke(
        _ method: String, at path: CIMObjectPath, parameters: [String: CIMValue] = [:], options: OperationOptions = OperationOptions()
    ) -> PendingResult<MethodResult> {
        let sink = start(.execMethod(method, at: text(of: path), parameters, options))
        return PendingResult(Operation(sink)) { [self] in
            await collect(sink) { (objects, _) async throws(CIMError) in
                var result: MethodResult?
                if let batch = objects.first { result = try await methodResult(in: batch, of: path.className, method) }
                return result ?? MethodResult(CIMInstance(className: "__PARAMETERS"))
            }
        }
    }

    /// As ``Session/putClass(_:mode:options:)``, and can be cancelled. A cancelled operation may have had its effect.
    public func beginPutClass(
        _ declaration: CIMClass, mode: OperationFlags = [], options: OperationOptions = OperationOptions()
    ) -> PendingResult<Void> {
        changingClasses(start(.putClass(declaration, in: namespace, options, mode)))
    }

    /// As ``Session/deleteClass(_:options:)``, and can be cancelled. A cancelled operation may have had its effect.
    public func beginDeleteClass(_ name: String, options: OperationOptions = OperationOptions()) -> PendingResult<Void> {
        changingClasses(start(.deleteClass(name, options)))
    }

    private func changingClasses(_ sink: ClientSink) -> PendingResult<Void> {
        PendingResult(Operation(sink)) { [self] in
            let result = await collect(sink) { (_, _) async throws(CIMError) in () }
            link.classes.forgetAll()
            return result
        }
    }

    /// Takes everything to the end, then reads the result.
    private func collect<Value: Sendable>(
        _ sink: ClientSink, _ read: (_ objects: [Message], _ final: FinalStatus) async throws(CIMError) -> Value
    ) async -> Result<Value, CIMError> {
        var objects: [Message] = []
        while true {
            switch await sink.take() {
            // One is all a result has; more would be the broker's fault, and are not kept.
            case .batch(let message): if objects.isEmpty { objects.append(message) }
            case .ended(.failure(let error)): return .failure(error)
            case .ended(.success(let final)):
                do throws(CIMError) { return .success(try await read(objects, final)) } catch { return .failure(error) }
            case .nothing: break
            }
        }
    }
}
