import CIM
import CIMBusWire
import DBus

/// Answers queries itself (SEMANTICS I.7). A provider that does not is asked for all instances, and the broker chooses among them.
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
        let context = RequestContext(namespace: namespace, flags: try reader.readInt32(), context: try reader.passContext(), call: open)
        guard let className = QueryTarget.className(of: query) else {
            throw CIMError(.invalidQuery, "\"\(query.prefix(200))\" names no class: SELECT … FROM CLASS was expected")
        }
        guard let provider = try provider(className) as? any QueryProvider else {
            throw CIMError(.providerNotCapable, "the provider leaves queries of \(className) to the broker")
        }
        if !provider.answersExactly { open.requirePostFilter() }
        try await provider.execQuery(query, language: language, context: context, into: ObjectSink(call: open))
        return .done
    }
}

/// Whom a query is about. Queries are parsed by the broker; this only finds the class.
enum QueryTarget {
    /// The name behind FROM in `SELECT … FROM CLASS …`; nil when there is none. No text can stand before it, so words are enough.
    static func className(of query: String) -> String? {
        var words = Words(rest: query.utf8[...])
        guard let first = words.next(), CIMName.equal(first.text, "SELECT") else { return nil }
        while let word = words.next() {
            // A property of that name follows SELECT, a comma or a dot.
            if CIMName.equal(word.text, "FROM"), !word.isInList { return words.next()?.text }
        }
        return nil
    }

    private struct Words {
        var rest: Substring.UTF8View
        var isFirstOfList = false

        mutating func next() -> (text: String, isInList: Bool)? {
            var isInList = isFirstOfList
            while let byte = rest.first, !CIMName.isIdentifierByte(byte) {
                if byte == UInt8(ascii: ",") || byte == UInt8(ascii: ".") { isInList = true }
                if byte == UInt8(ascii: "*") { isInList = false }
                rest.removeFirst()
            }
            let word = rest.prefix { CIMName.isIdentifierByte($0) }
            guard !word.isEmpty else { return nil }
            rest.removeFirst(word.count)
            let text = String(Substring(word))
            isFirstOfList = CIMName.equal(text, "SELECT")
            return (text, isInList)
        }
    }
}
