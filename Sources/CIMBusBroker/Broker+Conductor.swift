import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// What the broker does itself for an operation that it conducts.
enum Work: Sendable {
    /// Changes what is stored: all or nothing.
    case commit([RepositoryChange])
    /// One stored instance.
    case instance(CIMObjectPath)
    /// These classes, as objects.
    case classes([CIMClass])
    /// The instances that these have, all at once.
    case enumerate([InstanceSource])
    /// A data query: what each source is asked.
    case query([QueryShare])
    /// The same over a hierarchy whose providers complete each other: the objects at these paths, the most derived class first, or all, or
    /// those of the last resort where nobody can enumerate.
    case queryMerging(ClassHierarchy, lookups: [CIMObjectPath], lastResort: [CIMObjectPath])
    /// The associations of an object, or what is at their other ends.
    case associations(AssociationWork)
    /// The instances of a hierarchy whose providers complete each other; of one class alone, if it is named.
    case enumerateMerging(ClassHierarchy, onlyClass: String?)
    case get(CIMObjectPath, ClassHierarchy)
    case put(CIMInstance, ClassHierarchy)
    case delete(CIMObjectPath, ClassHierarchy)
    /// A method of what the broker itself has.
    case administer(CIMObjectPath, method: String)
    /// A method of the instance's real class.
    case invoke(CIMObjectPath, ClassHierarchy)
}

/// The objects of a part on their way to its conductor.
struct PartInbox {
    let whole: OperationID
    var batches: [CheckedObjects] = []
    /// Its parameter, or why it failed. After the last batch.
    var end: Result<String, CIMError>?
    var waiter: UnsafeContinuation<Void, Never>?

    mutating func wake() {
        waiter?.resume()
        waiter = nil
    }
}

/// Conducted operations: the broker asks in parts, and supplies what comes of it. Whatever happens to the whole meanwhile reaches its conductor
/// as an error of the next thing it does.
extension Broker {
    func conduct(_ id: OperationID) {
        guard let work = records[id]?.work else {
            return tell { $0.conducted(id, .stated(.failed, "there is nothing to conduct")) }
        }
        if let join = join(work, of: id) { return tell { $0.conduct(id, by: join) } }
        // On the loop, so that nothing changes threads.
        Task(executorPreference: loop) { [self] in await self.conduct(id, work) }
    }

    private func conduct(_ id: OperationID, _ work: Work) async {
        let outcome: Outcome
        do throws(CIMError) {
            let parameter = try await carryOut(work, of: id)
            let remark = records[id]?.remark
            outcome = Outcome(remark?.status ?? .noError, parameter: parameter, object: remark?.object.map { payloads.keep($0) })
        } catch let thrown {
            // What was thrown may be a part's end by the failure of another.
            let error = firstFailures[id] ?? thrown
            outcome =
                error.extendedStatus == nil ? .stated(error.status, error.message) : Outcome(error.status, object: keepStatus(error))
        }
        tell { $0.conducted(id, outcome) }
        firstFailures[id] = nil
        // Parts that nobody listens to any more have ended with it.
        for part in parts.removeValue(forKey: id) ?? [] { inboxes[part] = nil }
    }

    /// Returns the status's parameter.
    private func carryOut(_ work: Work, of id: OperationID) async throws(CIMError) -> String {
        switch work {
        case .commit(let changes): return try await commit(changes, of: id)
        case .instance(let path):
            guard let record = records[id] else { throw Self.isOver(id) }
            try await supply([try await storedInstance(at: path, in: record.namespace)], to: id)
        case .classes(let classes): try await supply(classes, to: id)
        case .enumerate(let sources): try await enumerate(sources, for: id)
        case .query(let shares): try await query(shares, for: id)
        case .queryMerging(let hierarchy, let lookups, let lastResort):
            try await queryMerging(hierarchy, lookups, lastResort: lastResort, for: id)
        case .associations(let work): try await associate(work, for: id)
        case .enumerateMerging(let hierarchy, let onlyClass): try await enumerateMerging(hierarchy, for: id, onlyClass: onlyClass)
        case .administer(let path, let method): try await administer(path, method, for: id)
        case .get, .put, .delete, .invoke: throw CIMError(.failed, "operation \(id.number) is the core's to join")
        }
        return ""
    }

    static func isOver(_ id: OperationID) -> CIMError { CIMError(.callCancelled, "operation \(id.number) has ended") }

    // MARK: - Parts

    /// Opens a part of a conducted operation, whose record `configure` completes.
    ///
    /// - Parameter index: which of those that the whole's join asked; nil: the caller takes its objects with ``next(of:)``.
    /// - Throws: CallCancelled when the whole has ended.
    @discardableResult
    func openPart(
        of whole: OperationID, index: Int? = nil, _ kind: Request.Kind, _ target: Request.Target,
        _ configure: (inout OperationRecord) -> Void
    ) throws(CIMError) -> OperationID {
        guard let record = records[whole], !Task.isCancelled else { throw Self.isOver(whole) }
        var part = OperationRecord(
            kind: kind, namespace: record.namespace, client: record.client, userID: record.userID, form: .part, flags: record.flags)
        part.target = record.target
        part.context = record.context
        part.derivedSystemProperties = record.writesSystemProperties
        part.speaksForWhole = kind == record.kind || kind == .createInstanceEnum && record.kind == .execQuery
        if case .provider(let registration) = target { part.registration = registration }
        part.joined = index.map { (whole, $0) }
        configure(&part)
        var opened = OperationID(0)
        do throws(Refusal) {
            try tell { core throws(Refusal) in
                try core.beginPart(of: whole, index: index, kind: kind, target: target, inputBytes: part.input.byteCount)
            } answering: { id in
                opened = id
                records[id] = Entry(part)
                if index != nil { return }
                inboxes[id] = PartInbox(whole: whole)
                parts[whole, default: []].insert(id)
            }
        } catch {
            throw CIMError(error.status, error.message)
        }
        return opened
    }

