import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// Operations on a class hierarchy that several providers serve (Semantics C.1 to C.4). A provider's death is its part's failure (P8).
extension Broker {
    // MARK: - Get

    /// What one class's provider, or the repository, says about the instance; last, all of it put together (C.3).
    func askToGet(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, _ index: Int, of whole: OperationID) throws(CIMError) {
        let places = Self.lines(of: path, hierarchy, concludes: true).places
        guard index < places.count else {
            guard let record = records[whole] else { throw Self.isOver(whole) }
            pass(try filtered(try putTogether(record.gathered, for: whole), record), to: whole)
            return succeeded(index, of: whole)
        }
        if places[index].isFirst { records[whole]?.gathered = [] }
        if let served = places[index].served {
            try openGet(path, served, index, of: whole)
            return
        }
        doPart(index, of: whole) { broker throws(CIMError) in
            guard let record = broker.records[whole] else { throw Self.isOver(whole) }
            let instance = try await broker.storedInstance(at: path, in: record.namespace)
            let object = try broker.encoded([instance], record)
            broker.records[whole]?.gathered.append(object)
        }
    }

    @discardableResult
    private func openGet(
        _ path: CIMObjectPath, _ served: ServedClass, _ index: Int? = nil, of whole: OperationID
    ) throws(CIMError) -> OperationID {
        try openPart(of: whole, index: index, .getObject, target(served)) { part in
            part.path = Self.path(path, of: served.layout)
            part.target = part.path.clipped()
            part.expectation = .instances(of: served.layout)
            part.context = Self.reading(part.context, served.layout)
        }
    }

    /// What the classes of a line say about one instance, the most derived class first, as one object.
    private func putTogether(_ objects: [CheckedObjects], for id: OperationID) throws(CIMError) -> CheckedObjects {
        var objects = objects
        guard var result = objects.popLast() else { throw CIMError(.notFound, "no provider has this instance") }
        var merge = try unitMerge(for: id)
        while let derived = objects.popLast() { result = try merge.completed(derived, with: result) }
        return result
    }

    /// The same for a part of something else, as ``GetJoin`` says. NotFound where there is none.
    func find(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, for id: OperationID) async throws(CIMError) -> CheckedObjects {
        let (join, places) = Self.lines(of: path, hierarchy, concludes: false)
        // What the line that is asked has said so far, the most derived class first.
        var objects: [CheckedObjects] = []
        _ = try await inTurn(.get(join), for: id) { broker, turn throws(CIMError) in
            let place = places[turn.part]
            if place.isFirst { objects = [] }
            objects += try await broker.object(at: path, place.served, for: id)
            return ""
        }
        return try putTogether(objects, for: id)
    }

    /// A class in a line of ``GetJoin``; nil: the repository.
    typealias Place = (served: ServedClass?, isFirst: Bool)

    /// Who may have a part of the instance: the line of the class that the path names, where that is served; else the repository, and the line
    /// of each class below it.
    static func lines(of path: CIMObjectPath, _ hierarchy: ClassHierarchy, concludes: Bool) -> (join: GetJoin, places: [Place]) {
        func line(from index: Int) -> [Place] {
            var line: [Place] = []
            var at: Int? = index
            while let next = at {
                line.append((hierarchy.served[next], line.isEmpty))
                at = hierarchy.served[next].above
            }
            return line
        }
        let own = hierarchy.served.lastIndex { $0.isAncestor || $0.layout.className == path.className }
        if let own, !hierarchy.served[own].isAncestor {
            let line = line(from: own)
            return (GetJoin(line: line.count, concludes: concludes), line)
        }
        let lines = hierarchy.served.indices.filter { !hierarchy.served[$0].isAncestor }.map { line(from: $0) }
        let nobody = Outcome.stated(.notFound, "no provider of \(path.className), or of a class below it, has this instance")
        return (
            GetJoin(lines: [1] + lines.map(\.count), search: .pastIncapable, concludes: concludes, otherwise: nobody),
            [(nil, true)] + lines.flatMap(\.self)
        )
    }

