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
    case failure(Outcome, of: ObjectLayout)

    init(_ target: ServedClass.Target, _ layout: ObjectLayout) {
        switch target {
        case .provider(let registration): self = .provider(registration, layout)
        case .failure(let outcome): self = .failure(outcome, of: layout)
        }
    }
}

/// What is stored: classes, static instances, namespaces.
extension Broker {
    // MARK: - Changes

    /// Commits, and lets everybody see it before the client is told. Returns the path of an instance that was put.
    func commit(_ changes: [RepositoryChange], of id: OperationID) async throws(CIMError) -> String {
        try await commit(changes)
        guard let record = records[id], record.kind == .putInstance else { return "" }
        return record.putPath
    }

    /// All or nothing; durable when it returns.
    func commit(_ changes: [RepositoryChange], if condition: @escaping Repository.Condition = { _, _ in }) async throws(CIMError) {
        try await repository.commit(changes, if: try allowing(changes, condition))
        let new = repository.schema
        if new.revision != schema.schema.revision { adopt(new) }
    }

    /// The condition of all changes, whoever makes them, before another one.
    /// - Throws: what nobody may change, whatever is stored.
    func allowing(_ changes: [RepositoryChange], _ condition: @escaping Repository.Condition) throws(CIMError) -> Repository.Condition {
        for (index, change) in changes.enumerated() {
            do throws(CIMError) { try change.checkIsNotBrokers() } catch { throw error.failed(at: index) }
        }
        return { before, after throws(CIMError) in
            for (index, change) in changes.enumerated() {
                do throws(CIMError) { try change.checkIsAllowed(over: after) } catch { throw error.failed(at: index) }
            }
            try after.checkCanBeSent(changes)
            try condition(before, after)
        }
    }

    /// From now on this is the schema: namespaces that are new get their object, those that are gone lose it, and so do definitions of
    /// providers.
    func adopt(_ new: Schema) {
        schema.schema = new
        let names = Set(new.namespaceNames)
        let services = ExportedObject([servicesInterface()])
        let known = Set(namespaces.values)
        for name in names where namespaces[Contract.path(of: name).text] == nil {
            namespaces[Contract.path(of: name).text] = name
            connection.assumeIsolated { _ = $0.export(services, at: Contract.path(of: name)) }
        }
        for (path, name) in namespaces where !names.contains(name) {
            namespaces[path] = nil
            connection.assumeIsolated { $0.unexport(at: Contract.path(of: name)) }
        }
        if names != known {
            connection.assumeIsolated { $0.emitPropertiesChanged(["Namespaces"], of: Contract.broker, at: Contract.rootPath) }
        }
        var kept: Set<RegistrationID> = []
        for name in names {
            for definition in new.providers(in: name) where definition.isDecoupled { if let id = define(definition) { kept.insert(id) } }
        }
        for id in registrations.define(kept).sorted() { undefine(id) }
        // The class that was the last to know one may be gone.
        for registration in core.registry.all where registration.peer == nil { dropIfNothing(registration.id) }
    }

    // MARK: - Where instances are

    /// All sources at once.
    func enumerate(_ sources: [InstanceSource], for id: OperationID) async throws(CIMError) {
        try await atOnce(FanOut(sources.map { _ in FanOut.Part() }), for: id) { broker, turn throws(CIMError) in
            try await broker.enumerate(sources[turn.part], for: id)
        }
    }

    func enumerate(_ source: InstanceSource, for id: OperationID) async throws(CIMError) {
        if Task.isCancelled { return }
        switch source {
        case .provider(let registration, let layout):
            let part = try openEnumeration(of: id, registration, layout, filter: records[id]?.filter)
            while let batch = try await next(of: part), !Task.isCancelled { try await supply(batch, to: id) }
        case .stored(let classes):
            try await pages(of: classes, for: id) { broker, instances throws(CIMError) in try await broker.supply(instances, to: id) }
        case .failure(let outcome, _):
            throw Self.failure(outcome)
        }
    }

    /// A part that asks a provider for its instances of a class.
    func openEnumeration(
        of id: OperationID, _ registration: RegistrationID, _ layout: ObjectLayout, filter: RowFilter? = nil
    ) throws(CIMError) -> OperationID {
        try openPart(of: id, .createInstanceEnum, .provider(registration)) { part in
            part.path = layout.className
            part.target = layout.className
            part.expectation = .instances(of: layout)
            part.filter = filter
        }
    }

    /// The stored instances of exactly these classes, and the broker's own, page by page.
    func pages(
        of classes: [String], for id: OperationID, _ body: (isolated Broker, [CIMInstance]) async throws(CIMError) -> Void
    ) async throws(CIMError) {
        guard let namespace = records[id]?.namespace else { throw Self.isOver(id) }
        for name in classes { if let own = ownInstances(of: name) { try await body(self, own) } }
        var cursor: InstanceCursor? = repository.instances(ofExactly: classes, in: namespace)
        while let at = cursor, !Task.isCancelled {
            let page = try await repository.page(at: at)
            if Task.isCancelled { throw Self.isOver(id) }
            try await body(self, page.instances)
            cursor = page.next
        }
    }
}
