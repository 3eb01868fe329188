import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// Operations on a class hierarchy that several providers serve (Semantics C.1 to C.4). A provider's death is its part's failure (P8).
extension Broker {
    // MARK: - Get

    /// What each provider from the class up says about the instance, put together (C.3). Of a class without a provider, the instance may be
    /// of any class below it.
    func get(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, for id: OperationID) async throws(CIMError) {
        let object = try await find(path, hierarchy, for: id)
        guard let record = records[id] else { throw Self.isOver(id) }
        try await supply(try filtered(object, record), to: id)
    }

    /// The one object of ``get(_:_:for:)``.
    func find(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, for id: OperationID) async throws(CIMError) -> CheckedObjects {
        let line = hierarchy.served.indices.filter {
            hierarchy.served[$0].isAncestor || hierarchy.served[$0].layout.className == path.className
        }
        if let last = line.last, !hierarchy.served[last].isAncestor {
            return try await merged(path, line.map { hierarchy.served[$0] }, for: id)
        }
        guard let record = records[id] else { throw Self.isOver(id) }
        do throws(CIMError) {
            return try encoded([try await storedInstance(at: path, in: record.namespace)], record)
        } catch  where error.status == .notFound {}
        for index in hierarchy.served.indices where !hierarchy.served[index].isAncestor {
            var line = [hierarchy.served[index]]
            var above = hierarchy.served[index].above
            while let next = above {
                line.insert(hierarchy.served[next], at: 0)
                above = hierarchy.served[next].above
            }
            do throws(CIMError) {
                return try await merged(path, line, for: id)
            } catch  where error.status == .notFound || error.status == .providerNotCapable {}
        }
        throw CIMError(.notFound, "no provider of \(path.className), or of a class below it, has this instance")
    }

    /// The most derived class first: when its provider does not know the key, nobody else is asked.
    private func merged(_ path: CIMObjectPath, _ line: [ServedClass], for id: OperationID) async throws(CIMError) -> CheckedObjects {
        var objects: [CheckedObjects] = []
        for served in line.reversed() {
            do throws(CIMError) {
                let part = try openPart(of: id, .getObject, target(served)) { part in
                    part.path = Self.path(path, of: served.layout)
                    part.target = part.path.clipped()
                    part.expectation = .instances(of: served.layout)
                    part.context = Self.reading(part.context, served.layout)
                }
                var object: CheckedObjects?
                while let batch = try await next(of: part) { object = batch }
                if let object { objects.append(object) }
            } catch  where error.status == .providerNotCapable && !objects.isEmpty {}
        }
        guard var result = objects.popLast() else { throw CIMError(.notFound, "no provider has this instance") }
        var merge = try unitMerge(for: id)
        while let derived = objects.popLast() { result = try merge.completed(derived, with: result) }
        return result
    }

    /// What a part is asked for, where its client wants less than everything: of that what its class has, and the keys, by which objects are
    /// put together.
    private static func reading(_ context: [(String, DBusValue)], _ layout: ObjectLayout) -> [(String, DBusValue)] {
        guard let declaration = layout.declaration else { return context }
        return context.map { name, value in
            guard CIMName.equal(name, ContextKey.getProperties), let wanted = value.elements?.compactMap(\.text) else {
                return (name, value)
            }
            let keys = declaration.keyNames
            let others = wanted.filter { name in
                declaration.property(named: name) != nil && !keys.contains { CIMName.equal($0, name) }
            }
            return (name, .strings(keys + others))
        }
    }

    private func unitMerge(for id: OperationID) throws(CIMError) -> UnitMerge {
        guard let namespace = records[id]?.namespace else { throw Self.isOver(id) }
        return UnitMerge { [schema] in schema.layout($0, in: namespace) }
    }

    func target(_ served: ServedClass) throws(CIMError) -> Request.Target {
        switch served.target {
        case .provider(let registration): return .provider(registration)
        case .failure(let outcome): throw Self.failure(outcome)
        }
    }

    /// An outcome of the broker's own, as what a part fails with.
    static func failure(_ outcome: Outcome) -> CIMError { CIMError(outcome.status, outcome.explanation?.text ?? "") }

    /// The path of the instance as one of another class in its line.
    private static func path(_ path: CIMObjectPath, of layout: ObjectLayout) -> String {
        var path = path
        path.className = layout.className
        if let declaration = layout.declaration, let canonical = try? path.canonicalized(for: declaration) { path = canonical }
        return path.relativePath
    }

    // MARK: - Enumerate

