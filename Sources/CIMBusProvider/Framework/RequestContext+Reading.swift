import CIM
import CIMBusWire
import DBus

/// Objects of the broker's messages, typed by their classes.
extension RequestContext {
    /// Reads what the broker answered.
    func read<Value>(
        _ decoder: inout InstanceDecoder, in namespace: CIMNamespaceName, _ body: (inout InstanceDecoder) throws -> Value
    ) async throws(CIMError) -> Value {
        do {
            return try await decoder.read(fetching: { try await layout(of: $0, in: namespace, refreshing: $1) }, body)
        } catch {
            throw Self.failure(reading: error)
        }
    }

    /// A failure to read the broker's answer. Bytes that do not mean what the contract says are the broker's fault.
    static func failure(reading error: any Error) -> CIMError {
        switch error {
        case let error as CIMError: error
        case let fault as ObjectFault: CIMError(thrown: fault)
        default: CIMError(.transportFailure, "the broker's answer cannot be read: \(error)")
        }
    }

    /// An object that the broker sent, with the types that its class declares. The broker has checked the object against the class as it is
    /// now. Where the object does not fit the class as it was learnt, the class is asked for again, once. Where the broker does not know
    /// the class (any more), the types are those of the wire. Throws the failure to get the class, ``ObjectFault``, and what decoding
    /// throws.
    /// - Parameter part: the part of the class that declares the object; nil when nothing declares it.
    func readObject(
        _ start: BodyReader, of className: String, in namespace: CIMNamespaceName, as part: (ObjectLayout) -> ObjectLayout? = { $0 }
    ) async throws -> CIMInstance {
        for isRefreshing in [false, true] {
            guard let known = try await knownLayout(of: className, in: namespace, refreshing: isRefreshing) else { break }
            guard let layout = part(known) else { continue }
            var reader = start
            do {
                let instance = try reader.readInstance(layout)
                if isRefreshing || instance.properties.allSatisfy({ layout.slot(named: $0.name) != nil }) { return instance }
            } catch {
                if isRefreshing { throw error }
            }
        }
        var reader = start
        return try reader.readInstance()
    }

    /// Nil when the broker does not know the class.
    private func knownLayout(of name: String, in namespace: CIMNamespaceName, refreshing: Bool) async throws(CIMError) -> ObjectLayout? {
        let result: Result<ObjectLayout, CIMError>
        do throws(CIMError) {
            result = .success(try await layout(of: name, in: namespace, refreshing: refreshing))
        } catch {
            result = .failure(error)
        }
        if case .failure(let error) = result, error.status == .notFound || error.status == .invalidClass { return nil }
        return try result.get()
    }

    /// The layout of a class. The broker is asked once for each class, with the context of the call (R117). The broker answers from its
    /// repository and asks no provider, so the method keeps its place.
    func layout(of name: String, in namespace: CIMNamespaceName, refreshing: Bool = false) async throws(CIMError) -> ObjectLayout {
        guard call.host.broker != nil else { throw CIMError(.transportFailure, "the broker is gone") }
        return try await call.host.classes.layout(of: name, in: namespace, refreshing: refreshing) { () throws(CIMError) in
            let reply = try await askServices("GetObject", [.string(name), .int32(0), forwardedContext], in: namespace)
            do {
                var reader = reply.reader
                return try reader.readClass()
            } catch {
                throw CIMError(.transportFailure, "class \(name) cannot be read: \(error)")
            }
        }
    }
}
