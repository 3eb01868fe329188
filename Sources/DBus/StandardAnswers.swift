import CDBus

/// What every object answers: Peer, Introspectable, Properties, ObjectManager. D-Bus specification, "Standard Interfaces".
enum StandardAnswers {
    static func peer(_ call: MethodCall) {
        guard call.message.signature.isEmpty else { return wrongArguments(call, "") }
        switch call.member {
        case "Ping": call.reply()
        case "GetMachineId":
            var failure = CDBus.DBusError()
            dbus_error_init(&failure)
            defer { dbus_error_free(&failure) }
            guard let id = dbus_try_get_local_machine_id(&failure) else {
                _ = call.fail(.failed, failure.message.map { String(cString: $0) } ?? "no machine id")
                return
            }
            defer { dbus_free(id) }
            call.reply([.string(String(cString: id))])
        default: unknownMethod(call)
        }
    }

    static func introspect(_ call: MethodCall, _ object: ExportedObject?, _ children: Set<String>) {
        guard call.member == "Introspect" else { return unknownMethod(call) }
        guard call.message.signature.isEmpty else { return wrongArguments(call, "") }
        var interfaces: [InterfaceDescription] = [.peer, .introspectable]
        if let object {
            interfaces.append(.properties)
            if object.isObjectManager { interfaces.append(.objectManager) }
            interfaces += object.interfaces.map(\.description)
        }
        call.reply([.string(ObjectDescription(interfaces: interfaces, children: Array(children)).xml)])
    }

    static func managedObjects(_ call: MethodCall, _ objects: [(ObjectPath, ExportedObject)]) {
        guard call.member == "GetManagedObjects" else { return unknownMethod(call) }
        guard call.message.signature.isEmpty else { return wrongArguments(call, "") }
        let entries = objects.map { path, object in
            DBusValue.dictEntry(.objectPath(path), interfaces(of: object, PropertyAccess(path: path, sender: call.sender)))
        }
        call.reply([.array(element: Signature(verified: "{oa{sa{sv}}}"), entries)])
    }

    /// `a{sa{sv}}`: every interface with the properties that can be read now.
    static func interfaces(of object: ExportedObject, _ access: PropertyAccess) -> DBusValue {
        let entries = object.interfaces.map { interface in
            DBusValue.dictEntry(.string(interface.description.name.text), .dictionary(values(of: interface, access)))
        }
        return .array(element: Signature(verified: "{sa{sv}}"), entries)
    }

    static func properties(_ call: MethodCall, _ object: ExportedObject, on link: Link) {
        let arguments: [DBusValue]
        do { arguments = try call.message.values() } catch {
            call.fail(.invalidArguments, error.description)
            return
        }
        let access = PropertyAccess(path: call.path, sender: call.sender)
        switch (call.member, call.message.signature) {
        case ("Get", "ss"): get(call, object, arguments[0].text ?? "", arguments[1].text ?? "", access)
        case ("GetAll", "s"): getAll(call, object, arguments[0].text ?? "", access)
        case ("Set", "ssv"): set(call, object, arguments[0].text ?? "", arguments[1].text ?? "", arguments[2], access, on: link)
        case ("Get", _): wrongArguments(call, "ss")
        case ("GetAll", _): wrongArguments(call, "s")
        case ("Set", _): wrongArguments(call, "ssv")
        default: unknownMethod(call)
        }
    }

    private static func get(_ call: MethodCall, _ object: ExportedObject, _ interface: String, _ name: String, _ access: PropertyAccess) {
        guard let (_, property) = find(call, object, interface, name) else { return }
        guard property.description.access != .write, let get = property.implementation?.get else {
            _ = call.fail(.notSupported, "property \(name) cannot be read")
            return
        }
        do throws(DBusError) {
            call.reply([.variant(try get(access))])
        } catch {
            call.fail(error)
        }
    }

    private static func getAll(_ call: MethodCall, _ object: ExportedObject, _ interface: String, _ access: PropertyAccess) {
        if interface.isEmpty {
            call.reply([.dictionary(object.interfaces.flatMap { values(of: $0, access) })])
        } else if let exported = object.interface(interface) {
            call.reply([.dictionary(values(of: exported, access))])
        } else if isStandard(interface) {
            call.reply([.dictionary([])])
        } else {
            call.fail(.unknownInterface, "no interface \(interface) at \(access.path)")
        }
    }

