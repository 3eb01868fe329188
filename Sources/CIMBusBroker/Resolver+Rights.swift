import CIM
import CIMBusCore
import CIMRepository

/// What the rights of whoever asks leave of a request (Semantics D.9).
extension Resolver {
    /// Refuses what can be refused before the class is looked at. What is written is checked where it is known who keeps it.
    func checkMayAsk(_ arguments: ServicesCall) throws(CIMError) {
        let name = (arguments.path?.className).flatMap { $0.isEmpty ? nil : $0 }
        switch arguments.kind {
        case .getObject, .createInstanceEnum, .createClassEnum: try check(.enable, name, in: arguments.namespace, arguments.kind)
        case .execMethod: try check(.methodExecute, name, in: arguments.namespace, .execMethod, method: arguments.method)
        case .execQuery, .execNotificationQuery, .putInstance, .deleteInstance, .putClass, .deleteClass: break
        }
    }

    /// What an operation takes, any of these, as far as its class says it.
    func right(for kind: Request.Kind, _ className: String?, in namespace: CIMNamespaceName) -> Right {
        switch kind {
        case .getObject, .createInstanceEnum, .createClassEnum, .execQuery: return .enable
        case .execMethod: return .methodExecute
        case .execNotificationQuery: return .subscribe
        case .putClass, .deleteClass: return .fullWrite
        case .putInstance, .deleteInstance:
            guard let name = className, let declaration = snapshot.declaration(name, in: namespace) else { return .storedWrite }
            return declaration.isServed && !declaration.isBrokers ? .writeProvider : storedWrite(name, in: namespace)
        }
    }

    /// - Parameter rights: any of them will do.
    /// - Throws: AccessDenied.
    func check(
        _ rights: Right, _ className: String?, in namespace: CIMNamespaceName, _ kind: Request.Kind, method: String? = nil
    ) throws(CIMError) {
        let subject = RightsSubject(namespace: namespace.text, className: className?.clipped(255), method: method?.clipped(255))
        do throws(Refusal) { try self.rights.check(rights, subject, for: caller) } catch { throw CIMError(error, kind.rawValue) }
    }

    private func allows(_ rights: Right, _ className: String, in namespace: CIMNamespaceName) -> Bool {
        self.rights.allows(rights, RightsSubject(namespace: namespace.text, className: className), for: caller)
    }

    // MARK: - Writing

    /// An instance of a class that a provider serves takes WriteProvider, whoever has it in the end.
    func checkMayWrite(_ declaration: CIMClass, _ arguments: ServicesCall) throws(CIMError) {
        guard declaration.isServed, !declaration.isBrokers else { return }
        try check(.writeProvider, declaration.name, in: arguments.namespace, arguments.kind)
    }

    /// What lets an instance be written that the repository keeps: of a system class, such as a provider's definition, FullWrite alone.
    /// - Parameter changes: those that come with it.
    private func storedWrite(_ className: String, in namespace: CIMNamespaceName, _ changes: [RepositoryChange] = []) -> Right {
        // Who makes a permanent subscription acts for as long as it is stored.
        if CIMName.equal(className, PermanentSubscription.consumerRegistration)
            || PermanentSubscription.isPart(className, in: namespace, changes, { snapshot.declaration($0, in: namespace) })
        {
            return .writeSecurity
        }
        let names = [className] + (snapshot.declaration(className, in: namespace)?.derivation ?? [])
        return names.contains { $0.hasPrefix("__") } ? .fullWrite : .storedWrite
    }

    func mayWriteStored(_ className: String, in namespace: CIMNamespaceName) -> Bool {
        allows(storedWrite(className, in: namespace), className, in: namespace)
    }

    func checkMayWriteStored(
        _ className: String, in namespace: CIMNamespaceName, _ kind: Request.Kind, _ changes: [RepositoryChange] = []
    ) throws(CIMError) {
        try check(storedWrite(className, in: namespace, changes), className, in: namespace, kind)
    }

    /// - Throws: AccessDenied, of the first change that the caller may not make.
    func checkMayMake(_ changes: [RepositoryChange]) throws(CIMError) {
        for (index, change) in changes.enumerated() {
            do throws(CIMError) { try checkMayMake(change, among: changes) } catch { throw error.failed(at: index) }
        }
    }

    private func checkMayMake(_ change: RepositoryChange, among changes: [RepositoryChange]) throws(CIMError) {
        switch change {
        case .nothing: break
        case .putInstance(let instance, let namespace, _, _):
            try checkMayWriteStored(instance.className, in: namespace, .putInstance, changes)
        case .deleteInstance(let path, let namespace, _): try checkMayWriteStored(path.className, in: namespace, .deleteInstance)
        case .putClass(let declaration, let namespace, _): try check(.fullWrite, declaration.name, in: namespace, .putClass)
        case .deleteClass(let name, let namespace, _): try check(.fullWrite, name, in: namespace, .deleteClass)
        case .putQualifierType(_, let namespace), .deleteQualifierType(_, let namespace):
            try check(.fullWrite, nil, in: namespace, .putClass)
        // What is in a namespace is its own; that it is there is a matter of the one above it.
        case .createNamespace(let namespace, _), .deleteNamespace(let namespace):
            try check(.fullWrite, "__NAMESPACE", in: namespace.parent ?? namespace, .putInstance)
        }
    }

    // MARK: - Seeing

    func mayHaveEvents(of className: String, in namespace: CIMNamespaceName) -> Bool { allows(.subscribe, className, in: namespace) }

    /// Whether a class, and the part that it has in instances, is there for the caller in an operation of this kind.
    func sees(_ className: String, in namespace: CIMNamespaceName, for kind: Request.Kind) -> Bool {
        kind == .deleteInstance || kind == .putInstance
            ? allows([.writeProvider, .storedWrite], className, in: namespace) : allows(.enable, className, in: namespace)
    }

    /// The classes that the caller may look at.
    func visible(_ classes: [CIMClass], in namespace: CIMNamespaceName) -> [CIMClass] {
        guard rights.isSelective(for: caller, in: namespace.text) else { return classes }
        return classes.filter { allows(.enable, $0.name, in: namespace) }
    }
}
