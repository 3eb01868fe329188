import CIM
import CIMAdoption
import CIMBusProvider
import CIMBusWire
import DBus

extension AdoptedProvider {
    /// How long a person may take to say who he is.
    private static let interactive = Duration.seconds(120)

    public func invoke(
        _ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext
    ) async throws -> MethodResult {
        let adopted = try adopted(path.className)
        guard let mapping = adopted.methods[CIMName(method)], let declaration = adopted.declaration.method(named: method) else {
            throw CIMError(.methodNotImplemented, "no mapping says what \(adopted.name).\(method) is")
        }
        let isInteractive = try await authority.check(
            mapping.polkitAction ?? adopted.context.polkitAction, "\(adopted.name).\(method)", context)
        var request = ServiceReader.Request(names: [], deadline: context.deadline)
        let keys = path.namedKeys(adopted)
        func key(_ name: String) -> CIMValue? {
            guard let declared = adopted.declaration.property(named: name) else { return nil }
            return keys.first { $0.name.map { CIMName.equal($0, name) } ?? false }?.value.value.read(as: declared.type)
        }
        var target = ServiceTarget(adopted.context)
        let object: ObjectPath
        if let at = mapping.call.path {
            guard let path = at.path({ name in key(name).flatMap { $0.stringValue ?? $0.int64Value.map { String($0) } } }) else {
                throw CIMError(.invalidObjectPath, "\(path.relativePath) does not say at which object \(method) is called")
            }
            object = path
        } else {
            (object, target) = try await place(of: adopted, keys, path, request)
        }
        var values: [DBusValue] = []
        for argument in mapping.call.arguments {
            guard let value = ArgumentWriter.value(argument, property: key, parameter: { parameters[$0] ?? .null }) else {
                throw CIMError(
                    .invalidMethodParameters, "\(method): \(Self.describe(argument)) has no value of the D-Bus type \(argument.signature)")
            }
            values.append(value)
        }
        if isInteractive { request.deadline = request.deadline ?? .now + Self.interactive }
        var call = ServiceCall(
            target, object, mapping.call.interface, mapping.call.member, values,
            timeout: isInteractive ? Self.interactive : reader.timeout(adopted, request))
        if isInteractive { call.flags.insert(.allowInteractiveAuthorization) }
        let reply: Message
        do throws(DBusError) { reply = try await services.call(call) } catch {
            if ServiceFailure.isAbsent(error), !path.isClassPath, error.code == .errorReply(.unknownObject) {
                throw CIMError(.notFound, "there is no \(path.relativePath): \(error.message)")
            }
            throw ServiceFailure.error(error, adopted.context, "run \(adopted.name).\(method)")
        }
        return try result(reply, mapping, declaration, adopted)
    }

    private static func describe(_ argument: CallArgument) -> String {
        switch argument.value {
        case .parameter(let name): "parameter \(name)"
        case .property(let name): "property \(name)"
        case .constant, .list: "a constant of the mapping"
        }
    }

    private func result(
        _ reply: Message, _ mapping: CIMAdoption.MethodContext, _ declaration: CIMMethod, _ adopted: AdoptedClass
    ) throws -> MethodResult {
        let values = try reply.values()
        let builder = reader.builder
        var result = MethodResult()
        for (value, place) in zip(values, mapping.results) {
            guard let name = place.parameter else { continue }
            let isReturn = CIMName.equal(name, "ReturnValue")
            let parameter = isReturn ? nil : declaration.parameter(named: name)
            guard let type = isReturn ? declaration.returnType : parameter?.type else { continue }
            let property = CIMProperty(name: name, type: type, qualifiers: parameter?.qualifiers ?? declaration.qualifiers)
            var made = CIMValue.null
            do throws(ValueMisfit) {
                made = try builder.converter.value(value, steps: [], conversions: place.conversions, as: property)
            } catch {
                misfits.record(adopted.name, "\(declaration.name).\(name)", error.description)
            }
            if isReturn { result.returnValue = made } else { result.parameters.append(name: parameter?.name ?? name, value: made) }
        }
        // A method that says nothing has done what it was asked.
        if result.returnValue == nil, let type = declaration.returnType, type.base.isInteger {
            result.returnValue = CIMValue.uint8(0).read(as: type)
        }
        return result
    }

