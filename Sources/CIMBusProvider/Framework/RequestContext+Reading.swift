import CIM
import CIMBusWire
import DBus

/// Objects of the broker's answers, typed by their classes.
extension RequestContext {
    /// Reads with whatever classes it takes, each asked for once; a class that an object did not fit is asked for anew, once.
    func read<Value>(
        _ nested: inout InstanceDecoder, in namespace: CIMNamespaceName, _ body: (inout InstanceDecoder) throws -> Value
    ) async throws(CIMError) -> Value {
        var refreshed: Set<CIMName> = []
        while true {
            let need: InstanceDecoder.Need
            do {
                return try body(&nested)
            } catch let error as InstanceDecoder.Need {
                need = error
            } catch {
                throw CIMError(.transportFailure, "the broker's answer cannot be read: \(error)")
            }
            switch need {
            case .layout(let name): nested.learn(try await layout(of: name, in: namespace), of: name)
            case .newerLayout(let name, let fault):
                guard refreshed.insert(CIMName(name)).inserted else { throw CIMError(thrown: fault) }
                nested.learn(try await layout(of: name, in: namespace, refreshing: true), of: name)
            }
        }
    }

    /// The layout of a class; the broker is asked once for each, with the context of the call (R117).
    func layout(of name: String, in namespace: CIMNamespaceName, refreshing: Bool = false) async throws(CIMError) -> ObjectLayout {
        guard let schema = call.host.schema() else { throw CIMError(.transportFailure, "the broker is gone") }
        if !refreshing, let layout = schema.known(name, in: namespace) { return layout }
        var reader = try await self.call("GetObject", [.string(name), .int32(0), forwardedContext], in: namespace).reader
        do {
            return schema.keep(try reader.readClass(), named: name, in: namespace)
        } catch {
            throw CIMError(.transportFailure, "class \(name) cannot be read: \(error)")
        }
    }
}
