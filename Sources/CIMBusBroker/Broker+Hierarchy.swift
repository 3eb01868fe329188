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
        let places = Self.lines(of: path, hierarchy).places
        guard index < places.count else {
            guard let record = records[whole] else { throw Self.isOver(whole) }
            handOn(try filtered(try putTogether(record.gathered, for: whole), record), to: whole)
            return succeeded(index, of: whole)
        }
        if places[index].isFirst { records[whole]?.gathered = [] }
        guard let served = places[index].served else { return try openPages(.instance(path), index, of: whole) }
        try openPart(of: whole, index: index, .getObject, target(served)) { part in
            part.path = Self.path(path, of: served.layout)
            part.subject = part.path.clipped()
            part.expectation = .instances(of: served.layout)
            part.context = Self.reading(part.context, served.layout)
        }
    }

    /// What the classes of a line say about one instance, the most derived class first, as one object.
    private func putTogether(_ objects: [CheckedObjects], for id: OperationID) throws(CIMError) -> CheckedObjects {
        var objects = objects
        guard var result = objects.popLast() else { throw CIMError(.notFound, "no provider has this instance") }
        guard let namespace = records[id]?.namespace else { throw Self.isOver(id) }
        var merge = unitMerge(in: namespace)
        while let derived = objects.popLast() { result = try merge.completed(derived, with: result) }
        return result
    }

    /// The object at a path is asked for, as GetObject would give it. NotFound where there is none. Nothing of it is filtered.
    func askForObject(at path: CIMObjectPath, _ index: Int, of whole: OperationID) throws(CIMError) {
        guard let record = records[whole] else { throw Self.isOver(whole) }
        guard let layout = schema.layout(path.className, in: record.namespace), let declaration = layout.declaration else {
            throw CIMError(.notFound, "there is no class \(path.className.clipped())")
        }
        let hierarchy = resolver(for: record.caller).hierarchy(
            of: layout, in: record.namespace, for: .getObject, below: !declaration.isServed)
        if let nobody = hierarchy.nobody { throw Self.failure(nobody) }
        try openPart(of: whole, index: index, .getObject, .get(path, hierarchy)) { part in part.expectation = record.expectation }
    }

    /// A class in a line of ``GetJoin``; nil: the repository.
    typealias Place = (served: ServedClass?, isFirst: Bool)

    /// Who may have a part of the instance: the line of the class that the path names, where that is served; else the repository, and the line
    /// of each class below it.
    static func lines(of path: CIMObjectPath, _ hierarchy: ClassHierarchy) -> (join: GetJoin, places: [Place]) {
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
            return (GetJoin(line: line.count, concludes: true), line)
        }
        let lines = hierarchy.served.indices.filter { !hierarchy.served[$0].isAncestor }.map { line(from: $0) }
        let nobody = Outcome.stated(.notFound, "no provider of \(path.className), or of a class below it, has this instance")
        return (
            GetJoin(lines: [1] + lines.map(\.count), search: .pastIncapable, concludes: true, otherwise: nobody),
            [(nil, true)] + lines.flatMap(\.self)
        )
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

    private func unitMerge(in namespace: CIMNamespaceName) -> UnitMerge {
        UnitMerge { [schema] in schema.layout($0, in: namespace) }
    }

    func target(_ served: ServedClass) throws(CIMError) -> Request.Target {
        switch served.responder {
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

    /// What the providers of a hierarchy have, each instance once (C.4): what those of the ancestors have is gathered, what those of the classes
    /// without one below them have streams past, and takes the inherited properties along.
    ///
    /// The classes are asked one after the other. Then comes what no class below has, then what is stored.
    func beginMerge(of hierarchy: ClassHierarchy, for id: OperationID) -> FanOut {
        let inner = Set(hierarchy.served.compactMap(\.above))
        if let namespace = records[id]?.namespace {
            merges[id] = HierarchyMerge(inner, MergeBudget(within: mergeBudget), unitMerge(in: namespace))
        }
        let classes = hierarchy.served.indices.map { FanOut.Part([inner.contains($0) ? .excusesNotCapable : []]) }
        return FanOut(classes + Array(repeating: FanOut.Part(), count: hierarchy.stored.isEmpty ? 1 : 2), width: 1)
    }

    func askToEnumerate(_ hierarchy: ClassHierarchy, _ index: Int, of whole: OperationID) throws(CIMError) {
        let count = hierarchy.served.count
        switch index {
        case count:
            let units = hierarchy.served.indices.filter { !hierarchy.served[$0].isAncestor }
            try openPages(.rest(units[...]), index, of: whole)
        case count + 1: try openPages(.stored(classes: hierarchy.stored), index, of: whole)
        default:
            let served = hierarchy.served[index]
            try openPart(of: whole, index: index, .createInstanceEnum, target(served)) { part in
                part.path = served.layout.className
                part.subject = served.layout.className
                part.expectation = .instances(of: served.layout)
                part.context = Self.reading(part.context, served.layout)
                part.step = (index, count)
            }
        }
    }

    /// What is complete of a part's objects, as far as the client wants it; nil: nothing.
    func merged(
        _ objects: CheckedObjects, _ hierarchy: ClassHierarchy, _ onlyClass: String?, _ index: Int, of whole: OperationID
    ) throws(CIMError) -> CheckedObjects? {
        var left = objects
        if index < hierarchy.served.count {
            let served = hierarchy.served[index]
            let completed = try merges[whole]?.completed(objects, of: index, below: served.above)
            guard let completed, !served.isAncestor else { return nil }
            left = completed
        }
        if let onlyClass {
            let (reader, ranges) = left.contents
            let wanted = ranges.filter { CIMName.equal(ObjectRow.className(at: $0, in: reader), onlyClass) }
            do throws(ObjectFault) { left = try left.keeping(wanted) } catch { throw CIMError(error.resultStatus, error.description) }
        }
        guard let record = records[whole] else { return nil }
        return try filtered(left, record)
    }

    // MARK: - Delete

    func deletion(of path: CIMObjectPath, _ hierarchy: ClassHierarchy, by id: OperationID) -> DeleteJoin {
        let mayWrite = records[id].map { resolver(for: $0.caller).mayWriteStored(path.className, in: $0.namespace) } ?? false
        return DeleteJoin(
            decides: hierarchy.concrete.map(\.isTopmost),
            stored: hierarchy.stored.isEmpty ? .no : mayWrite ? .yes : .lastResort,
            otherwise: .stated(.notFound, "no provider of \(path.className) could delete it"))
    }

    /// One concrete class of the hierarchy, above or below, with the path as its own; last, what is stored (C.2, R136).
    func askToDelete(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, _ index: Int, of whole: OperationID) throws(CIMError) {
        guard let record = records[whole] else { throw Self.isOver(whole) }
        let asked = hierarchy.concrete
        guard index < asked.count else {
            try resolver(for: record.caller).checkMayWriteStored(path.className, in: record.namespace, .deleteInstance)
            let work = Work.commit([.deleteInstance(path, in: record.namespace)])
            return try openPart(of: whole, index: index, .deleteInstance, work)
        }
        let served = asked[index]
        try openPart(of: whole, index: index, .deleteInstance, target(served)) { part in
            let layout = served.concrete ?? served.layout
            part.path = Self.path(path, of: layout)
            part.subject = part.path.clipped()
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
            part.subject = part.path.clipped()
            part.expectation = .instances(of: served.layout)
        }
    }
}
