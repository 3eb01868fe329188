import CIM
import DBus

extension Session {
    /// Enumerates with callbacks (MI's `instanceResult`, SEMANTICS F.5; R32): one call per instance with `moreResults` true, then exactly one
    /// without an instance, with `moreResults` false and the error, if any.
    ///
    /// The callbacks come one after the other, from no particular thread. A slow one slows the provider down.
    @discardableResult
    public func enumerateInstances(
        of className: String, options: OperationOptions = OperationOptions(),
        instanceResult: @escaping @Sendable (_ instance: CIMInstance?, _ moreResults: Bool, _ error: CIMError?) -> Void
    ) -> Operation {
        enumerateInstances(of: className, options: options) {
            instanceResult($0, true, nil)
        } completion: { result in
            if case .failure(let error) = result { instanceResult(nil, false, error) } else { instanceResult(nil, false, nil) }
        }
    }

    /// Enumerates with callbacks: `onInstance` for each, then `completion` exactly once.
    @discardableResult
    public func enumerateInstances(
        of className: String, options: OperationOptions = OperationOptions(), onInstance: @escaping @Sendable (CIMInstance) -> Void,
        completion: @escaping @Sendable (Result<Void, CIMError>) -> Void
    ) -> Operation {
        let sequence = enumerateInstances(of: className, options: options)
        let operation = sequence.operation
        Task {
            do throws(CIMError) {
                for try await batch in sequence.batches {
                    for instance in batch {
                        // The client may cancel from within a callback.
                        if operation.isCancelled { break }
                        onInstance(instance)
                    }
                }
                completion(.success(()))
            } catch {
                completion(.failure(error))
            }
        }
        return operation
    }
}
