import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository

/// `MSFT_Providers` (Semantics D.8): a class whose instances the broker itself has, one for each registration.
enum ProviderMonitor {
    static let className = "MSFT_Providers"

    static func isBrokers(_ name: String) -> Bool {
        CIMName.equal(name, className) || CIMName.equal(name, PermanentSubscription.className)
    }

    static func readOnly(_ name: String) -> CIMError {
        CIMError(
            .providerNotCapable,
            CIMName.equal(name, className)
                ? "instances of \(name) are the broker's own; use their methods"
                : "instances of \(name) are the broker's own; write the filter, the consumer and the binding that they follow from")
    }
}

extension CIMClass {
    /// Whether the broker itself has the instances of this class.
    var isBrokers: Bool { ProviderMonitor.isBrokers(name) }
}

extension Broker {
    /// All instances of a class that the broker itself has; nil when it is another one.
    func ownInstances(of className: String) -> [CIMInstance]? {
        if CIMName.equal(className, PermanentSubscription.className) { return permanentInstances() }
        guard CIMName.equal(className, ProviderMonitor.className) else { return nil }
        return core.registry.all.map { instance(of: $0) }
    }

    /// What is stored at a path, or what the broker itself has there.
    func storedInstance(at path: CIMObjectPath, in namespace: CIMNamespaceName) async throws(CIMError) -> CIMInstance {
        if CIMName.equal(path.className, PermanentSubscription.className) {
            guard case .string(let binding)? = path[key: "Binding"],
                let found = permanentInstances().first(where: { $0["Binding"]?.stringValue.map { CIMName.equal($0, binding) } ?? false })
            else { throw CIMError(.notFound, "there is no permanent subscription \(path.relativePath.clipped())") }
            return found
        }
        guard CIMName.equal(path.className, ProviderMonitor.className) else {
            return try await repository.instance(at: path, in: namespace)
        }
        return instance(of: try monitored(path))
    }

    /// Suspend, Resume, Load and UnLoad, with the rights and the meaning of `org.cimbus1.Registration`.
    func administer(_ path: CIMObjectPath, _ method: String, for id: OperationID) throws(CIMError) {
        guard let record = records[id] else { throw Self.isOver(id) }
        let registration = try monitored(path)
        try admit(.management(of: registration.uid), of: record.client, for: method)
        switch method.lowercased() {
        case "suspend": tell { $0.suspend(registration.id) }
        case "resume": tell { $0.resume(registration.id) }
        case "load":
            do throws(Refusal) {
                try tell { core throws(Refusal) in try core.load(registration.id) }
            } catch {
                throw CIMError(error.status, "Load: provider \(registration.name): \(error.message)")
            }
        default:
            throw CIMError(
                .providerNotCapable,
                "UnLoad: provider \(registration.name) is a process of its own and ends by itself; suspend it, or stop its service")
        }
        handOn(try encoded([CIMInstance(className: "__PARAMETERS", ["ReturnValue": .uint32(0)])], record), to: id)
    }

    private func monitored(_ path: CIMObjectPath) throws(CIMError) -> Entry<Registration> {
        func key(_ name: String) -> String? { if case .string(let text)? = path[key: name] { text } else { nil } }
        let user = key("User") ?? ""
        guard let namespace = key("Namespace").flatMap({ CIMNamespaceName($0) }), let name = key("Provider"),
            key("Locale")?.isEmpty != false,
            user.isEmpty || UInt32(user) != nil,
            let registration = core.registry.find(namespace: namespace.text, name: name, user: UInt32(user))
        else { throw CIMError(.notFound, "no provider is registered as \(path.relativePath.clipped())") }
        return registration
    }

    private func instance(of registration: Entry<Registration>) -> CIMInstance {
        let calls = registration.calls
        let definition = CIMNamespaceName(registration.namespace).flatMap { schema.schema.provider(registration.name, in: $0) }
        var instance = CIMInstance(
            className: ProviderMonitor.className,
            [
                "Namespace": .string(registration.namespace), "Provider": .string(registration.name),
                "User": .string(registration.user.map { String($0) } ?? ""), "Locale": "", "TransactionIdentifier": "", "HostingGroup": "",
                "HostingProcessIdentifier": .string(definition?.hostingModel ?? "Decoupled:DBus"),
                "ProviderOperation_GetObjectAsync": .uint64(calls.getObject),
                "ProviderOperation_PutInstanceAsync": .uint64(calls.putInstance),
                "ProviderOperation_DeleteInstanceAsync": .uint64(calls.deleteInstance),
                "ProviderOperation_CreateInstanceEnumAsync": .uint64(calls.createInstanceEnum),
                "ProviderOperation_ExecMethodAsync": .uint64(calls.execMethod),
                "ProviderOperation_ExecQueryAsync": .uint64(calls.execQuery),
            ])
        // The counters of calls that CIMBus has not are as the class says: 0.
        for property in schema.declaration(ProviderMonitor.className, in: .root)?.properties ?? [] {
            if instance[property.name] == nil, !property.defaultValue.isNull { instance[property.name] = property.defaultValue }
        }
        if registration.peer != nil, let pid = registration.pid { instance["HostProcessIdentifier"] = .uint32(pid) }
        return instance
    }
}
