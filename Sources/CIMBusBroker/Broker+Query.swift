import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import CIMRepository

/// What one source is asked for a data query.
struct QueryShare: Sendable {
    let source: InstanceSource
    let step: QueryPlan.Step
}

extension QueryShare {
    /// In which ways the source may be asked, the best first.
    private var requests: [QueryPlan.Request] { [step.request] + step.fallbacks }

    /// A source as the core joins it: one is asked in another way while it says that it cannot do this one (Semantics I.7). An object that is
    /// not there is no failure of a query.
    var part: FanOut.Part {
        FanOut.Part(requests.map { request in if case .get = request { [.excusesNotFound, .isSilent] } else { [] } })
    }

    func request(_ way: Int) -> QueryPlan.Request { requests[way] }

    /// Whether it is asked for one object, which nobody has filtered.
    func isLookUp(_ way: Int) -> Bool { if case .get = requests[way] { true } else { false } }
}

/// A data query over a hierarchy whose providers complete each other. Objects are filtered when they are complete.
struct MergingQuery: Sendable {
    enum Way: Sendable {
        /// The first of these objects that is there.
        case lookUp([CIMObjectPath])
        case enumerate
    }

    let hierarchy: ClassHierarchy
    /// Who cannot do one thing may be able to do another: get, enumerate, or get after all where that is not sure to give everything.
    let ways: [Way]

    /// - Parameter lookups: paths at one of which the object is, the most derived class first; none where that is not sure.
    /// - Parameter lastResort: those to look at where nobody can enumerate.
    init(_ hierarchy: ClassHierarchy, lookups: [CIMObjectPath], lastResort: [CIMObjectPath]) {
        self.hierarchy = hierarchy
        ways = (lookups.isEmpty ? [] : [.lookUp(lookups)]) + [.enumerate] + (lastResort.isEmpty ? [] : [.lookUp(lastResort)])
    }
}

/// Queries whose sources the broker asks itself (Semantics I).
extension Broker {
    func ask(_ share: QueryShare, _ index: Int, of whole: OperationID) throws(CIMError) {
        let filter = records[whole]?.filter
        switch (share.source, share.request(way(of: index, of: whole))) {
        case (.failure(let outcome, _), _): throw Self.failure(outcome)
        case (.stored, .get(let path)): try openPages(.instance(path), index, of: whole)
        case (.provider(let registration, let layout), .get(let path)):
            try openPart(of: whole, index: index, .getObject, .provider(registration)) { part in
                part.path = path.relativePath
                part.subject = part.path.clipped()
                part.expectation = .instances(of: layout)
            }
        case (.provider(let registration, let layout), .query(let query)):
            try openPart(of: whole, index: index, .execQuery, .provider(registration)) { part in
                part.path = query.description
                part.subject = query.description.clipped()
                part.expectation = .instances(of: layout)
                part.filter = filter
                part.filter?.isExact = share.step.isExact
                part.filter?.isActive = !share.step.isExact
            }
        case (.stored, _), (.provider, .enumerate): try ask(share.source, for: filter, index, of: whole)
        case (.provider, .notCapable): throw share.step.source.isNotCapable
        }
    }

    func ask(_ query: MergingQuery, _ index: Int, of whole: OperationID) throws(CIMError) {
        let expectation = records[whole]?.expectation
        let (kind, work): (Request.Kind, Work) =
            switch query.ways[way(of: index, of: whole)] {
            case .lookUp(let paths): (.getObject, .lookUp(paths))
            case .enumerate: (.createInstanceEnum, .enumerateMerging(query.hierarchy, onlyClass: nil))
            }
        try openPart(of: whole, index: index, kind, work) { part in part.expectation = expectation }
    }
}

extension QuerySource {
    /// Why nobody can ask its provider for its instances.
    var isNotCapable: CIMError {
        CIMError(
            .providerNotCapable,
            "provider \(provider ?? "") can neither enumerate nor query \(declaration.name), says its registration")
    }
}
