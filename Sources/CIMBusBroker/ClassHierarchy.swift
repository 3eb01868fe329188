import CIM
import CIMBusCore
import CIMBusWire

/// A class whose provider is not the one of the class above it: the unit in which a hierarchy is asked (SEMANTICS C.1 to C.4).
///
/// Classes next to each other that name the same provider are one unit: that provider knows its own hierarchy, and is asked once, for the
/// class closest to what the client named.
struct ServedClass: Sendable {
    let layout: ObjectLayout
    /// Who answers, or why nobody does.
    let target: Target
    /// Whether the class is above the one that the client named.
    let isAncestor: Bool
    /// The unit above it, by its place in the list.
    let above: Int?
    /// The lowest concrete class of a unit above the named class, where that is not the unit's own: what a delete names there.
    let concrete: ObjectLayout?
    /// Whether a class of the unit is concrete, and one of those is below none (SEMANTICS C.2).
    var isConcrete: Bool
    var isTopmost: Bool

    var requestTarget: Request.Target {
        switch target {
        case .provider(let registration): .provider(registration)
        case .failure(let outcome): .broker(outcome, answer: nil)
        }
    }

    enum Target: Sendable {
        case provider(RegistrationID)
        case failure(Outcome)
    }
}

/// The units of a class's hierarchy, a unit above those below it; and the static concrete classes at and below it.
struct ClassHierarchy: Sendable {
    var served: [ServedClass] = []
    var stored: [String] = []
    /// Why nobody has an instance of the named class, or of one below it: it is dynamic and names no provider, and no class below is served.
    var nobody: Outcome?

    /// Where the instances are, each source for itself.
    var sources: [InstanceSource] {
        let providers = served.filter { !$0.isAncestor }.map { served -> InstanceSource in
            switch served.target {
            case .provider(let registration): .provider(registration, served.layout)
            case .failure(let outcome): .failure(outcome, of: served.layout)
            }
        }
        return stored.isEmpty ? providers : providers + [.stored(classes: stored)]
    }

    /// Whether a unit has another one below it: their answers have to be merged.
    var needsMerge: Bool { served.contains { $0.above != nil } }
}

extension Broker {
    /// - Parameter below: whether the classes below `layout`'s are part of it.
    /// - Parameter above: whether the classes above are.
    func hierarchy(
        of layout: ObjectLayout, in namespace: CIMNamespaceName, for kind: Request.Kind, above: Bool = true, below: Bool = true
    ) -> ClassHierarchy {
        guard let named = layout.declaration else { return ClassHierarchy() }
        let snapshot = schema.schema
        var result = ClassHierarchy()

        func provider(_ declaration: CIMClass) -> String? { declaration.isServed && !isOwn(declaration) ? declaration.providerName : nil }
        func isStored(_ declaration: CIMClass) -> Bool { !declaration.isAbstract && (!declaration.isDynamic || isOwn(declaration)) }
        // What a class without keys has are no parts of instances below it that have some: nothing tells which belongs to which.
        func isPart(_ above: CIMClass, of below: CIMClass) -> Bool {
            !above.keyProperties.isEmpty || above.isSingleton || below.keyProperties.isEmpty
        }
        func isTopmost(_ declaration: CIMClass) -> Bool {
            guard !declaration.isAbstract else { return false }
            return declaration.superclass.flatMap { snapshot.class($0, in: namespace) }.map {
                $0.isAbstract || !isPart($0, of: declaration)
            }
                ?? true
        }
        func add(_ declaration: CIMClass, isAncestor: Bool, above: Int?, concrete: CIMClass? = nil) -> Int {
            let target: ServedClass.Target =
                switch self.provider(of: declaration, in: namespace, for: kind) {
                case .provider(let registration): .provider(registration)
                case .broker(let outcome, _): .failure(outcome)
                case .conducted: .failure(.stated(.providerNotFound, "class \(declaration.name) names no provider"))
                }
            let own = CIMName.equal(declaration.name, named.name) ? layout : schema.layout(declaration.name, in: namespace) ?? layout
            result.served.append(
                ServedClass(
                    layout: own, target: target, isAncestor: isAncestor, above: above,
                    concrete: concrete.flatMap { schema.layout($0.name, in: namespace) }, isConcrete: !declaration.isAbstract,
                    isTopmost: isTopmost(declaration)))
            return result.served.count - 1
        }
        func join(_ declaration: CIMClass, _ unit: Int) {
            if !declaration.isAbstract { result.served[unit].isConcrete = true }
            if isTopmost(declaration) { result.served[unit].isTopmost = true }
        }

        // From the top down to the named class. The class of a unit is its last one.
        var unit: Int?
        var line = above ? named.derivation.reversed().compactMap { snapshot.class($0, in: namespace) } : []
        line.removeAll { !isPart($0, of: named) }
        line.append(named)
        var start = 0
        while start < line.count {
            guard let name = provider(line[start]) else {
                start += 1
                continue
            }
            var end = start
            while end + 1 < line.count, let next = provider(line[end + 1]), CIMName.equal(next, name) { end += 1 }
            let concrete = line[end].isAbstract ? line[start..<end].last { !$0.isAbstract } : nil
            let index = add(line[end], isAncestor: end < line.count - 1, above: unit, concrete: concrete)
            for declaration in line[start..<end] { join(declaration, index) }
            unit = index
            start = end + 1
        }
        if isStored(named) { result.stored.append(named.name) }
        guard below else {
            if named.isUnserved { result.nobody = Self.hasNoProvider(named) }
            return result
        }

        // Everything below it. The class of a unit is its first one. A list and no recursion: nothing bounds how deep classes derive. A
        // class that names no provider has no part in its instances; the units above and below it meet.
        var left: [(declaration: CIMClass, unit: Int?)] = [(named, unit)]
        while let (declaration, unit) = left.popLast() {
            let mine = provider(declaration)
            for child in snapshot.children(of: declaration.name, in: namespace).reversed() {
                guard let child = snapshot.class(child, in: namespace) else { continue }
                var childUnit = unit
                if let name = provider(child) {
                    if let unit, let mine, CIMName.equal(mine, name) {
                        join(child, unit)
                    } else {
                        let parent = unit.flatMap { result.served[$0].layout.declaration }
                        childUnit = add(child, isAncestor: false, above: parent.map { isPart($0, of: child) } ?? true ? unit : nil)
                    }
                } else if isStored(child) {
                    result.stored.append(child.name)
                }
                left.append((child, childUnit))
            }
        }
        if named.isUnserved, result.served.allSatisfy(\.isAncestor) { result.nobody = Self.hasNoProvider(named) }
        return result
    }

    /// Why an operation on a dynamic class without a provider ends: nobody is asked, the provider of a class above it neither.
    static func hasNoProvider(_ declaration: CIMClass) -> Outcome {
        .stated(
            .providerNotFound,
            "class \(declaration.name) is dynamic and names no provider, so nobody has instances of it; give it the qualifier provider")
    }
}
