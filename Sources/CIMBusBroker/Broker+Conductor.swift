import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// What the broker does itself for an operation that it conducts, or for a part of one.
enum Work: Sendable {
    /// Changes what is stored: all or nothing.
    case commit([RepositoryChange])
    /// A method of what the broker itself has.
    case administer(CIMObjectPath, method: String)
    /// Objects that the broker itself has, batch by batch.
    case pages(Pages)

    // The core joins what the parts of all others say.

    /// The instances that these have, all at once.
    case enumerate([InstanceSource])
    /// The instances of a hierarchy whose providers complete each other; of one class alone, if it is named.
    case enumerateMerging(ClassHierarchy, onlyClass: String?)
    /// A data query: what each source is asked.
    case query([QueryShare])
    /// A data query over a hierarchy whose providers complete each other.
    case queryMerging(MergingQuery)
    /// The first of the objects at these paths that is there.
    case lookUp([CIMObjectPath])
    /// The associations of an object, or what is at their other ends.
    case associations(AssociationSearch)
    /// Of an association query: all sources.
    case associationSources(AssociationSearch)
    /// Of an association query: one source, asked in one way.
    case associationSource(AssociationSearch, Int, way: Int)
    /// Of an association query: the objects at the other ends.
    case endpoints(AssociationSearch, [CIMObjectPath])
    case get(CIMObjectPath, ClassHierarchy)
    case put(CIMInstance, ClassHierarchy)
    case delete(CIMObjectPath, ClassHierarchy)
    /// A method of the instance's real class.
    case invoke(CIMObjectPath, ClassHierarchy)
}

/// Conducted operations: the broker asks in parts, and hands on what comes of it.
///
/// Whom to ask, what to do next, and how the whole ends, the core's joins say (``Join``). The broker prepares what each part is asked for, keeps
/// the bytes that parts hand out, and says how each part ended in the words of the whole. Nothing here waits but for the repository.
extension Broker {
    func conduct(_ id: OperationID) {
        guard let work = records[id]?.work else { return tell { $0.conducted(id, .stated(.failed, "there is nothing to conduct")) } }
        switch work {
        case .pages: turnPage(of: id)
        case .commit(let changes): carryOut(id) { broker throws(CIMError) in try await broker.commit(changes, of: id) }
        case .administer(let path, let method):
            carryOut(id) { broker throws(CIMError) in
                try broker.administer(path, method, for: id)
                return ""
            }
        case .enumerate, .enumerateMerging, .query, .queryMerging, .lookUp, .associations, .associationSources, .associationSource,
            .endpoints, .get, .put, .delete, .invoke:
            let join = join(work, of: id)
            tell { $0.conduct(id, by: join) }
        }
    }

    /// Does what takes its time, on the loop. `body` returns the status's parameter.
    private func carryOut(_ id: OperationID, _ body: @escaping @Sendable (isolated Broker) async throws(CIMError) -> String) {
        Task(executorPreference: loop) { [self] in await self.run(id, body) }
    }

    private func run(_ id: OperationID, _ body: @Sendable (isolated Broker) async throws(CIMError) -> String) async {
        do throws(CIMError) {
            let parameter = try await body(self)
            tell { $0.conducted(id, Outcome(.noError, parameter: parameter)) }
        } catch {
            end(id, error)
        }
    }

    /// A conducted operation ends with a failure of the broker's own.
    func end(_ id: OperationID, _ error: CIMError) {
        let outcome = outcome(of: error)
        tell { $0.conducted(id, outcome) }
    }

    private func outcome(of error: CIMError) -> Outcome {
        error.extendedStatus == nil ? .stated(error.status, error.message) : Outcome(error.status, object: keepStatus(error))
    }

    static func isOver(_ id: OperationID) -> CIMError { CIMError(.callCancelled, "operation \(id.number) has ended") }