    /// The D-Bus object of a CIM object.
    private func place(
        of adopted: AdoptedClass, _ keys: [CIMObjectPath.Key], _ path: CIMObjectPath, _ request: ServiceReader.Request
    ) async throws -> (ObjectPath, ServiceTarget) {
        switch try await reader.row(adopted, keys, request) {
        case .row(let row, let target): if let place = row.path { return (place, target) }
        case .absent: break
        case .unknown:
            if let found = try await reader.path(of: adopted, keys, request) { return (found, ServiceTarget(adopted.context)) }
        }
        throw CIMError(.notFound, "there is no \(path.relativePath)")
    }

    // MARK: - Put

    public func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath? {
        let adopted = try adopted(instance.className)
        guard context.putMode != .createOnly else {
            throw CIMError(.providerNotCapable, "objects of \(adopted.name) are made by their service, and not by a put")
        }
        let isInteractive = try await authority.check(adopted.context.polkitAction, "a put of \(adopted.name)", context)
        var keys: [CIMObjectPath.Key] = []
        for property in adopted.keys {
            guard let value = instance[property.name].flatMap({ CIMObjectPath.KeyValue($0) }) else {
                throw CIMError(.illegalNull, "the key \(property.name) has no value")
            }
            keys.append(.init(name: property.name, value: value))
        }
        let path = CIMObjectPath(className: adopted.name, keys: keys.isEmpty ? .singleton : .keys(keys))
        let named = context.putProperties
        var changes: [Change] = []
        for property in adopted.declaration.properties where context.writes(property.name) && !property.isKey {
            guard let value = instance[property.name], !value.isNull || named != nil else { continue }
            guard property.qualifiers.isTrue("write"), let place = adopted.properties[CIMName(property.name)],
                let way = place.ways.first(where: { if case .property = $0.origin { $0.steps.isEmpty } else { false } }),
                case .property(let origin) = way.origin
            else {
                // What a client read it sends back; only what it names it means.
                if named != nil { throw CIMError(.readOnly, "\(adopted.name).\(property.name) cannot be written") }
                continue
            }
            changes.append(Change(property: property, way: way, place: origin, setter: place.setter, value: value))
        }
        let request = ServiceReader.Request(names: changes.map(\.property.name), deadline: context.deadline)
        guard let current = try await reader.object(of: adopted, keys: path.keys, request) else {
            throw CIMError(.notFound, "there is no \(path.relativePath)")
        }
        let (object, target) = try await self.place(of: adopted, keys, path, request)
        for change in changes where current[change.property.name] ?? .null != change.value {
            try await write(change, at: object, target, adopted, request, keys, isInteractive)
        }
        return nil
    }

    private struct Change {
        var property: CIMProperty
        var way: PropertyContext.Way
        var place: PropertyPlace
        var setter: CallTemplate?
        var value: CIMValue
    }

    private func write(
        _ change: Change, at object: ObjectPath, _ target: ServiceTarget, _ adopted: AdoptedClass, _ request: ServiceReader.Request,
        _ keys: [CIMObjectPath.Key], _ isInteractive: Bool
    ) async throws {
        let what = "write \(adopted.name).\(change.property.name)"
        func cannot() -> CIMError {
            CIMError(.typeMismatch, "\(adopted.name).\(change.property.name) cannot be written with the value \(change.value)")
        }
        let timeout = isInteractive ? Self.interactive : reader.timeout(adopted, request)
        var call: ServiceCall
        if let setter = change.setter {
            var values: [DBusValue] = []
            for argument in setter.arguments {
                guard
                    let value = ArgumentWriter.value(
                        argument, property: { name in keys.first { $0.name.map { CIMName.equal($0, name) } ?? false }?.value.value },
                        parameter: { CIMName.equal($0, "value") ? change.value : nil })
                else { throw cannot() }
                values.append(value)
            }
            let path = setter.path?.path { _ in nil } ?? object
            call = ServiceCall(target, path, setter.interface, setter.member, values, timeout: timeout)
        } else {
            // The value that is there says which type the property has.
            let now = try await answer(.get(change.place, at: object, target, timeout: timeout), adopted, what)
            guard case .variant(let old)? = try? now.values().first,
                let value = ValueReverser.value(change.value, change.way.conversions, as: old.signature)
            else { throw cannot() }
            call = ServiceCall(
                target, object, .properties, MemberName(verified: "Set"),
                [.string(change.place.interface.text), .string(change.place.name), .variant(value)], timeout: timeout)
        }
        if isInteractive { call.flags.insert(.allowInteractiveAuthorization) }
        _ = try await answer(call, adopted, what)
    }

