import CIM
import CIMBusWire
import DBus

extension Session {
    /// The instances that a WQL query selects (ExecQuery; Semantics I). Instances of a projection hold what was selected; their path is known
    /// where the keys were.
    ///
    /// The sequence throws InvalidQuery for a text that is none, and for one that gives classes: see
    /// ``execQueryForObjects(_:options:)``; InvalidClass when there is no such class.
    public func execQuery(_ query: String, options: OperationOptions = OperationOptions()) -> InstanceSequence {
        InstanceSequence(Operation(start(.execQuery(query, options))), .queried(self))
    }

    /// What a WQL query gives, whatever it is: instances, or, for a schema query (`SELECT * FROM meta_class`), classes.
    public func execQueryForObjects(_ query: String, options: OperationOptions = OperationOptions()) -> ObjectSequence {
        ObjectSequence(Operation(start(.execQuery(query, options))), .objects(self))
    }

    /// What the broker would do for a query: which provider is asked for what, and what is filtered where. Nothing is done.
    /// Throws as ``execQuery(_:options:)`` does.
    public func explain(_ query: String, options: OperationOptions = OperationOptions()) async throws(CIMError) -> [String] {
        var options = options
        options.context[ContextKey.explain] = .boolean(true)
        let reply = try await call(.execQuery(query, options))
        guard reply.hasSignature("aa{sv}") else { throw .unexpected(reply, to: "ExecQuery") }
        do {
            var reader = reply.reader
            // Its class is in no namespace.
            let plan = try reader.readInstances().first { CIMName.equal($0.className, "CIMBus_QueryPlan") }
            switch plan?["Lines"] {
            case .string(let text): return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            case let lines?: return lines.stringArrayValue ?? []
            case nil: throw CIMError(.notSupported, "the broker does not explain queries; is it another version?")
            }
        } catch {
            throw CIMError(undecodable: error, what: "the plan")
        }
    }
}