    /// How what the parts say becomes what the whole says.
    private func join(_ work: Work, of id: OperationID) -> Join {
        switch work {
        case .put(_, let hierarchy): .put(PutJoin(count: hierarchy.served.count))
        case .delete(let path, let hierarchy): .delete(deletion(of: path, hierarchy, by: id))
        case .get(let path, let hierarchy): .get(Self.lines(of: path, hierarchy).join)
        case .invoke(let path, let hierarchy): .get(candidates(for: path, hierarchy, of: id))
        case .lookUp(let paths):
            .get(GetJoin(lines: paths.map { _ in 1 }, search: .untilFound, speaks: false, otherwise: Outcome(.noError)))
        case .enumerate(let sources): .fanOut(FanOut(sources.count))
        case .enumerateMerging(let hierarchy, _): .fanOut(beginMerge(of: hierarchy, for: id))
        case .query(let shares): .fanOut(FanOut(shares.map(\.part)))
        case .queryMerging(let query): .fanOut(FanOut([FanOut.Part(query.ways.map { _ in [] })]))
        case .associations(let search): .fanOut(search.join)
        case .associationSources(let search): .fanOut(search.joinOfSources)
        case .associationSource: .fanOut(FanOut(1))
        // One that is gone is left out.
        case .endpoints(_, let paths): .fanOut(FanOut(paths.count, [.excusesNotFound, .isSilent], width: AssociationSearch.openObjects))
        case .commit, .administer, .pages: .fanOut(FanOut(0))
        }
    }

    // MARK: - Parts

    /// Opens a part of a conducted operation, whose record `configure` completes.
    ///
    /// - Parameter index: which of those that the whole's join asked; nil: none of them, but one that follows from another's objects.
    /// - Throws: CallCancelled when the whole has ended.
    func openPart(
        of whole: OperationID, index: Int?, _ kind: Request.Kind, _ target: Request.Target, _ configure: (OperationRecord) -> Void
    ) throws(CIMError) {
        guard let record = records[whole] else { throw Self.isOver(whole) }
        let part = OperationRecord(
            kind: kind, namespace: record.namespace, client: record.client, caller: record.caller, form: .part, flags: record.flags)
        part.subject = record.subject
        part.isInteractive = record.isInteractive
        part.context = record.context
        part.localized = record.localized
        part.derivedSystemProperties = record.writesSystemProperties
        if case .provider(let registration) = target { part.registration = registration }
        part.joined = (whole, index)
        configure(part)
        do throws(Refusal) {
            try tell { core throws(Refusal) in
                try core.beginPart(of: whole, index: index, kind: kind, target: target, inputBytes: part.input.byteCount)
            } answering: { id in
                records[id] = part
            }
        } catch {
            throw CIMError(error.status, error.message)
        }
    }

    /// Opens a part that the broker conducts itself.
    func openPart(
        of whole: OperationID, index: Int?, _ kind: Request.Kind, _ work: Work, _ configure: (OperationRecord) -> Void = { _ in }
    ) throws(CIMError) {
        try openPart(of: whole, index: index, kind, Request.Target.conducted) { part in
            part.work = work
            configure(part)
        }
    }

    /// The core wants a part asked.
    func ask(_ whole: OperationID, _ index: Int) {
        do throws(CIMError) {
            guard let record = records[whole], let work = record.work else { throw Self.isOver(whole) }
            switch work {
            case .put(let instance, let hierarchy): try askToPut(instance, hierarchy, index, of: whole)
            case .delete(let path, let hierarchy): try askToDelete(path, hierarchy, index, of: whole)
            case .get(let path, let hierarchy): try askToGet(path, hierarchy, index, of: whole)
            case .invoke(let path, let hierarchy): try askToInvoke(path, hierarchy, index, of: whole)
            case .lookUp(let paths): try askForObject(at: paths[index], index, of: whole)
            case .enumerate(let sources): try ask(sources[index], for: record.filter, index, of: whole)
            case .enumerateMerging(let hierarchy, _): try askToEnumerate(hierarchy, index, of: whole)
            case .query(let shares): try ask(shares[index], index, of: whole)
            case .queryMerging(let query): try ask(query, index, of: whole)
            case .associations(let search): try ask(search, index, of: whole)
            case .associationSources(let search): try askSource(search, index, of: whole)
            case .associationSource(let search, let share, let way): try ask(search.shares[share], way, index, of: whole)
            case .endpoints(let search, let paths): try askForEndpoint(paths[index], search, index, of: whole)
            case .commit, .administer, .pages: throw CIMError(.failed, "operation \(whole.number) has no parts")
            }
        } catch {
            failed(index, of: whole, error)
        }
    }

    /// The way in which the whole's join wants a part asked.
    func way(of index: Int, of whole: OperationID) -> Int { core.operations[whole]?.join?.way(of: index) ?? 0 }

