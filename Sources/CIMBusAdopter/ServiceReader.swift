import CIM
import CIMAdoption
import CIMQuery
import DBus

/// Reads the objects of an adopted class from its service, and makes CIM objects of them as they come.
struct ServiceReader: Sendable {
    /// What is wanted.
    struct Request: Sendable {
        /// The properties beside the keys; nil: all.
        var names: [String]?
        var query: ProviderQuery?
        /// When nobody waits any more.
        var deadline: ContinuousClock.Instant?
        /// Whether nothing is wanted of what is read but the objects made of it.
        var wantsObjectsAlone = true

        init(names: [String]? = nil, query: ProviderQuery? = nil, deadline: ContinuousClock.Instant? = nil) {
            self.names = names
            self.query = query
            self.deadline = deadline
        }
    }

    /// How long one call of a service may take, where the mapping says nothing.
    static let longestCall = Duration.seconds(10)

    let services: any ServiceCalling
    let classes: AdoptedClasses
    private(set) var builder: InstanceBuilder
    private let plans = ReadPlans()

    init(_ services: any ServiceCalling, _ classes: AdoptedClasses, _ misfits: Misfits) {
        self.services = services
        self.classes = classes
        builder = InstanceBuilder(classes, misfits)
    }

    /// The same, for an operation that begins now.
    var now: ServiceReader {
        var reader = self
        reader.builder.setTime()
        return reader
    }

    func timeout(_ adopted: AdoptedClass, _ request: Request) -> Duration {
        let longest = adopted.context.timeout ?? Self.longestCall
        guard let deadline = request.deadline else { return longest }
        return min(longest, max(.milliseconds(1), deadline - ContinuousClock.now))
    }

    // MARK: - All objects

    /// Hands over every object of exactly this class that the query may want. What the query says of columns and paths is filtered here, before
    /// the objects are asked.
    func objects(of adopted: AdoptedClass, _ request: Request, _ receiver: ObjectReceiver) async throws {
        if let query = request.query, let bounds = RowBounds(query, adopted, classes), try await lookUp(bounds, adopted, request, receiver)
        {
            return
        }
        var operation = await Operation(self, adopted, request)
        switch adopted.context.source {
        case .object(let path):
            let plan = try plan(adopted, request, hasColumns: false, isExistenceKnown: false)
            try await operation.run(plan, rows: .known([ObjectRow(path: path)]), receiver)
        case .list(let call, let columns): try await operation.list(call, columns, receiver)
        case .managed(let path): try await operation.managed(path, receiver)
        case .tree(let pattern): try await operation.tree(pattern, receiver)
        }
    }

    func plan(_ adopted: AdoptedClass, _ request: Request, hasColumns: Bool, isExistenceKnown: Bool) throws(CIMError) -> ReadPlan {
        guard let plan = madePlan(adopted, request, hasColumns: hasColumns, isExistenceKnown: isExistenceKnown) else {
            throw CIMError(.failed, "a property of \(adopted.name) stands in a column alone, and its class lists no rows")
        }
        return plan
    }

    private func madePlan(
        _ adopted: AdoptedClass, _ request: Request, hasColumns: Bool = false, isExistenceKnown: Bool, isTurned: Bool = false
    ) -> ReadPlan? {
        let key = ReadPlans.Key(
            className: CIMName(adopted.name), names: request.names?.map { CIMName($0) }, hasColumns: hasColumns,
            isExistenceKnown: isExistenceKnown, isTurned: isTurned,
            convertsAtOnce: request.wantsObjectsAlone)
        return plans.plan(key, adopted)
    }

    // MARK: - One object

