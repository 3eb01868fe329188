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

    init(_ responder: ServedClass.Responder, _ layout: ObjectLayout) {
        switch responder {
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
        guard let uid = records[id]?.caller.uid else { throw Self.isOver(id) }
        try await commit(changes, by: uid)
        guard let record = records[id], record.kind == .putInstance else { return "" }
        return record.putPath
    }

    /// All or nothing; durable when it returns.
    /// - Parameter uid: whose changes they are.
    func commit(
        _ changes: [RepositoryChange], by uid: UInt32, if condition: @escaping Repository.Condition = { _, _ in }
    ) async throws(CIMError) {
        let changes = try stamped(changes, by: uid)
        try await repository.commit(changes, if: try allowing(changes, condition))
        let new = repository.schema
        let hasOther = new.revision != schema.schema.revision
        if hasOther { adopt(new) }
        raiseStoredChanges()
        await reviewStored(after: changes, hasOtherSchema: hasOther)
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
        if names != known { announce(.namespaces) }
        var kept: Set<RegistrationID> = []
        var changed: [ProviderDefinition] = []
        for name in names {
            for definition in new.providers(in: name) where definition.isDecoupled {
                let known = core.registry.find(namespace: name.text, name: definition.name, user: nil)?.id
                if let known, registrations.defined[known] == definition { kept.insert(known) } else { changed.append(definition) }
            }
        }
        for definition in changed.sorted(by: { ($0.namespace.text, CIMName($0.name)) < ($1.namespace.text, CIMName($1.name)) }) {
            if let id = define(definition) { kept.insert(id) }
        }
        for id in registrations.keepDefined(kept).sorted() { undefine(id) }
        // The class that was the last to know one may be gone.
        for registration in core.registry.all where registration.peer == nil { dropIfNothing(registration.id) }
        adoptEvents()
    }

    // MARK: - Where instances are

    /// A source is asked for its instances of a class.
    ///
    /// - Parameter filter: what becomes of them on their way; nil: nothing.
    func ask(_ source: InstanceSource, for filter: RowFilter? = nil, _ index: Int, of whole: OperationID) throws(CIMError) {
        switch source {
        case .provider(let registration, let layout):
            try openPart(of: whole, index: index, .createInstanceEnum, .provider(registration)) { part in
                part.path = layout.className
                part.subject = layout.className
                part.expectation = .instances(of: layout)
                part.filter = filter
            }
        case .stored(let classes): try openPages(.stored(classes: classes), for: filter, index, of: whole)
        case .failure(let outcome, _): throw Self.failure(outcome)
        }
    }

    /// A part of what the broker itself has.
    func openPages(_ pages: Pages, for filter: RowFilter? = nil, _ index: Int, of whole: OperationID) throws(CIMError) {
        let expectation = records[whole]?.expectation
        try openPart(of: whole, index: index, .createInstanceEnum, .pages(pages)) { part in
            part.expectation = expectation
            part.filter = filter
        }
    }
}
