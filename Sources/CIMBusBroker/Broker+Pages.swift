import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// Objects of the broker's own on their way to a client, or to the whole of which they are a part. The next batch is made when the one before
/// is on its way.
enum Pages: Sendable {
    /// One instance.
    case instance(CIMObjectPath)
    /// Classes, as objects.
    case classes(ArraySlice<CIMClass>)
    /// The stored instances of exactly these classes, and before them those that the broker itself has.
    case stored(classes: [String], own: ArraySlice<String>)
    case from(InstanceCursor)
    /// What these units of a merged hierarchy have, and no class below.
    case rest(ArraySlice<Int>)

    static func stored(classes: [String]) -> Pages { .stored(classes: classes, own: classes[...]) }
}

extension Broker {
    /// Hands on the next objects of the broker's own.
    func turnPage(of id: OperationID) {
        Task(executorPreference: loop) { [self] in await self.handOnPage(of: id) }
    }

    private func handOnPage(of id: OperationID) async {
        do throws(CIMError) {
            while let record = records[id], case .pages(let pages)? = record.work {
                guard let (objects, rest) = try await page(pages, record) else { return tell { $0.conducted(id, Outcome(.noError)) } }
                // It may have ended meanwhile.
                guard case .pages? = records[id]?.work else { return }
                records[id]?.work = .pages(rest)
                let left = try filtered(objects, record)
                if left.sizes.isEmpty { continue }
                let call = calls.newID()
                turns[call] = id
                let batch = payloads.keep(left)
                return tell { $0.supply(id, batch, call: call) }
            }
        } catch {
            end(id, error)
        }
    }

    /// Whether the credit was for a page, after which the next one comes.
    func isPageTaken(_ call: CallID, _ status: WBEMStatus) -> Bool {
        guard let id = turns.removeValue(forKey: call) else { return false }
        if status.isSuccess { turnPage(of: id) }
        return true
    }

    /// The next objects, and what comes after them; nil after the last.
    private func page(_ pages: Pages, _ record: OperationRecord) async throws(CIMError) -> (CheckedObjects, Pages)? {
        let end = Pages.classes([])
        switch pages {
        case .instance(let path): return (try encoded([try await storedInstance(at: path, in: record.namespace)], record), end)
        case .classes(let classes):
            guard let (batch, rest) = try encoded(classes, record) else { return nil }
            return (.rewritten(batch), .classes(rest))
        case .stored(let classes, let own):
            guard let name = own.first else {
                guard let cursor = repository.instances(ofExactly: classes, in: record.namespace) else { return nil }
                return try await page(.from(cursor), record)
            }
            let instances = ownInstances(of: name) ?? []
            return (try encoded(instances, record), .stored(classes: classes, own: own.dropFirst()))
        case .from(let cursor):
            let page = try await repository.page(at: cursor)
            return (try encoded(page.instances, record), page.next.map { .from($0) } ?? end)
        case .rest(let units):
            guard let (whole, _) = record.joined, let merge = merges[whole], let unit = units.first else { return nil }
            guard let batch = try merge.tables[unit]?.removeRest(ofAtMost: Contract.largestBatch / 2) else {
                return try await page(.rest(units.dropFirst()), record)
            }
            return (.rewritten(batch), pages)
        }
    }

    // MARK: - As any receiver gets them

    /// Instances of the broker's own; all of one class, where the operation is not about one.
    /// - Parameter expectation: what they must be; nil: what the operation's objects must be.
    func encoded(
        _ instances: [CIMInstance], _ record: OperationRecord, as expectation: ObjectChecker.Expectation? = nil
    ) throws(CIMError) -> CheckedObjects {
        guard let first = instances.first else { return .rewritten(ObjectBatch()) }
        let expectation =
            expectation ?? record.expectation ?? schema.layout(first.className, in: record.namespace).map { .instances(of: $0) }
        var writer = BodyWriter()
        let array = writer.beginArray(elementAlignment: 4)
        for instance in instances { writer.append(instance: instance) }
        writer.endArray(array)
        do {
            let bytes = try writer.finish()
            var reader = bytes.withUnsafeBytes { BodyReader(copying: $0) }
            return .rewritten(try checkedObjects(&reader, record, as: expectation))
        } catch {
            throw CIMError(ObjectFault(error).resultStatus, "a stored object of \(record.subject) cannot be sent: \(error)")
        }
    }

    /// As many of the classes as go into one batch, and those that are left; nil where there are none.
    private func encoded(
        _ classes: ArraySlice<CIMClass>, _ record: OperationRecord
    ) throws(CIMError) -> (ObjectBatch, ArraySlice<CIMClass>)? {
        var batch = ObjectBatch()
        var rest = classes
        while let declaration = rest.first {
            let one: ObjectBatch
            do throws(ObjectFault) {
                one = try encoded(declaration, record)
            } catch {
                throw CIMError(error.status, error.description)
            }
            if batch.count > 0, batch.byteCount + one.byteCount > Contract.largestBatch { break }
            batch.append(one)
            rest.removeFirst()
        }
        return batch.count > 0 ? (batch, rest) : nil
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
}