    /// The object with these keys; nil where there is none.
    func object(of adopted: AdoptedClass, keys: CIMObjectPath.Keys, _ request: Request) async throws -> CIMInstance? {
        var given: [CIMObjectPath.Key] = []
        if case .keys(let keys) = keys { given = keys }
        // A key by position has its name from the class.
        if given.count == 1, given[0].name == nil, let name = adopted.keys.first?.name { given[0].name = name }
        let conditions = adopted.context.conditions
        if RowConditions.hold(conditions, given) == false { return nil }
        let found = Box<CIMInstance?>(nil)
        if adopted.context.each.isEmpty, let plan = madePlan(adopted, request, isExistenceKnown: false) {
            switch try await row(adopted, given, request) {
            case .absent: return nil
            case .row(let row, let target):
                let operation = await Operation(self, adopted, request, target)
                guard let read = try await operation.fetch(row, plan), try await operation.isPresent(read, plan) else { return nil }
                return builder.instance(read, plan).flatMap { matches($0, given) && RowConditions.hold(conditions, $0) ? $0 : nil }
            case .unknown: break
            }
        }
        // Only a look at all of them tells. The condition on the keys is a query's.
        let condition = WQLCondition.all(
            given.compactMap { key in
                guard let name = key.name, let literal = key.value.literal else { return nil }
                return .comparison(.init(PropertyPath(CIMName(name)), .compare(.equal, literal)))
            })
        let query = condition.flatMap { ProviderQuery("SELECT * FROM \(adopted.name) WHERE \($0)") }
        var listing = request
        listing.query = query
        var operation = await Operation(self, adopted, listing)
        operation.keys = given
        try await operation.all(ObjectReceiver { instance in if matches(instance, given) { found.value = instance } })
        return found.value
    }

    private func matches(_ instance: CIMInstance, _ keys: [CIMObjectPath.Key]) -> Bool {
        keys.allSatisfy { key in
            guard let name = key.name, let value = instance[name].flatMap({ CIMObjectPath.KeyValue($0) }) else { return key.name == nil }
            // Services tell names apart by case.
            if case .string(let one) = value, case .string(let other) = key.value { return one == other }
            return value == key.value
        }
    }

    enum FoundRow {
        case row(ObjectRow, ServiceTarget)
        case absent
        /// Nothing says where an object with these keys is.
        case unknown
    }

    /// Where the object with these keys is.
    func row(_ adopted: AdoptedClass, _ keys: [CIMObjectPath.Key], _ request: Request) async throws -> FoundRow {
        var target = ServiceTarget(adopted.context)
        func key(_ name: String) -> String? {
            guard let value = keys.first(where: { $0.name.map { CIMName.equal($0, name) } ?? false })?.value else { return nil }
            return switch value {
            case .string(let text): text
            case .integer(let number): String(number)
            case .unsigned(let number): String(number)
            case .boolean(let flag): flag ? "true" : "false"
            case .reference: nil
            }
        }
        switch adopted.context.finding {
        case .path(let template)?:
            guard let path = template.path(key) else { return .absent }
            return .row(ObjectRow(path: path), target)
        case .call(let template)?:
            guard let path = template.path?.path(key) else { return .absent }
            var values: [DBusValue] = []
            for argument in template.arguments {
                guard let value = ArgumentWriter.value(argument, property: { key($0).map { .string($0) } }) else { return .absent }
                values.append(value)
            }
            do throws(DBusError) {
                let call = ServiceCall(target, path, template.interface, template.member, values, timeout: timeout(adopted, request))
                let reply = try await services.call(call)
                target.keep(reply)
                guard let text = try? reply.values().first?.text, let found = try? ObjectPath(text) else { return .absent }
                return .row(ObjectRow(path: found), target)
            } catch {
                if ServiceFailure.ends(error) { throw ServiceFailure.error(error, adopted.context, "find \(adopted.name)") }
                return .absent
            }
        case nil: break
        }
        switch adopted.context.source {
        case .object(let path): return .row(ObjectRow(path: path), target)
        case .list: return .unknown
        case .managed, .tree: break
        }
        // Where a key is in the path, the path may follow from the key.
        for property in adopted.keys {
            for way in adopted.way(property.name) where way.steps.isEmpty && way.conversions.isEmpty {
                guard let value = key(property.name) else { continue }
                switch way.origin {
                case .path: return (try? ObjectPath(value)).map { .row(ObjectRow(path: $0), target) } ?? .absent
                case .pathElement(0, let isRaw):
                    guard case .tree(let pattern) = adopted.context.source, pattern.elements.last == .any,
                        let parent = PathTemplate(Array(pattern.elements.dropLast())).path({ _ in nil })
                    else { continue }
                    let element = isRaw ? value : BusLabel.escape(value)
                    guard let path = try? ObjectPath((parent.text == "/" ? "" : parent.text) + "/" + element) else { return .absent }
                    return .row(ObjectRow(path: path), target)
                default: continue
                }
            }
        }
        return .unknown
    }

