import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// How providers come and go (`org.cimbus1.DecoupledRegistrar`, `org.cimbus1.Registration`).
extension Broker {
    nonisolated func registrarInterface() -> ExportedInterface {
        ExportedInterface(
            Interfaces.registrar, methods: ["Register": method { $0.register($1) }, "UnRegister": method { $0.unregister($1) }])
    }

    private func register(_ call: MethodCall) {
        guard let id = peer(of: call), let uid = uid(of: id) else { return }
        do throws(CIMError) {
            var request = try RegisterCall(call.message)
            guard schema.has(request.namespace) else {
                throw CIMError(.invalidNamespace, "Register: namespace \(request.namespace) does not exist")
            }
            guard rights.mayRegister(request.name, uid: uid) else {
                throw CIMError(
                    .accessDenied,
                    "Register: uid \(uid) may not register provider \(request.name); start cimbusd with --allow-register \(request.name)=\(uid)"
                )
            }
            // Only now: what it brings may be large.
            try request.readContext()
            guard let mof = request.mof else { return try complete(request, call, id) }
            try checkFree(request, id)
            let accepted = request
            Task(executorPreference: loop) { [self] in
                do throws(CIMError) {
                    try await self.storeMOF(mof, of: accepted.name, in: accepted.namespace, uid: uid)
                    try await self.complete(accepted, call, id)
                } catch {
                    self.refuse(call, error)
                }
            }
        } catch {
            refuse(call, error)
        }
    }

    private nonisolated func refuse(_ call: MethodCall, _ error: CIMError) {
        logger.info("a registration is refused: \(error)")
        call.fail(error)
    }

    /// Before anything is stored for it.
    private func checkFree(_ request: RegisterCall, _ id: PeerID) throws(CIMError) {
        do throws(Refusal) {
            try core.checkRegister(id, namespace: request.namespace.text, name: request.name)
        } catch {
            throw CIMError(error.status, "Register: \(error.message)")
        }
    }

    /// The registration comes to life.
    private func complete(_ request: RegisterCall, _ call: MethodCall, _ id: PeerID) throws(CIMError) {
        let registration: RegistrationID
        let effects: [Effect]
        do throws(Refusal) {
            (registration, effects) = try core.register(
                id, namespace: request.namespace.text, name: request.name, silence: request.silence, ping: request.ping, at: Self.now)
        } catch {
            throw CIMError(error.status, "Register: \(error.message)")
        }
        providerPaths[registration] = request.provider
        let path = show(registration, request.name, in: request.namespace)
        watchProcess(of: id)
        call.reply(signature: Signature(verified: "o")) { (body) throws(DBusError) in body.append(objectPath: path) }
        perform(effects)
        logger.info("provider \(request.name) registered in \(request.namespace) by \(call.sender ?? "")")
    }

    /// The registration's object is on the bus.
    private func show(_ registration: RegistrationID, _ name: String, in namespace: CIMNamespaceName) -> ObjectPath {
        if let path = registrationPaths[registration] { return path }
        let path = Contract.path(ofProvider: core.registry.find(registration)?.name ?? name, in: namespace)
        registrationPaths[registration] = path
        export(registration, at: path)
        return path
    }

    /// A provider that is stored as one is shown, though no process serves it yet.
    func define(_ definition: ProviderDefinition) {
        guard let id = core.define(namespace: definition.namespace.text, name: definition.name, uid: rights.broker) else {
            return logger.warning("provider \(definition.name) in \(definition.namespace) is one definition too many; it is not served")
        }
        _ = show(id, definition.name, in: definition.namespace)
    }

    /// A provider is stored no more: unless it is registered, it is not there.
    func undefine(_ definition: ProviderDefinition) {
        guard let id = core.undefine(namespace: definition.namespace.text, name: definition.name) else { return }
        providerPaths[id] = nil
        if let path = registrationPaths.removeValue(forKey: id) { connection.assumeIsolated { $0.unexport(at: path) } }
    }