    // MARK: - What parts hand out

    /// Objects of a part: the whole's, or kept until the others have said what they know.
    func took(_ objects: CheckedObjects, from part: OperationID, _ index: Int?, of whole: OperationID) {
        if let record = records[part], let look = record.look { return looked(at: objects, look.look, in: record.namespace, from: part) }
        do throws(CIMError) {
            guard let record = records[whole], let work = record.work else { return }
            switch (work, index) {
            case (.get, _):
                records[whole]?.gathered.append(objects)
                tell { $0.consumed(part) }
            case (.invoke(_, let hierarchy), let index?) where index < Self.candidates(hierarchy).count:
                records[whole]?.realClass = objects.firstClassName
                tell { $0.consumed(part) }
            case (.enumerateMerging(let hierarchy, let onlyClass), let index?):
                handOn(try merged(objects, hierarchy, onlyClass, index, of: whole), to: whole, from: part)
            case (.query(let shares), let index?) where shares[index].isLookUp(way(of: index, of: whole)):
                handOn(try filtered(objects, record), to: whole, from: part)
            case (.queryMerging, _): handOn(try filtered(objects, record), to: whole, from: part)
            // Whether the object is there was the question.
            case (.associations, 0): tell { $0.consumed(part) }
            case (.associationSource(let search, let share, _), 0):
                try takeAssociations(objects, search, search.shares[share].leg, from: part, of: whole)
            case (.endpoints(let search, _), _):
                handOn(try endpoint(objects, search, record), to: whole, from: part)
            default: handOn(objects, to: whole, from: part)
            }
        } catch {
            end(whole, error)
        }
    }

    /// Objects for the client of a whole, or for the whole that it is a part of. They hold the part up that they are from until they are on
    /// their way.
    func handOn(_ objects: CheckedObjects?, to whole: OperationID, from part: OperationID? = nil) {
        guard let objects, !objects.sizes.isEmpty else {
            if let part { tell { $0.consumed(part) } }
            return
        }
        let batch = payloads.keep(objects)
        tell { $0.supply(whole, batch, from: part) }
    }

    /// What the operation's filter leaves of objects.
    func filtered(_ objects: CheckedObjects, _ record: OperationRecord) throws(CIMError) -> CheckedObjects {
        guard let filter = record.filter else { return objects }
        do throws(ObjectFault) {
            return try filter.applied(to: objects) { [schema] in schema.layout($0, in: record.namespace) }
        } catch {
            throw CIMError(error.resultStatus, error.description)
        }
    }

    // MARK: - How parts end

    /// A part has ended.
    func partEnded(_ record: OperationRecord, _ outcome: Outcome, _ own: CIMInstance?, _ parameter: String, _ error: CIMError?) {
        guard let (whole, index) = record.joined else { return }
        if let look = record.look { return lookEnded(look.poll, look.look, outcome.status, error) }
        guard let index else {
            // It followed from another's objects.
            if let error { end(whole, error) } else { lookUpEnded(of: whole) }
            return
        }
        if let error { return failed(index, of: whole, error) }
        let object = own.map { payloads.keep($0) }
        do throws(CIMError) {
            var parameter = parameter
            if case .put(let instance, let hierarchy) = records[whole]?.work {
                parameter = try agreedPath(parameter, instance, hierarchy, index, of: whole)
            }
            let outcome = Outcome(outcome.status, parameter: parameter, object: object)
            tell { $0.partEnded(whole, index, outcome) }
        } catch {
            payloads.discard(object)
            failed(index, of: whole, error)
        }
    }

    /// A part has done what was asked, and has nothing to say.
    func succeeded(_ index: Int, of whole: OperationID) { tell { $0.partEnded(whole, index, Outcome(.noError)) } }

    func failed(_ index: Int, of whole: OperationID, _ error: CIMError) {
        var error = error
        switch records[whole]?.work {
        // Of a put the failure says which class's provider it was (R65).
        case .put(_, let hierarchy): error = Self.named(error, hierarchy.served[index].layout.className)
        case .associations(let search) where index == 0 && error.status == .notFound:
            error = CIMError(.notFound, "there is no \(search.plan.source.relativePath)")
        default: break
        }
        let outcome = outcome(of: error)
        tell { $0.partEnded(whole, index, outcome) }
    }
}