    /// What the providers of a hierarchy have, each instance once (C.4): those of the ancestors are gathered, those of the classes without
    /// one below them stream past and take the inherited properties along.
    func enumerateMerging(_ hierarchy: ClassHierarchy, for id: OperationID, onlyClass: String?) async throws(CIMError) {
        let budget = MergeBudget(within: mergeBudget)
        var tables: [Int: MergeTable] = [:]
        let inner = Set(hierarchy.served.compactMap(\.above))
        var merge = try unitMerge(for: id)
        for (index, served) in hierarchy.served.enumerated() {
            let isInner = inner.contains(index)
            let table = isInner ? MergeTable(budget) : nil
            tables[index] = table
            do throws(CIMError) {
                let part = try openPart(of: id, .createInstanceEnum, target(served)) { part in
                    part.path = served.layout.className
                    part.target = served.layout.className
                    part.expectation = .instances(of: served.layout)
                    part.context = Self.reading(part.context, served.layout)
                    part.step = (index, hierarchy.served.count)
                }
                while let batch = try await next(of: part) {
                    let left = try merge.completed(batch, from: served.above.flatMap { tables[$0] }, into: table)
                    if let left, !served.isAncestor { try await supply(left, to: id, onlyClass: onlyClass) }
                }
            } catch  where error.status == .providerNotCapable && isInner {
                // Its properties stay NULL (C.3).
            }
        }
        // What no class below has.
        for (index, served) in hierarchy.served.enumerated() where !served.isAncestor {
            guard let table = tables[index] else { continue }
            while let rest = try table.removeRest(ofAtMost: Contract.largestBatch / 2) {
                try await supply(.rewritten(rest), to: id, onlyClass: onlyClass)
            }
        }
        if !hierarchy.stored.isEmpty, onlyClass == nil { try await enumerate([.stored(classes: hierarchy.stored)], for: id) }
    }

    private func supply(_ objects: CheckedObjects, to id: OperationID, onlyClass: String?) async throws(CIMError) {
        guard let record = records[id] else { return }
        var objects = objects
        if let onlyClass {
            let (reader, ranges) = objects.contents
            let wanted = ranges.filter { CIMName.equal(ObjectRow.className(at: $0, in: reader), onlyClass) }
            do throws(ObjectFault) { objects = try objects.keeping(wanted) } catch { throw CIMError(error.resultStatus, error.description) }
        }
        try await supply(try filtered(objects, record), to: id)
    }

    /// One provider's objects of exactly one class, where it also has some of classes below.
    func enumerate(only served: ServedClass, for id: OperationID) async throws(CIMError) {
        try await enumerateMerging(ClassHierarchy(served: [served]), for: id, onlyClass: served.layout.className)
    }

    // MARK: - Delete

    /// Every concrete class of the hierarchy, above and below, each with the path as its own; those that are concrete below no concrete class
    /// decide, and one success among them is enough (C.2, R136); without one, a failure that says more than NotFound is the result. The others'
    /// failures are nobody's; the objects of all are the client's (R135).
    func delete(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, for id: OperationID) async throws(CIMError) {
        guard let record = records[id] else { throw Self.isOver(id) }
        var decisive: CIMError?
        var hasSucceeded = false
        let asked = hierarchy.served.filter(\.isConcrete)
        for (index, served) in asked.enumerated() {
            do throws(CIMError) {
                let part = try openPart(of: id, .deleteInstance, target(served)) { part in
                    let layout = served.concrete ?? served.layout
                    part.path = Self.path(path, of: layout)
                    part.target = part.path.clipped()
                    part.expectation = .instances(of: layout)
                    part.speaksForWhole = served.isTopmost
                    part.step = (index, asked.count)
                }
                _ = try await passOn(part, to: id)
                if served.isTopmost { hasSucceeded = true }
            } catch {
                // A whole that has ended asks nobody else.
                if records[id] == nil { throw error }
                if served.isTopmost, decisive == nil || Self.isOthers(decisive) && !Self.isOthers(error) { decisive = error }
            }
        }
        if !hierarchy.stored.isEmpty, core.rights.mayWrite(uid: record.userID) {
            do throws(CIMError) {
                try await commit([.deleteInstance(path, in: record.namespace)])
                hasSucceeded = true
            } catch {
                let isTold = error.status != .notFound || !hierarchy.served.contains(where: \.isTopmost)
                if isTold, decisive == nil || Self.isOthers(decisive) { decisive = error }
            }
        } else if !hierarchy.stored.isEmpty, !hasSucceeded, decisive == nil {
            try core.rights.checkMayWrite(.deleteInstance, in: record.namespace, user: record.userID)
        }
        if hasSucceeded { return }
        throw decisive ?? CIMError(.notFound, "no provider of \(path.className) could delete it")
    }

    /// Whether a failure says no more than that the instance is none of this provider's: any other failure says more.
    private static func isOthers(_ error: CIMError?) -> Bool { error?.status == .notFound || error?.status == .providerNotCapable }

    // MARK: - Methods

    /// The class of the instance that a path names, where it may be one below the path's class (C.5: a path of a parent class invokes the
    /// override of the instance's class).
    func realClass(of path: CIMObjectPath, _ hierarchy: ClassHierarchy, for id: OperationID) async throws(CIMError) -> String {
        guard let record = records[id], let layout = schema.layout(path.className, in: record.namespace) else { throw Self.isOver(id) }
        var isKnownToAll = true
        for served in hierarchy.served.reversed() where !served.isAncestor {
            do throws(CIMError) {
                let part = try openPart(of: id, .getObject, target(served)) { part in
                    part.path = Self.path(path, of: served.layout)
                    part.target = part.path.clipped()
                    part.expectation = .instances(of: served.layout)
                }
                var name = ""
                while let batch = try await next(of: part) { name = batch.firstClassName }
                if !name.isEmpty { return name }
            } catch  where error.status == .notFound || error.status == .providerNotCapable {
                if error.status == .providerNotCapable { isKnownToAll = false }
            }
        }
        // It has no instances of its own.
        if isKnownToAll, layout.declaration?.isUnserved ?? false {
            throw CIMError(.notFound, "no provider of a class below \(path.className) has this instance")
        }
        return layout.className
    }
}