    private func unregister(_ call: MethodCall) {
        var reader = call.reader
        guard let id = peer(of: call), let scope = try? reader.readString(), let name = try? reader.readString() else { return }
        guard let namespace = scope.isEmpty ? .cimv2 : CIMNamespaceName(scope) else {
            call.fail(CIMError(.invalidNamespace, "UnRegister: \"\(scope.prefix(80))\" is not a namespace"))
            return
        }
        do throws(Refusal) {
            let effects = try core.unregister(id, namespace: namespace.text, name: name, at: Self.now)
            call.reply()
            perform(effects)
        } catch {
            call.fail(CIMError(error.status, "UnRegister: \(error.message)"))
        }
    }

    // MARK: - org.cimbus1.Registration

    private func export(_ id: RegistrationID, at path: ObjectPath) {
        let object = ExportedObject([registrationInterface(id)])
        connection.assumeIsolated { _ = $0.export(object, at: path) }
    }

    private nonisolated func registrationInterface(_ id: RegistrationID) -> ExportedInterface {
        var properties: [String: PropertyImplementation] = [:]
        for description in Interfaces.registration.properties {
            let name = description.name.text
            properties[name] = PropertyImplementation(get: { [weak self] _ throws(DBusError) in
                let value: DBusValue? = self?.assumeIsolated { $0.registrationProperty(name, id) }
                guard let value else { throw DBusError(.unknownObject, "no such registration") }
                return value
            })
        }
        return ExportedInterface(
            Interfaces.registration,
            methods: [
                "Suspend": method { broker, call in broker.manage(call, id) { $0.core.suspend(id) } },
                "Resume": method { broker, call in broker.manage(call, id) { $0.core.resume(id) } },
                "Ping": method { $0.pingProvider($1, id) },
            ], properties: properties)
    }

    private func registrationProperty(_ name: String, _ id: RegistrationID) -> DBusValue? {
        guard let registration = core.registry.find(id) else { return nil }
        switch name {
        case "Name": return .string(registration.name)
        case "Namespace": return .string(registration.namespace)
        case "Owner": return .string(registration.peer.flatMap { peerNames[$0]?.text } ?? "")
        case "ProcessID": return .uint32(registration.peer == nil ? 0 : registration.pid ?? 0)
        case "UserID": return .uint32(registration.uid)
        case "Classes":
            return .strings(CIMNamespaceName(registration.namespace).map { schema.classes(of: registration.name, in: $0) } ?? [])
        case "State": return .string(core.state(of: registration).rawValue)
        case "OpenOperations": return .uint32(UInt32(clamping: registration.open.count))
        case "SinkReferences":
            return .uint32(UInt32(clamping: registration.open.reduce(0) { $0 + (core.legs[$1]?.ledger.references ?? 0) }))
        case "Counters": return registration.counters.wire
        default: return .string(registration.lastFailure)
        }
    }

    func registrationChanged(_ id: RegistrationID) {
        guard let path = registrationPaths[id] else { return }
        connection.assumeIsolated {
            $0.emitPropertiesChanged(
                ["Owner", "ProcessID", "UserID", "Classes", "State"], of: Contract.registration, at: path)
        }
    }

    /// For root, the broker's own user, and the provider's.
    private func manage(_ call: MethodCall, _ id: RegistrationID, _ change: (isolated Broker) -> [Effect]) {
        guard let peer = peer(of: call), let uid = uid(of: peer), let registration = core.registry.find(id) else { return }
        guard uid == 0 || uid == rights.broker || uid == registration.uid else {
            call.fail(CIMError(.accessDenied, "\(call.member): only root, the broker's user and uid \(registration.uid) may do this"))
            return
        }
        let effects = change(self)
        call.reply()
        perform(effects)
    }

