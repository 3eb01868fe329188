import CIM
import CIMAdoption
import CIMQuery
import DBus

/// Rows, one after the other.
enum ObjectRows {
    case listed(ListReader)
    case managed(ManagedReader)
    case known(ArraySlice<ObjectRow>)

    /// Nil at the end.
    mutating func next() throws(DBusDecodingError) -> ObjectRow? {
        switch self {
        case .listed(var reader):
            defer { self = .listed(reader) }
            return try reader.next()
        case .managed(var reader):
            defer { self = .managed(reader) }
            return try reader.next()
        case .known(var rows):
            defer { self = .known(rows) }
            return rows.popFirst()
        }
    }
}

/// Where the objects go that an operation reads. A class, so that the compiler makes of the reading one function, and not one for each use.
final class ObjectReceiver {
    let take: (CIMInstance) async throws -> Void
    /// Takes what an object was made of, too.
    let takeRow: ((ObjectRow, CIMInstance) async throws -> Void)?

    init(_ take: @escaping (CIMInstance) async throws -> Void) { (self.take, takeRow) = (take, nil) }

    init(rows: @escaping (ObjectRow, CIMInstance) async throws -> Void) { (take, takeRow) = ({ _ in }, rows) }
}

/// One reading of objects: its calls go to one process of the service.
struct Operation: Sendable {
    let reader: ServiceReader
    let adopted: AdoptedClass
    let request: ServiceReader.Request
    var target: ServiceTarget
    /// What is kept of the service's objects; nil: nothing.
    let cache: ServiceCache?
    /// The keys of the one object that is wanted; nil: all.
    var keys: [CIMObjectPath.Key]?

    init(_ reader: ServiceReader, _ adopted: AdoptedClass, _ request: ServiceReader.Request, _ target: ServiceTarget? = nil) async {
        self.reader = reader
        self.adopted = adopted
        self.request = request
        self.target = target ?? ServiceTarget(adopted.context)
        cache = adopted.context.caching == nil ? nil : await reader.services.cache(adopted.context)
    }

    private var context: ClassContext { adopted.context }

    func call(_ what: String, _ make: (Duration) -> ServiceCall) async throws(DBusError) -> Message {
        try await reader.services.call(make(reader.timeout(adopted, request)))
    }

    /// Reads all objects, whatever the query fixes.
    mutating func all(_ receiver: ObjectReceiver) async throws {
        switch context.source {
        case .object(let path):
            let plan = try reader.plan(adopted, request, hasColumns: false, isExistenceKnown: false)
            try await run(plan, rows: .known([ObjectRow(path: path)]), receiver)
        case .list(let call, let columns): try await list(call, columns, receiver)
        case .managed(let path): try await managed(path, receiver)
        case .tree(let pattern): try await tree(pattern, receiver)
        }
    }

    // MARK: - Sources

    /// The first call of the operation. Nil where the service does not run and is not to be started.
    private mutating func first(_ what: String, _ path: ObjectPath, _ interface: InterfaceName, _ member: MemberName, _ values: [DBusValue])
        async throws -> Message?
    {
        do throws(DBusError) {
            let call = ServiceCall(target, path, interface, member, values, timeout: reader.timeout(adopted, request))
            let reply = try await reader.services.call(call)
            target.keep(reply)
            return reply
        } catch {
            if !context.startsService, error.code == .errorReply(.serviceUnknown) || error.code == .errorReply(.nameHasNoOwner) {
                return nil
            }
            throw ServiceFailure.error(error, context, what)
        }
    }

    mutating func list(_ call: CallTemplate, _ columns: [ClassContext.Column], _ receiver: ObjectReceiver) async throws {
        let plan = try reader.plan(adopted, request, hasColumns: true, isExistenceKnown: true)
        let what = "list \(adopted.name)"
        let values = call.arguments.compactMap { ArgumentWriter.value($0) }
        guard let path = call.path?.path({ _ in nil }),
            let reply = try await first(what, path, call.interface, call.member, values)
        else { return }
        guard let rows = ListReader(reply, columns, needed: plan.columns) else {
            throw CIMError(
                .providerFailure,
                "service \(context.service) answered \(call.member) with (\(reply.signature)), which has not the \(columns.count) columns of \(adopted.name)'s ClassContext"
            )
        }
        try await run(plan, rows: .listed(rows), receiver)
    }

    mutating func managed(_ path: ObjectPath, _ receiver: ObjectReceiver) async throws {
        let plan = try reader.plan(adopted, request, hasColumns: false, isExistenceKnown: true)
        if let cache = currentCache, let rows = cache.rows(of: path, having: context.interfaces, plan.wanted) {
            target.owner = cache.owner
            return try await run(plan, rows: .known(rows[...]), isRead: true, receiver)
        }
        let ticket = cache?.ticket(for: nil)
        defer { if let ticket { cache?.giveBack(ticket) } }
        guard
            let reply = try await first(
                "list \(adopted.name)", path, .objectManager, MemberName(verified: "GetManagedObjects"), [])
        else { return }
        guard let rows = ManagedReader(reply, plan, reader.builder, required: context.interfaces) else {
            throw CIMError(.providerFailure, "service \(context.service) answered GetManagedObjects with (\(reply.signature))")
        }
        if let cache = currentCache, let ticket {
            cache.keep(managed: reply, of: path, ticket)
            // What the service says of the interfaces it says of each object alike.
            var one = rows
            if let path = try? one.next()?.path { for interface in plan.wanted.keys { await describe(interface, at: path, cache) } }
        }
        try await run(plan, rows: .managed(rows), isRead: true, receiver)
    }

    mutating func tree(_ pattern: PathTemplate, _ receiver: ObjectReceiver) async throws {
        let plan = try reader.plan(adopted, request, hasColumns: false, isExistenceKnown: true)
        guard
            let reply = try await first(
                "introspect \(adopted.name)", pattern.root, .introspectable, MemberName(verified: "Introspect"), [])
        else { return }
        var walk = TreeWalk(pattern, context.interfaces)
        walk.take(reply, of: pattern.root)
        while let next = walk.nextBatch(ServiceConnections.callsInFlight) {
            let operation = self
            try await withThrowingTaskGroup(of: (ObjectPath, Message?).self) { group in
                for path in next { group.addTask { (path, try await operation.introspect(path)) } }
                for try await (path, reply) in group { if let reply { walk.take(reply, of: path) } }
            }
        }
        try await run(plan, rows: .known(walk.found.map { ObjectRow(path: $0) }[...]), receiver)
    }

    private func introspect(_ path: ObjectPath) async throws -> Message? {
        do throws(DBusError) {
            return try await call("introspect") { timeout in
                ServiceCall(target, path, .introspectable, MemberName(verified: "Introspect"), timeout: timeout)
            }
        } catch {
            if ServiceFailure.ends(error) { throw ServiceFailure.error(error, context, "introspect \(path)") }
            return nil
        }
    }
}

extension ReadPlan {
    /// The columns that the wanted properties stand in.
    var columns: Set<String> {
        Set(properties.compactMap { if case .column(let name)? = $0.way?.origin { name } else { nil } })
    }
}

extension ClassContext {
    /// The interfaces that make an object one of the class.
    var interfaces: [InterfaceName] { required.isEmpty ? [interface].compactMap { $0 } : required }
}

extension RowConditions {
    /// Whether an instance fulfils all conditions; a property that was not read counts as fulfilling.
    static func hold(_ conditions: [ClassContext.Condition], _ instance: CIMInstance) -> Bool {
        conditions.allSatisfy { holds($0, instance[$0.property]) ?? true }
    }
}