    /// Reads those rows alone that the query names. False where that does not answer it.
    private func lookUp(_ bounds: RowBounds, _ adopted: AdoptedClass, _ request: Request, _ receiver: ObjectReceiver) async throws -> Bool {
        switch bounds.rows {
        case .keys(let all):
            guard let plan = madePlan(adopted, request, isExistenceKnown: false) else { return false }
            var found = 0
            for keys in all {
                if RowConditions.hold(adopted.context.conditions, keys) == false { continue }
                guard case .row(let row, let target) = try await self.row(adopted, keys, request) else { return false }
                let operation = await Operation(self, adopted, request, target)
                guard let read = try await operation.fetch(row, plan), try await operation.isPresent(read, plan),
                    let instance = builder.instance(read, plan), RowConditions.hold(adopted.context.conditions, instance)
                else { continue }
                found += 1
                try await receiver.take(instance)
            }
            // WQL compares without case, and services do not: another spelling may be there.
            return found == all.count
        case .objects(let paths, let opposites):
            guard let plan = madePlan(adopted, request, isExistenceKnown: true) else { return false }
            let operation = await Operation(self, adopted, request)
            try await operation.run(plan, rows: .known(paths.map { ObjectRow(path: $0) }[...]), receiver)
            for opposite in opposites { try await fromOpposite(opposite, adopted, request, receiver) }
            return true
        }
    }

    /// The objects of the class that the object on their other side knows of.
    private func fromOpposite(_ opposite: RowBounds.Opposite, _ adopted: AdoptedClass, _ request: Request, _ receiver: ObjectReceiver)
        async throws
    {
        var turned = adopted
        turned.context.each = adopted.context.each.compactMap { each in
            each.inverse.map { ClassContext.Each(property: $0, inverse: each.property) }
        }
        guard let target = classes[opposite.className],
            let plan = madePlan(turned, request, isExistenceKnown: true, isTurned: true),
            let read = try await Operation(self, turned, request).fetch(ObjectRow(path: opposite.path), plan)
        else { return }
        for each in turned.context.each {
            for name in read.properties[each.property]?.elements ?? [] {
                guard let text = name.text, let member = each.inverse?.name,
                    let path = RowBounds.objectPath(target, [.init(name: opposite.key, value: .string(text))])
                else { continue }
                var row = ObjectRow(path: path)
                row.element = .string(opposite.element)
                row.member = member
                guard var instance = builder.instance(row, plan) else { continue }
                if let query = request.query { RowBounds.adjust(&instance, to: query, classes) }
                try await receiver.take(instance)
            }
        }
    }
}

/// A value that closures share, within one task.
final class Box<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
}

extension CIMObjectPath.KeyValue {
    fileprivate var literal: WQLLiteral? {
        switch self {
        case .string(let text): .string(text)
        case .integer(let number): .integer(Int128(number))
        case .unsigned(let number): .integer(Int128(number))
        case .boolean(let flag): .boolean(flag)
        case .reference(let path): .string("\(path)")
        }
    }
}
