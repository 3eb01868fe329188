import CIM
import CIMBusWire
import CIMQuery
import DBus

/// Answers queries itself (Semantics I.7). A provider that does not is asked for all instances, and the broker chooses among them.
public protocol QueryProvider: Provider {
    /// Hands every instance that satisfies the query to `sink`; more do no harm, unless ``answersExactly``. Throws ProviderNotCapable for a
    /// query that it leaves to the broker.
    ///
    /// - Parameter query: its text. The class behind FROM is one that this provider serves.
    func execQuery(_ query: String, language: String, context: RequestContext, into sink: ObjectSink) async throws

    /// Whether it hands over what satisfies the query and nothing else. While it is false, the default, the broker looks at each instance
    /// (START_POSTFILTER).
    var answersExactly: Bool { get }
}

extension QueryProvider {
    public var answersExactly: Bool { false }
}

extension ProviderHost {
    /// `ExecQueryAsync`: a query goes to whoever serves the class behind its FROM.
    func execQuery(_ reader: inout BodyReader, _ namespace: CIMNamespaceName, _ open: OpenCall) async throws -> OpenCall.Outcome {
        let language = try reader.readString()
        let query = try reader.readString()
        guard let select = ProviderQuery(query) else {
            throw CIMError(.invalidQuery, "\"\(query.prefix(200))\" names no class: SELECT … FROM CLASS was expected")
        }
        var context = RequestContext(namespace: namespace, flags: try reader.readInt32(), context: try reader.passContext(), call: open)
        context.query = select
        guard let provider = try provider(select.className.text) as? any QueryProvider else {
            throw CIMError(.providerNotCapable, "the provider leaves queries of \(select.className) to the broker")
        }
        if !provider.answersExactly { open.requirePostFilter() }
        try await provider.execQuery(query, language: language, context: context, into: ObjectSink(call: open))
        return .done
    }
}