    /// What comes next of a part: its objects, batch by batch, then its end with the status's parameter. Throws what it failed with.
    private func step(of part: OperationID) async throws(CIMError) -> (batch: CheckedObjects?, parameter: String) {
        while let inbox = inboxes[part] {
            if let batch = inbox.batches.first {
                inboxes[part]?.batches.removeFirst()
                tell { $0.consumed(part) }
                return (batch, "")
            }
            if let end = inbox.end {
                inboxes[part] = nil
                parts[inbox.whole]?.remove(part)
                return (nil, try end.get())
            }
            await withUnsafeContinuation { inboxes[part]?.waiter = $0 }
        }
        return (nil, "")
    }

    /// The next batch of a part; nil at its end. Throws what it failed with.
    func next(of part: OperationID) async throws(CIMError) -> CheckedObjects? { try await step(of: part).batch }

    /// A part's success with a status of its own, such as PARTIAL_RESULTS (Semantics C.4).
    func note(_ status: WBEMStatus, _ object: CIMInstance?, of part: OperationID) {
        guard status != .noError, records[part]?.speaksForWhole == true, let whole = inboxes[part]?.whole, records[whole]?.remark == nil
        else { return }
        records[whole]?.remark = (status, object)
    }

    func endPart(_ id: OperationID, _ result: Result<String, CIMError>) {
        inboxes[id]?.end = result
        inboxes[id]?.wake()
    }

    // MARK: - Supply

    /// Hands objects to the client, and waits until they are on their way.
    ///
    /// - Throws: CallCancelled when nobody wants them any more.
    func supply(_ objects: CheckedObjects, to id: OperationID) async throws(CIMError) {
        if objects.sizes.isEmpty { return }
        let status = await withUnsafeContinuation { continuation in
            tell { $0.supply(id, payloads.keep(objects), call: keep(continuation)) }
        }
        if !status.isSuccess { throw Self.isOver(id) }
    }

    /// The same for instances that are not on the wire yet, as far as the operation's filter lets them pass.
    func supply(_ instances: [CIMInstance], to id: OperationID) async throws(CIMError) {
        guard !instances.isEmpty, let record = records[id] else { return }
        try await supply(filtered(try encoded(instances, record), record), to: id)
    }

    /// What the operation's filter leaves of objects.
    func filtered(_ objects: CheckedObjects, _ record: Entry<OperationRecord>) throws(CIMError) -> CheckedObjects {
        guard let filter = record.filter else { return objects }
        do throws(ObjectFault) {
            return try filter.applied(to: objects) { [schema] in schema.layout($0, in: record.namespace) }
        } catch {
            throw CIMError(error.resultStatus, error.description)
        }
    }

    /// Instances of the broker's own, as any receiver gets them; all of one class, where the operation is not about one.
    func encoded(_ instances: [CIMInstance], _ record: Entry<OperationRecord>) throws(CIMError) -> CheckedObjects {
        var record = record
        if record.expectation == nil, let name = instances.first?.className {
            record.expectation = schema.layout(name, in: record.namespace).map { .instances(of: $0) }
        }
        var writer = BodyWriter()
        let array = writer.beginArray(elementAlignment: 4)
        for instance in instances { writer.append(instance: instance) }
        writer.endArray(array)
        do {
            let bytes = try writer.finish()
            var reader = bytes.withUnsafeBytes { BodyReader(copying: $0) }
            return .rewritten(try checkedObjects(&reader, record))
        } catch {
            throw CIMError(ObjectFault(error).resultStatus, "a stored object of \(record.target) cannot be sent: \(error)")
        }
    }

    /// A class as its reader sees it. One that is too large in the reader's language comes as it is in all of them.
    func encoded(_ declaration: CIMClass, _ record: OperationRecord) throws(ObjectFault) -> ObjectBatch {
        if let localized = record.localized,
            let batch = try? ObjectBatch(class: localized.localized(declaration), namespace: record.namespace, server: schema.server)
        {
            return batch
        }
        return try ObjectBatch(class: declaration, namespace: record.namespace, server: schema.server)
    }

    func supply(_ classes: [CIMClass], to id: OperationID) async throws(CIMError) {
        guard let record = records[id]?.value else { throw Self.isOver(id) }
        var batch = ObjectBatch()
        for declaration in classes {
            let one: ObjectBatch
            do throws(ObjectFault) {
                one = try encoded(declaration, record)
            } catch {
                throw CIMError(error.status, error.description)
            }
            if batch.count > 0, batch.byteCount + one.byteCount > Contract.largestBatch {
                try await supply(.rewritten(batch), to: id)
                batch = ObjectBatch()
            }
            batch.append(one)
        }
        try await supply(.rewritten(batch), to: id)
    }
}
