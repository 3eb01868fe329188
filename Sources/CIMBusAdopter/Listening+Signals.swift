import CIM
import CIMAdoption
import DBus

/// What becomes of a signal.
extension Listening {
    private static let names = Signature(verified: "as")

    func take(_ signal: Message) async {
        guard let text = signal.path, let path = try? ObjectPath(text), let interface = signal.interface, let member = signal.member else {
            return
        }
        for name in demand.events {
            guard let event = events.classes.events[name], event.context.signal.isNamed(interface, member),
                event.context.path?.matches(path) ?? true
            else { continue }
            raise(event, signal, path)
        }
        for name in demand.instances.sorted() {
            guard let signals = objects[name]?.signals else { continue }
            do {
                switch (interface, member) {
                case (InterfaceName.properties.text, "PropertiesChanged") where signals.tellsChanges:
                    try await propertiesChanged(name, signal, path)
                case (InterfaceName.objectManager.text, "InterfacesAdded") where signals.created == .manager:
                    try await interfacesAdded(name, signal, path)
                case (InterfaceName.objectManager.text, "InterfacesRemoved") where signals.deleted == .manager:
                    try interfacesRemoved(name, signal, path)
                default:
                    if case .signal(let template)? = signals.created, template.isNamed(interface, member) {
                        try await came(name, row(signal, template, path))
                    }
                    if case .signal(let template)? = signals.deleted, template.isNamed(interface, member) {
                        went(name, row(signal, template, path))
                    }
                }
            } catch {
                say("what \(member) is about cannot be read: \(error)")
            }
        }
    }

    /// The arguments of a signal by their order, and the path that one of them says, or else its own.
    private func row(_ signal: Message, _ template: SignalTemplate, _ path: ObjectPath) -> ObjectRow {
        var row = ObjectRow(path: path)
        var reader = signal.reader
        let types = Signature(verified: signal.signature).types
        if types.count != template.arguments.count {
            say("\(template.member) has \(types.count) arguments, and the mapping names \(template.arguments.count)")
        }
        for (type, column) in zip(types, template.arguments) {
            guard let value = try? WireReading.value(&reader, type) else { return row }
            switch column {
            case .ignored: continue
            case .path: row.path = value.text.flatMap { try? ObjectPath($0) }
            case .named(let name): row.columns[name] = value.unwrapped
            }
        }
        return row
    }

    private func raise(_ event: AdoptedEvent, _ signal: Message, _ path: ObjectPath) {
        let row = row(signal, event.context.signal, path)
        guard let plan = ReadPlan(event.adopted, names: nil, hasColumns: true, isExistenceKnown: true),
            let instance = events.builder.instance(row, plan)
        else { return }
        events.raise(instance)
    }

    private func tell(_ changes: [FollowedObjects.Change]) { for change in changes { events.raise(change.event) } }

    // MARK: - Objects that come and go

    private func came(_ name: CIMName, _ row: ObjectRow) async throws {
        guard let path = row.path, let followed = objects[name], followed.objects[path] == nil, followed.mayBe(row), let calls, let owner
        else { return }
        if let object = try await followed.read(path, calls, BusName(verified: owner.text)) {
            tell(objects[name]?.came(object, path) ?? [])
        } else if let instance = followed.bareInstance(row) {
            // It is gone already.
            tell([.created(instance)])
        }
    }

    private func went(_ name: CIMName, _ row: ObjectRow) {
        guard let path = row.path else { return }
        let changes = objects[name]?.went(path) ?? []
        tell(changes.isEmpty ? objects[name]?.bareInstance(row).map { [.deleted($0)] } ?? [] : changes)
    }

    private func interfacesAdded(_ name: CIMName, _ signal: Message, _ manager: ObjectPath) async throws {
        guard let followed = objects[name], followed.adopted.context.source == .managed(manager), signal.hasSignature("oa{sa{sv}}") else {
            return
        }
        var reader = signal.reader
        let path = try reader.readObjectPath()
        if let number = followed.objects[path]?.number, signal.serial.isBefore(number) { return }
        let added = try WireReading.interfaces(&reader)
        let isKnown = followed.objects[path] != nil
        var row = followed.objects[path]?.row ?? ObjectRow(path: path)
        for (interface, wanted) in followed.plan.wanted {
            guard let values = added[interface]?.values else { continue }
            row.take(values.filter { wanted.contains($0.key) }, interface)
        }
        if isKnown { return tell(objects[name]?.changed(row, path) ?? []) }
        let required = followed.adopted.context.interfaces
        guard required.contains(where: { added[$0] != nil }) else { return }
        let needsCalls = followed.plan.fetches.contains { if case .call = $0 { true } else { false } }
        if required.allSatisfy({ added[$0] != nil }), !needsCalls {
            guard let instance = events.builder.instance(row, followed.plan),
                RowConditions.hold(followed.adopted.context.conditions, instance)
            else { return }
            return tell(objects[name]?.came(.init(row: row, instance: instance, number: signal.serial), path) ?? [])
        }
        // The others it has already, or will have.
        guard let calls, let owner, let object = try await followed.read(path, calls, BusName(verified: owner.text)) else { return }
        tell(objects[name]?.came(object, path) ?? [])
    }

    private func interfacesRemoved(_ name: CIMName, _ signal: Message, _ manager: ObjectPath) throws {
        guard let followed = objects[name], followed.adopted.context.source == .managed(manager), signal.hasSignature("oas") else { return }
        var reader = signal.reader
        let path = try reader.readObjectPath()
        guard var row = followed.objects[path]?.row else { return }
        if let number = followed.objects[path]?.number, signal.serial.isBefore(number) { return }
        let removed = Set(try reader.readValue(Self.names).elements?.compactMap(\.text) ?? [])
        if followed.adopted.context.interfaces.contains(where: { removed.contains($0.text) }) {
            return tell(objects[name]?.went(path) ?? [])
        }
        for place in row.properties.keys where removed.contains(place.interface.text) { row.properties[place] = nil }
        tell(objects[name]?.changed(row, path) ?? [])
    }

    // MARK: - Objects that change

    private func propertiesChanged(_ name: CIMName, _ signal: Message, _ path: ObjectPath) async throws {
        guard let followed = objects[name], let object = followed.objects[path], signal.hasSignature("sa{sv}as") else { return }
        if let number = object.number, signal.serial.isBefore(number) { return }
        var reader = signal.reader
        guard let interface = try? InterfaceName(try reader.readString()), let wanted = followed.plan.wanted[interface] else {
            return
        }
        var row = object.row
        let places = wanted.map { PropertyPlace(interface, $0) }
        for place in places { row.oversized.remove(place) }
        try row.take(&reader, interface, followed.plan, events.builder)
        for place in places where row.oversized.contains(place) { row.properties[place] = nil }
        let invalidated = try reader.readValue(Self.names).elements?.compactMap(\.text) ?? []
        if invalidated.contains(where: { wanted.contains($0) }), let calls, let owner {
            var object = object
            object.row = row
            // Gone: then another signal says so.
            guard let read = try await followed.refreshed(object, interface, calls, BusName(verified: owner.text)) else { return }
            row = read
        }
        tell(objects[name]?.changed(row, path) ?? [])
    }
}

extension SignalTemplate {
    func isNamed(_ interface: String, _ member: String) -> Bool { self.interface.text == interface && self.member.text == member }
}