    private func pingProvider(_ call: MethodCall, _ id: RegistrationID) {
        guard let registration = core.registry.find(id) else { return }
        guard let peer = registration.peer, let name = peerNames[peer],
            let question = try? Message.methodCall(
                destination: name, path: .root, interface: .peer, member: MemberName(verified: "Ping"), flags: .noAutoStart)
        else {
            call.fail(CIMError(.notAvailable, "Ping: provider \(registration.name) is not running"))
            return
        }
        // Strangers may ask. The bus lets a connection wait for 128 replies, which the core shares out; these are beyond its budget.
        guard pinged.count < 4, pinged.insert(peer).inserted else {
            call.fail(CIMError(.quotaViolation, "Ping: other pings wait for their answers; try again later"))
            return
        }
        let asked = Self.now
        let provider = registration.name
        let timer = loop.schedule(after: .seconds(10)) {
            call.fail(CIMError(.notAvailable, "Ping: provider \(provider) does not answer"))
        }
        connection.assumeIsolated { connection in
            // As long as no answer came the bus waits for one, whatever the caller was told.
            connection.call(question, timeout: nil) { [weak self] result in
                self?.assumeIsolated { broker in
                    broker.pinged.remove(peer)
                    broker.loop.cancel(timer)
                }
                if case .failure(let error) = result, error.reply?.sender != name.text {
                    call.fail(CIMError(.notAvailable, "Ping: provider \(provider) does not answer: \(error.message)"))
                } else {
                    call.reply([.uint64(UInt64(clamping: Self.now - asked))])
                }
            }
        }
    }
}

/// The arguments of `Register`, checked as far as they say it themselves.
struct RegisterCall: Sendable {
    let namespace: CIMNamespaceName
    let name: String
    let provider: ObjectPath
    private(set) var mof: String?
    private(set) var silence: Microseconds?
    private(set) var ping: Microseconds?
    private var context: BodyReader

    private static let largest = 8 << 20

    init(_ message: Message) throws(CIMError) {
        guard message.bodySize <= Self.largest else {
            throw CIMError(.quotaViolation, "Register: a call of \(message.bodySize) bytes; 8 MiB are the most")
        }
        do {
            var reader = message.reader
            guard try reader.readInt32() == 0 else { throw CIMError(.invalidParameter, "Register: flags must be 0") }
            context = reader
            try reader.skipArray(elementAlignment: 8)
            guard try reader.readString().isEmpty, try reader.readString().isEmpty else {
                throw CIMError(.notSupported, "Register: registrations per user or locale are not supported yet; leave both empty")
            }
            let scope = try reader.readString()
            let name = try reader.readString()
            provider = try reader.readObjectPath()
            guard provider != Contract.null else {
                throw CIMError(.invalidParameter, "Register: the provider is NULL (/); give the path of its org.cimbus1.Provider")
            }
            guard let namespace = scope.isEmpty ? .cimv2 : CIMNamespaceName(scope) else {
                throw CIMError(.invalidNamespace, "Register: \"\(scope.clipped(80))\" is not a namespace")
            }
            guard !name.isEmpty, name.utf8.count <= 120, name.utf8.allSatisfy({ $0 >= 0x20 }) else {
                throw CIMError(.invalidParameter, "Register: a provider's name has 1 to 120 printable bytes")
            }
            self.namespace = namespace
            self.name = name
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.invalidParameter, "Register: \(error)")
        }
    }

    /// Reads the keys it knows, and passes over the others unread.
    mutating func readContext() throws(CIMError) {
        do {
            let end = try context.enterArray(elementAlignment: 8)
            while !context.isAtEnd(of: end) {
                try context.enterDictEntry()
                let key = try context.readString()
                switch key {
                case ContextKey.mof:
                    guard let text = try context.readVariant().stringValue else {
                        throw CIMError(.invalidContext, "Register: MOF must be a string")
                    }
                    mof = text
                case ContextKey.silenceSeconds: silence = try Self.seconds(try context.readVariant(), key)
                case ContextKey.pingSeconds: ping = try Self.seconds(try context.readVariant(), key)
                default:
                    let types = try context.readSignatureBytes()
                    try context.skip(types: types)
                }
            }
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.invalidContext, "Register: \(error)")
        }
    }

    private static func seconds(_ value: CIMValue, _ key: String) throws(CIMError) -> Microseconds {
        guard let seconds = value.doubleValue, seconds > 0, seconds <= 86_400 * 365 else {
            throw CIMError(.invalidContext, "Register: \(key) must be a positive number of seconds")
        }
        return Microseconds(seconds * 1e6)
    }
}
