import CIM
import CIMBusWire
import CIMQuery
import Synchronization

/// A data query that was read and checked against its class. The same text means the same for as long as the schema does not change.
final class PreparedQuery: Sendable {
    let checked: DataQuery
    /// Of the class behind FROM.
    let layout: ObjectLayout
    /// The properties that it lists; nil: all.
    let kept: KeptNames?
    private let last = Mutex<(sources: [QuerySource], plan: QueryPlan)?>(nil)

    init(_ checked: DataQuery, _ layout: ObjectLayout) {
        self.checked = checked
        self.layout = layout
        kept = checked.projection.kept.map { KeptNames($0) }
    }

    /// Who is asked for what. Providers come and go: the plan is kept for those who have the class now.
    func plan(over sources: [QuerySource]) -> QueryPlan {
        last.withLock { last in
            if let last, last.sources == sources { return last.plan }
            let plan = QueryPlan(checked, sources: sources)
            last = (sources, plan)
            return plan
        }
    }
}
