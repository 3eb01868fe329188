import CIM
import CIMBusWire
import CIMQuery
import DBus

/// A provider that answers queries itself (Semantics I.7). Any other provider is asked for all instances, and the broker filters them.
public protocol QueryProvider: Provider {
    /// Hands every instance that satisfies the query to `sink`. More instances do no harm, unless ``answersExactly`` is true. Throws
    /// ProviderNotCapable for a query that the provider leaves to the broker.
    ///
    /// - Parameter query: the text of the query. The class behind FROM is one that this provider serves.
    func execQuery(_ query: String, language: String, context: RequestContext, into sink: ObjectSink) async throws

    /// Whether the provider hands over nothing but instances that satisfy the query. The default is false: then the broker filters the
    /// instances (START_POSTFILTER).
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
        guard let select = self.query(query) else {
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

    /// What a text asks. The same few are asked again and again.
    private func query(_ text: String) -> ProviderQuery? {
        if let known = queries.withLock({ $0.value(of: text) }) { return known }
        guard let query = ProviderQuery(text) else { return nil }
        queries.withLock { $0.keep(query, of: text) }
        return query
    }
}
