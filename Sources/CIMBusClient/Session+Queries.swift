import CIM
import CIMBusWire
import DBus

extension Session {
    /// The instances that a WQL query selects (ExecQuery; Semantics I). Where the query lists properties, the instances have only these; an
    /// instance has a path when its keys are among them.
    ///
    /// The sequence throws InvalidQuery for a text that is no query, and for a query that gives classes (see
    /// ``execQueryForObjects(_:options:)``). It throws InvalidClass when there is no such class.
    public func execQuery(_ query: String, options: OperationOptions = OperationOptions()) -> InstanceSequence {
        InstanceSequence(Operation(start(.execQuery(query, options))), .queried(self))
    }

    /// The results of any WQL query. A schema query (`SELECT * FROM meta_class`) gives classes, every other query gives instances.
    public func execQueryForObjects(_ query: String, options: OperationOptions = OperationOptions()) -> ObjectSequence {
        ObjectSequence(Operation(start(.execQuery(query, options))), .objects(self))
    }

    /// What the broker would do for a query: which provider it would ask for what, and what it would filter itself. Nobody is asked. Throws
    /// as ``execQuery(_:options:)`` does.
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
