import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery

/// Subscriptions, from their text to what is delivered (Semantics I.5, J.2).
extension Resolver {
    /// Reads and checks an event query. What is wrong with its text is thrown, with the place; a class that is not there belongs in the sink
    /// (A.5).
    func subscription(_ arguments: ServicesCall) throws(CIMError) -> Resolution {
        let namespace = arguments.namespace
        do throws(QueryError) {
            guard case .select(let select) = try WQLQuery(parsing: arguments.query) else {
                throw QueryError(.invalidQuery, "expected SELECT … FROM an event class", at: QueryPlace(line: 1, column: 1))
            }
            let name = select.className.text
            do throws(CIMError) { try check(.subscribe, name, in: namespace, .execNotificationQuery) } catch { return .refused(error) }
            guard let declaration = snapshot.declaration(name, in: namespace) else { return noClass(name, arguments) }
            let (location, classes) = snapshot.surroundings(of: namespace)
            let query = try EventQuery(select, checkedAgainst: declaration, location: location, classes: classes)
            let sources = EventPlan(query, in: namespace, over: snapshot)
            if arguments.explains { return explanation(sources.lines, namespace) }
            try sources.checkPolling()
            return .subscribed(query, Question(subject: arguments.query.clipped()))
        } catch {
            throw CIMError(error.status, "ExecNotificationQuery: \(error.description)")
        }
    }
}

extension EventQuery {
    /// What the core has to know of it.
    var terms: Subscription.Terms {
        let kind = EventKind(declaration)
        let seconds = query.grouping?.seconds
        return .init(
            window: seconds.map { .seconds(Microseconds($0)) },
            isOfProviders: kind == .extrinsic && !CIMName.equal(declaration.name, "__ExtrinsicEvent"))
    }
}
