import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository

/// How a class's hierarchy is divided between those who have instances of it (Semantics C.1 to C.4).
extension Resolver {
    /// - Parameter below: whether the classes below `layout`'s are part of it.
    /// - Parameter above: whether the classes above are.
    func hierarchy(
        of layout: ObjectLayout, in namespace: CIMNamespaceName, for kind: Request.Kind, above: Bool = true, below: Bool = true
    ) -> ClassHierarchy {
        guard let named = layout.declaration else { return ClassHierarchy() }
        var result = ClassHierarchy()
        // A class that the caller may not look at has no part in what he gets. Whether he may look at the named one has been checked.
        let isSelective = rights.isSelective(for: caller, in: namespace.text)
        func isHidden(_ declaration: CIMClass) -> Bool {
            isSelective && !CIMName.equal(declaration.name, named.name) && !sees(declaration.name, in: namespace, for: kind)
        }

        func provider(_ declaration: CIMClass) -> String? {
            declaration.isServed && !declaration.isBrokers && !isHidden(declaration) ? declaration.providerName : nil
        }
        func isStored(_ declaration: CIMClass) -> Bool {
            !declaration.isAbstract && (!declaration.isDynamic || declaration.isBrokers) && !isHidden(declaration)
        }
        // What a class without keys has are no parts of instances below it that have some: nothing tells which belongs to which.
        func isPart(_ above: CIMClass, of below: CIMClass) -> Bool {
            above.hasKeys || above.isSingleton || !below.hasKeys
        }
        func isTopmost(_ declaration: CIMClass) -> Bool {
            guard !declaration.isAbstract else { return false }
            return declaration.superclass.flatMap { schema.class($0, in: namespace) }.map {
                $0.isAbstract || !isPart($0, of: declaration)
            }
                ?? true
        }
        func add(_ declaration: CIMClass, isAncestor: Bool, above: Int?, concrete: CIMClass? = nil) -> Int {
            let responder = self.provider(named: declaration.providerName ?? "", of: declaration, in: namespace, for: kind)
            let own = CIMName.equal(declaration.name, named.name) ? layout : snapshot.layout(declaration.name, in: namespace) ?? layout
            result.served.append(
                ServedClass(
                    layout: own, responder: responder, isAncestor: isAncestor, above: above,
                    concrete: concrete.flatMap { snapshot.layout($0.name, in: namespace) }, isConcrete: !declaration.isAbstract,
                    isTopmost: isTopmost(declaration)))
            return result.served.count - 1
        }
        func join(_ declaration: CIMClass, _ unit: Int) {
            if !declaration.isAbstract { result.served[unit].isConcrete = true }
            if isTopmost(declaration) { result.served[unit].isTopmost = true }
        }

        // From the top down to the named class. The class of a unit is its last one.
        var unit: Int?
        var line = above ? named.derivation.reversed().compactMap { schema.class($0, in: namespace) } : []
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
            if named.isUnserved { result.nobody = .hasNoProvider(named) }
            return result
        }

        // Everything below it. The class of a unit is its first one. A list and no recursion: nothing bounds how deep classes derive. A
        // class that names no provider has no part in its instances; the units above and below it meet.
        var left: [(declaration: CIMClass, unit: Int?)] = [(named, unit)]
        while let (declaration, unit) = left.popLast() {
            let mine = provider(declaration)
            for child in schema.children(of: declaration.name, in: namespace).reversed() {
                guard let child = schema.class(child, in: namespace) else { continue }
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
        if named.isUnserved, result.served.allSatisfy(\.isAncestor) { result.nobody = .hasNoProvider(named) }
        return result
    }
}