    /// What one class's provider, or the repository, says about the instance.
    private func object(at path: CIMObjectPath, _ served: ServedClass?, for id: OperationID) async throws(CIMError) -> [CheckedObjects] {
        guard let served else {
            guard let record = records[id] else { throw Self.isOver(id) }
            return [try encoded([try await storedInstance(at: path, in: record.namespace)], record)]
        }
        let part = try openGet(path, served, of: id)
        var objects: [CheckedObjects] = []
        while let batch = try await next(of: part) { objects.append(batch) }
        return objects
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
    ///
    /// - Parameter hasBegun: set once something was handed out.
    func enumerateMerging(
        _ hierarchy: ClassHierarchy, for id: OperationID, onlyClass: String?, hasBegun: JoinTurn.Flag = .init()
    ) async throws(CIMError) {
        let inner = Set(hierarchy.served.compactMap(\.above))
        merges[id] = HierarchyMerge(inner, MergeBudget(within: mergeBudget), try unitMerge(for: id))
        defer { merges[id] = nil }
        let count = hierarchy.served.count
        // The classes one after the other, then what no class below has, then what is stored.
        var parts = (0..<count).map { FanOut.Part(ways: [inner.contains($0) ? .notCapable : []]) }
        parts.append(FanOut.Part())
        if !hierarchy.stored.isEmpty, onlyClass == nil { parts.append(FanOut.Part()) }
        _ = try await inTurn(.fanOut(FanOut(parts, width: 1)), for: id) { broker, turn throws(CIMError) in
            switch turn.part {
            case count:
                for (index, served) in hierarchy.served.enumerated() where !served.isAncestor {
                    guard let table = broker.merges[id]?.tables[index] else { continue }
                    while let rest = try table.removeRest(ofAtMost: Contract.largestBatch / 2) {
                        try await broker.supply(.rewritten(rest), to: id, onlyClass: onlyClass, hasBegun)
                    }
                }
            case count + 1:
                hasBegun.set()
                try await broker.enumerate(.stored(classes: hierarchy.stored), for: id)
            default:
                let served = hierarchy.served[turn.part]
                let part = try broker.openPart(of: id, .createInstanceEnum, broker.target(served)) { part in
                    part.path = served.layout.className
                    part.target = served.layout.className
                    part.expectation = .instances(of: served.layout)
                    part.context = Self.reading(part.context, served.layout)
                    part.step = (turn.part, count)
                }
                while let batch = try await broker.next(of: part) {
                    let left = try broker.merges[id]?.completed(batch, of: turn.part, below: served.above)
                    if let left, !served.isAncestor { try await broker.supply(left, to: id, onlyClass: onlyClass, hasBegun) }
                }
            }
            return ""
        }
    }

    private func supply(
        _ objects: CheckedObjects, to id: OperationID, onlyClass: String?, _ hasBegun: JoinTurn.Flag
    ) async throws(CIMError) {
        guard let record = records[id] else { return }
        var objects = objects
        if let onlyClass {
            let (reader, ranges) = objects.contents
            let wanted = ranges.filter { CIMName.equal(ObjectRow.className(at: $0, in: reader), onlyClass) }
            do throws(ObjectFault) { objects = try objects.keeping(wanted) } catch { throw CIMError(error.resultStatus, error.description) }
        }
        let left = try filtered(objects, record)
        if !left.sizes.isEmpty { hasBegun.set() }
        try await supply(left, to: id)
    }

    /// One provider's objects of exactly one class, where it also has some of classes below.
    func enumerate(only served: ServedClass, for id: OperationID) async throws(CIMError) {
        try await enumerateMerging(ClassHierarchy(served: [served]), for: id, onlyClass: served.layout.className)
    }

    // MARK: - Delete

    /// One concrete class of the hierarchy, above or below, with the path as its own; last, what is stored (C.2, R136).
    func askToDelete(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, _ index: Int, of whole: OperationID) throws(CIMError) {
        guard let record = records[whole] else { throw Self.isOver(whole) }
        let asked = hierarchy.served.filter(\.isConcrete)
        guard index < asked.count else {
            try core.rights.checkMayWrite(.deleteInstance, in: record.namespace, user: record.userID)
            return doPart(index, of: whole) { broker throws(CIMError) in
                try await broker.commit([.deleteInstance(path, in: record.namespace)])
            }
        }
        let served = asked[index]
        try openPart(of: whole, index: index, .deleteInstance, target(served)) { part in
            let layout = served.concrete ?? served.layout
            part.path = Self.path(path, of: layout)
            part.target = part.path.clipped()
            part.expectation = .instances(of: layout)
            part.step = (index, asked.count)
        }
    }

    // MARK: - Methods

    /// The classes whose providers may have the instance that a path names, the most derived first.
    static func candidates(_ hierarchy: ClassHierarchy) -> [ServedClass] { hierarchy.served.reversed().filter { !$0.isAncestor } }

    /// Whose providers are asked for the class of the instance that a path names, where it may be one below the path's class (C.5: a path of a
    /// parent class invokes the override of the instance's class); then the method runs.
    func candidates(for path: CIMObjectPath, _ hierarchy: ClassHierarchy, of id: OperationID) -> GetJoin {
        let declaration = records[id].flatMap { schema.declaration(path.className, in: $0.namespace) }
        // It has no instances of its own, or what it has is its own.
        let nobody: Outcome =
            declaration?.isUnserved ?? false
            ? .stated(.notFound, "no provider of a class below \(path.className) has this instance") : Outcome(.noError)
        return GetJoin(
            lines: Self.candidates(hierarchy).map { _ in 1 }, search: .pastIncapable, speaks: false, concludes: true, otherwise: nobody,
            unsure: Outcome(.noError))
    }

    /// One class's provider is asked for the instance; last, the method of the class that the instance really has is run.
    func askToInvoke(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, _ index: Int, of whole: OperationID) throws(CIMError) {
        let candidates = Self.candidates(hierarchy)
        guard index < candidates.count else { return try run(path, index, of: whole) }
        let served = candidates[index]
        try openPart(of: whole, index: index, .getObject, target(served)) { part in
            part.path = Self.path(path, of: served.layout)
            part.target = part.path.clipped()
            part.expectation = .instances(of: served.layout)
        }
    }
}