    private func answer(_ call: ServiceCall, _ adopted: AdoptedClass, _ what: String) async throws(CIMError) -> Message {
        do throws(DBusError) { return try await services.call(call) } catch {
            throw ServiceFailure.error(error, adopted.context, what)
        }
    }
}

extension CIMObjectPath {
    /// The keys with their names.
    func namedKeys(_ adopted: AdoptedClass) -> [Key] {
        guard case .keys(var keys) = keys else { return [] }
        if keys.count == 1, keys[0].name == nil { keys[0].name = adopted.keys.first?.name }
        return keys
    }
}

/// Undoes conversions, for values that are written.
enum ValueReverser {
    /// Nil where the value does not fit, or a conversion cannot be undone.
    static func value(_ value: CIMValue, _ conversions: [Conversion], as signature: Signature) -> DBusValue? {
        var value = value
        for conversion in conversions.reversed() {
            switch conversion {
            case .null(let constants):
                if value.isNull, let first = constants.first { value = first.value }
            case .interval(let unit):
                guard let time = value.dateTimeValue?.intervalMicroseconds else { return nil }
                value = .uint64(unit.count(ofMicroseconds: time))
            case .since1970(let unit):
                guard let time = value.dateTimeValue?.microsecondsSince1970.flatMap({ UInt64(exactly: $0) }) else { return nil }
                value = .uint64(unit.count(ofMicroseconds: time))
            case .map(let pairs):
                if let pair = pairs.first(where: { $0.value.value == value }) { value = pair.key.value }
            case .text: break
            case .label:
                guard let text = value.stringValue else { return nil }
                value = .string(BusLabel.escape(text))
            case .sinceBoot, .reference, .json, .hexadecimal, .join, .keys, .count, .embedded: return nil
            }
        }
        return DBusValue(value, as: signature)
    }
}

extension Conversion.TimeUnit {
    func count(ofMicroseconds time: UInt64) -> UInt64 {
        switch self {
        case .nanoseconds: time &* 1000
        case .microseconds: time
        case .milliseconds: time / 1000
        case .seconds: time / 1_000_000
        case .minutes: time / 60_000_000
        }
    }
}

extension ServiceReader {
    /// The D-Bus object with these keys, where only a look at all of them tells.
    func path(of adopted: AdoptedClass, _ keys: [CIMObjectPath.Key], _ request: Request) async throws -> ObjectPath? {
        var listing = adopted
        let property = CIMProperty(name: "CIMBusObjectPath", type: CIMTypeReference(.string))
        listing.declaration.properties.append(property)
        listing.properties[CIMName(property.name)] = PropertyContext(ways: [PropertyContext.Way(origin: .path)])
        var wanted = request
        wanted.names = [property.name]
        var operation = await Operation(self, listing, wanted)
        let found = Box<ObjectPath?>(nil)
        let receiver = ObjectReceiver { instance in
            let matches = keys.allSatisfy { key in
                key.name.flatMap { instance[$0] }.flatMap { CIMObjectPath.KeyValue($0) } == key.value
            }
            if matches, let text = instance[property.name]?.stringValue { found.value = try? ObjectPath(text) }
        }
        try await operation.all(receiver)
        return found.value
    }
}
