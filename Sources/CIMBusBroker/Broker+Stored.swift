import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// Where instances come from.
enum InstanceSource: Sendable {
    /// A provider, for a class and those below it that name the same provider.
    case provider(RegistrationID, ObjectLayout)
    /// The repository.
    case stored(classes: [String])
    /// A class that cannot be asked for.
    case failure(Outcome)
}

/// What is stored: classes, static instances, namespaces.
extension Broker {
    // MARK: - Who may

    /// Classes, static instances and namespaces are root's and the broker's own user's to change (SEMANTICS D.9.1: FULL_WRITE_REP).
    func checkMayWrite(_ kind: Request.Kind, _ record: OperationRecord) throws(CIMError) {
        guard rights.mayWrite(uid: record.userID) else {
            throw CIMError(
                .accessDenied,
                "\(kind.rawValue): uid \(record.userID) may not change what is stored in \(record.namespace); root and the broker's user may"
            )
        }
    }

    // MARK: - Changes

    /// Commits, and lets everybody see it before the client is told. Returns the path of an instance that was put.
    func commit(_ changes: [RepositoryChange], of id: OperationID) async throws(CIMError) -> String {
        try await commit(changes)
        guard let record = records[id], record.kind == .putInstance else { return "" }
        return record.putPath
    }

    /// All or nothing; durable when it returns.
    func commit(_ changes: [RepositoryChange]) async throws(CIMError) {
        try checkAreAllowed(changes)
        try await repository.commit(changes)
        adopt(repository.schema)
    }

    func checkAreAllowed(_ changes: [RepositoryChange]) throws(CIMError) {
        for (index, change) in changes.enumerated() {
            do throws(CIMError) { try change.checkIsAllowed(schema: schema.schema) } catch { throw error.failed(at: index) }
        }
    }

    /// From now on this is the schema: namespaces that are new get their object, those that are gone lose it, and providers that are defined
    /// are shown.
    func adopt(_ new: Schema) {
        schema.schema = new
        let names = Set(new.namespaceNames)
        let services = ExportedObject([servicesInterface()])
        for name in names where namespaces[Contract.path(of: name).text] == nil {
            namespaces[Contract.path(of: name).text] = name
            connection.assumeIsolated { _ = $0.export(services, at: Contract.path(of: name)) }
        }
        for (path, name) in namespaces where !names.contains(name) {
            namespaces[path] = nil
            connection.assumeIsolated { $0.unexport(at: Contract.path(of: name)) }
        }
        var kept: Set<RegistrationID> = []
        for name in names {
            for definition in new.providers(in: name) where definition.isDecoupled { if let id = define(definition) { kept.insert(id) } }
        }
        for id in defined.subtracting(kept).sorted() { undefine(id) }
        defined = kept
    }

    // MARK: - Where instances are

    /// Where the instances of a class are: its own and, unless only those are asked for, those of every class below it.
    func sources(of layout: ObjectLayout, in namespace: CIMNamespaceName, shallow: Bool) -> [InstanceSource] {
        hierarchy(of: layout, in: namespace, for: .createInstanceEnum, above: false, below: !shallow).sources
    }

    /// All sources at once; the first that fails ends it (SEMANTICS C.4).
    func enumerate(_ sources: [InstanceSource], for id: OperationID) async throws(CIMError) {
        let result = await withTaskGroup(of: CIMError?.self) { group in
            for source in sources {
                group.addTask(executorPreference: loop) { [self] in
                    do throws(CIMError) {
                        try await self.enumerate(source, for: id)
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            for await error in group {
                guard let error else { continue }
                // The others find that the whole has ended.
                abandonParts(of: id)
                return error as CIMError?
            }
            return nil
        }
        if let result { throw result }
    }

    private func enumerate(_ source: InstanceSource, for id: OperationID) async throws(CIMError) {
        switch source {
        case .provider(let registration, let layout):
            let part = try openPart(of: id, .createInstanceEnum, .provider(registration)) { part in
                part.path = layout.className
                part.target = layout.className
                part.expectation = .instances(of: layout)
            }
            while let batch = try await next(of: part) { try await supply(batch, to: id) }
        case .stored(let classes):
            guard let namespace = records[id]?.namespace else { throw Self.isOver(id) }
            for name in classes { if let own = ownInstances(of: name) { try await supply(own, to: id) } }
            var cursor: InstanceCursor? = repository.instances(ofExactly: classes, in: namespace)
            while let at = cursor {
                let page = try await repository.page(at: at)
                try await supply(page.instances, to: id)
                cursor = page.next
            }
        case .failure(let outcome):
            throw CIMError(outcome.status, outcome.explanation?.text ?? "")
        }
    }

    /// Ends what is still open of an operation that has failed already.
    private func abandonParts(of id: OperationID) {
        for (part, inbox) in inboxes where inbox.whole == id { perform(core.cancel(part, at: Self.now)) }
    }
}
