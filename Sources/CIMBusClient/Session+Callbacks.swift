import CIM
import DBus

extension Session {
    /// Enumerates with a callback (MI's `instanceResult`, Semantics F.5; R32). The callback is called once for each instance, with
    /// `moreResults` true. Then it is called exactly once without an instance, with `moreResults` false and with the error, if there is
    /// one.
    ///
    /// The calls come one after the other, from no particular thread. A slow callback slows the provider down.
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
        Self.deliver(enumerateInstances(of: className, options: options), onInstance, completion)
    }

    /// Queries with callbacks: `onInstance` for each, then `completion` exactly once.
    @discardableResult
    public func execQuery(
        _ query: String, options: OperationOptions = OperationOptions(), onInstance: @escaping @Sendable (CIMInstance) -> Void,
        completion: @escaping @Sendable (Result<Void, CIMError>) -> Void
    ) -> Operation {
        Self.deliver(execQuery(query, options: options), onInstance, completion)
    }

    private static func deliver<Element: Sendable>(
        _ sequence: ResultSequence<Element>, _ onElement: @escaping @Sendable (Element) -> Void,
        _ completion: @escaping @Sendable (Result<Void, CIMError>) -> Void
    ) -> Operation {
        let operation = sequence.operation
        Task {
            do throws(CIMError) {
                for try await batch in sequence.batches {
                    for element in batch {
                        // The client may cancel from within a callback.
                        if operation.isCancelled { break }
                        onElement(element)
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
