import CIM
import CIMAdoption
import DBus

extension Operation {
    /// Reads one object. Nil where it is not there.
    func fetch(_ row: ObjectRow, _ plan: ReadPlan) async throws -> ObjectRow? {
        do {
            return try await fetch(row, plan, plan.fetches)
        } catch let error as ServiceEnd {
            throw ServiceFailure.error(error.cause, adopted.context, "read \(adopted.name)", hasAnswered: target.owner != nil)
        }
    }

    func fetch(_ row: ObjectRow, _ plan: ReadPlan, _ all: [ReadPlan.Fetch]) async throws -> ObjectRow? {
        var row = row
        let fetches = recall(all, plan, &row)
        if fetches.isEmpty { return row }
        if fetches.count == 1, let only = fetches.first {
            let reply = try await ask(only, row)
            return take(reply, only, plan, &row) ? row : nil
        }
        let asked = row
        return try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
            for (position, fetch) in fetches.enumerated() { group.addTask { (position, try await self.ask(fetch, asked)) } }
            var isThere = true
            for try await (position, answer) in group where !take(answer, fetches[position], plan, &row) { isThere = false }
            return isThere ? row : nil
        }
    }

    enum Answer: Sendable {
        /// With the right to keep what it says.
        case reply(Message, PropertyCache.Ticket?)
        /// The object has no such property or interface, or is not there.
        case refused(DBusError)
        /// There is nobody to ask: the row has no path.
        case nobody
    }

    private func ask(_ fetch: ReadPlan.Fetch, _ row: ObjectRow) async throws -> Answer {
        let right = await ticket(fetch, row)
        guard let call = call(for: fetch, row) else { return .nobody }
        let result: Result<Message, DBusError>
        do throws(DBusError) { result = .success(try await reader.services.call(call)) } catch { result = .failure(error) }
        return try answer(result, right)
    }

    /// What is asked of a row's object; nil where there is nobody to ask.
    func call(for fetch: ReadPlan.Fetch, _ row: ObjectRow) -> ServiceCall? {
        let timeout = reader.timeout(adopted, request)
        switch fetch {
        case .property(let place): return row.path.map { .get(place, at: $0, target, timeout: timeout) }
        case .all(let interface): return row.path.map { .getAll(interface, at: $0, target, timeout: timeout) }
        case .call(let template):
            guard let (path, values) = arguments(template, row) else { return nil }
            return ServiceCall(target, path, template.interface, template.member, values, timeout: timeout)
        }
    }

    /// What a result says. Throws ``ServiceEnd`` where nobody will answer any more.
    /// - Parameter ticket: the right to keep it.
    func answer(_ result: Result<Message, DBusError>, _ ticket: PropertyCache.Ticket?) throws -> Answer {
        switch result {
        case .success(let message): return .reply(message, ticket)
        case .failure(let error):
            if let ticket { cache?.giveBack(ticket) }
            if ServiceFailure.ends(error) { throw ServiceEnd(cause: error) }
            return .refused(error)
        }
    }

    /// Where a method of a property's place is called, and with what.
    private func arguments(_ template: CallTemplate, _ row: ObjectRow) -> (ObjectPath, [DBusValue])? {
        func value(_ name: String) -> CIMValue? {
            guard let property = adopted.declaration.property(named: name) else { return nil }
            let value = adopted.way(name).lazy.map { reader.builder.value(row, $0, of: property, in: adopted.name) }.first { !$0.isNull }
            return value
        }
        let path: ObjectPath?
        if let at = template.path {
            path = at.path { name in value(name)?.stringValue }
        } else if row.path == nil, case .list(let call, _) = adopted.context.source {
            path = call.path?.path { _ in nil }
        } else {
            path = row.path
        }
        guard let path else { return nil }
        var values: [DBusValue] = []
        for argument in template.arguments {
            guard let value = ArgumentWriter.value(argument, property: value) else { return nil }
            values.append(value)
        }
        return (path, values)
    }

    /// Takes an answer into the row. False: the object is not there.
    func take(_ answer: Answer, _ fetch: ReadPlan.Fetch, _ plan: ReadPlan, _ row: inout ObjectRow) -> Bool {
        let reply: Message
        let ticket: PropertyCache.Ticket?
        switch answer {
        case .nobody: return true
        case .refused(let error):
            if case .call = fetch { return true }
            if case .errorReply(let name) = error.code, adopted.context.errors[name] == .notFound { return false }
            // An object without an interface that it must have is none of the class.
            let interface =
                switch fetch {
                case .property(let place): place.interface
                case .all(let interface): interface
                case .call: adopted.context.interface ?? .properties
                }
            return !(ServiceFailure.isAbsent(error) || adopted.context.interfaces.contains(interface))
        case .reply(let message, let right): (reply, ticket) = (message, right)
        }
        defer { if let ticket { cache?.giveBack(ticket) } }
        var reader = reply.reader
        do throws(DBusDecodingError) {
            switch fetch {
            case .property(let place):
                guard reply.hasSignature("v") else { return misfit(place.name, reply) }
                let type = try reader.readVariantSignature()
                let value = try WireReading.value(&reader, type)
                let read = PropertyCache.Value(value: value?.unwrapped, bytes: value == nil ? 0 : reply.reader.count)
                row.take([place.name: read], place.interface)
                if let ticket, let path = row.path { cache?.keep(read, of: place, path, ticket) }
            case .all(let interface):
                guard reply.hasSignature("a{sv}") else { return misfit(interface.text, reply) }
                guard let ticket, let path = row.path else {
                    try row.take(&reader, interface, plan, self.reader.builder)
                    break
                }
                let wanted = plan.wanted[interface] ?? []
                let all = try WireReading.properties(&reader)
                row.take(all.filter { wanted.contains($0.key) }, interface)
                cache?.keep(all, path, interface, ticket)
            case .call(let template):
                let types = Signature(verified: reply.signature).types
                guard let first = types.first else { return true }
                row.calls[template] = types.count == 1 ? try WireReading.value(&reader, first)?.unwrapped : .structure(try reply.values())
            }
        } catch {
            return misfit("a reply", reply)
        }
        return true
    }

    private func misfit(_ what: String, _ reply: Message) -> Bool {
        reader.builder.misfits.record(adopted.name, what, "the service answered with (\(reply.signature))")
        return true
    }

    /// Whether an object that answered is one: services make objects up for names that they do not know.
    func isPresent(_ row: ObjectRow, _ plan: ReadPlan) async throws -> Bool {
        guard let absence = adopted.context.absence, let value = row.properties[absence.property],
            ValueConverter.isEqual(value, absence.value)
        else { return true }
        guard let unless = absence.unless, let (path, values) = arguments(unless, row) else { return false }
        do throws(DBusError) {
            _ = try await call("find") { timeout in
                ServiceCall(target, path, unless.interface, unless.member, values, timeout: timeout)
            }
            return true
        } catch {
            if ServiceFailure.ends(error) { throw ServiceFailure.error(error, adopted.context, "find \(adopted.name)") }
            return false
        }
    }
}