    private static func set(
        _ call: MethodCall, _ object: ExportedObject, _ interface: String, _ name: String, _ variant: DBusValue, _ access: PropertyAccess,
        on link: Link
    ) {
        guard let (exported, property) = find(call, object, interface, name) else { return }
        guard property.description.access != .read, let set = property.implementation?.set else {
            _ = call.fail(.propertyReadOnly, "property \(name) cannot be set")
            return
        }
        guard case .variant(let value) = variant, value.signature == property.description.signature else {
            _ = call.fail(.invalidArguments, "property \(name) is of type \(property.description.signature)")
            return
        }
        do throws(DBusError) {
            try set(access, value)
        } catch {
            call.fail(error)
            return
        }
        call.reply()
        emitChanged([name], of: exported, at: access.path, on: link)
    }

    private static func find(
        _ call: MethodCall, _ object: ExportedObject, _ interface: String, _ name: String
    ) -> (ExportedInterface, ExportedInterface.PropertyEntry)? {
        let candidates = interface.isEmpty ? object.interfaces : object.interface(interface).map { [$0] } ?? []
        for candidate in candidates {
            if let property = candidate.properties[name] { return (candidate, property) }
        }
        if candidates.isEmpty, !isStandard(interface) {
            call.fail(.unknownInterface, "no interface \(interface) at \(call.path)")
        } else {
            call.fail(.unknownProperty, "no property \(name) in \(interface)")
        }
        return nil
    }

    /// What can be read now; a getter that fails leaves its property out.
    static func values(of interface: ExportedInterface, _ access: PropertyAccess) -> [(String, DBusValue)] {
        interface.description.properties.compactMap { property in
            guard property.access != .write, let get = interface.properties[property.name.text]?.implementation?.get,
                let value = try? get(access)
            else { return nil }
            return (property.name.text, value)
        }
    }

    /// Sends `PropertiesChanged` for those of the properties that say they announce their changes.
    /// - Parameter receiver: who alone is told; nil: whoever listens.
    static func emitChanged(
        _ names: [String], of interface: ExportedInterface, at path: ObjectPath, to receiver: BusName? = nil, on link: Link
    ) {
        var changed: [(String, DBusValue)] = []
        var invalidated: [String] = []
        for name in names {
            guard let property = interface.properties[name] else { continue }
            switch property.description.changes {
            case .withValue:
                if let value = try? property.implementation?.get?(PropertyAccess(path: path, sender: receiver?.text)) {
                    changed.append((name, value))
                } else {
                    invalidated.append(name)
                }
            case .invalidates: invalidated.append(name)
            case .constant, .none: break
            }
        }
        if changed.isEmpty && invalidated.isEmpty { return }
        link.emit(
            path, .properties, "PropertiesChanged",
            [.string(interface.description.name.text), .dictionary(changed), .strings(invalidated)], to: receiver)
    }

    private static func isStandard(_ interface: String) -> Bool {
        [InterfaceName.peer, .introspectable, .properties, .objectManager].contains { $0.text == interface }
    }

    private static func unknownMethod(_ call: MethodCall) {
        call.fail(.unknownMethod, "no method \(call.member) in \(call.interface ?? "any interface")")
    }

    private static func wrongArguments(_ call: MethodCall, _ wanted: String) {
        call.fail(.invalidArguments, "\(call.member) takes (\(wanted)), not (\(call.message.signature))")
    }
}

extension Link {
    /// Sends a signal of the standard interfaces; a failure is only logged, since nobody waits for it.
    func emit(_ path: ObjectPath, _ interface: InterfaceName, _ member: String, _ values: [DBusValue], to receiver: BusName? = nil) {
        do throws(DBusError) {
            try send(
                try Message.signal(
                    destination: receiver, path: path, interface: interface, member: MemberName(verified: member), values: values))
        } catch  where error.code == .disconnected {
            // Nobody is there to hear it.
        } catch {
            options.logger.warning("\(member) of \(path) was not sent: \(error.message)")
        }
    }
}
