import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// The consumers that the broker has itself, made from what is stored of them (Semantics J.4).
extension Broker {
    /// - Throws: InvalidParameter: what is wrong with the consumer; NotFound: nobody is the consumer of its class.
    func consumer(of definition: PermanentSubscription.Definition) throws(CIMError) -> any EventConsumer {
        let consumer = definition.consumer
        let name = consumer["Name"]?.stringValue ?? ""
        func given(_ property: String) -> String? { consumer[property]?.stringValue.flatMap { $0.isEmpty ? nil : $0 } }
        func text(_ property: String) throws(CIMError) -> String {
            if let text = given(property) { return text }
            throw CIMError(.invalidParameter, "\(consumer.className) \"\(name.clipped(80))\" has no \(property)")
        }
        let template = EventTemplate(given("Text") ?? "%__CLASS%")
        switch CIMName.folded(consumer.className) {
        case "logfileeventconsumer":
            let path = try logPath(try text("Filename"))
            let largest = consumer["MaximumFileSize"]?.uint64Value ?? 65_535
            return LogFileConsumer(file: permanents.logFile(path, largest), template: template)
        case "cimbus_journaleventconsumer":
            return JournalConsumer(
                journal: JournalSocket(path: configuration.journalSocket), name: name,
                identifier: (given("Identifier") ?? "cimbusd").oneLine,
                priority: UInt8(clamping: min(7, max(0, consumer["Priority"]?.int64Value ?? 5))),
                template: template)
        case "cimbus_signaleventconsumer":
            do throws(DBusNameError) {
                let path = try ObjectPath(given("Path") ?? "/org/cimbus1")
                let interface = try InterfaceName(given("Interface") ?? "org.cimbus1.EventSignal")
                let member = try MemberName(given("Member") ?? "Event")
                let destination = try given("Destination").map { name throws(DBusNameError) in try BusName(name) }
                return SignalConsumer(
                    connection: consumersConnection, name: name, path: path, interface: interface, member: member, destination: destination)
            } catch {
                throw CIMError(.invalidParameter, "\(consumer.className) \"\(name.clipped(80))\": \(error)")
            }
        case "cimbus_uniteventconsumer":
            return UnitConsumer(
                connection: consumersConnection, template: EventTemplate(try text("Unit")), mode: given("Mode") ?? "fail")
        default:
            if let provider = consumerProvider(of: definition) { return provider }
            throw CIMError(
                .notFound,
                "nobody takes events for a \(consumer.className): it is none of the broker's own, and no provider is registered for it")
        }
    }

    /// A file in the directory of events' logs: nowhere else the broker writes what others say.
    private func logPath(_ name: String) throws(CIMError) -> String {
        guard let directory = configuration.eventLogs else {
            throw CIMError(.notSupported, "this broker has no directory for logs of events; start it with --event-logs DIRECTORY")
        }
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        let file = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
        guard !file.isEmpty, !file.contains("/"), !file.hasPrefix("."), file.utf8.count <= 200, file.utf8.allSatisfy({ $0 >= 0x20 }) else {
            throw CIMError(.invalidParameter, "Filename \(name.clipped(80)): expected the name of a file, which will be in \(directory)")
        }
        return prefix + file
    }

    // MARK: - Providers of consumers

    /// The provider whose registration says that it takes events for consumers of this class, or of one above it; nil: none does.
    private func consumerProvider(of definition: PermanentSubscription.Definition) -> ProvidedConsumer? {
        let consumer = definition.consumer
        guard let namespace = consumer.path?.namespace.flatMap({ CIMNamespaceName($0) }),
            let declaration = schema.declaration(consumer.className, in: namespace),
            let provider = schema.schema.providers(in: namespace).first(where: { provider in
                provider.isDecoupled && provider.isEnabled
                    && provider.consumerClasses.contains { declaration.isSameOrDerived(from: $0) }
            })
        else { return nil }
        return ProvidedConsumer(broker: self, consumer: consumer, provider: provider.name, namespace: namespace)
    }

    /// Hands an event to the provider of its consumer, which is started if need be.
    fileprivate func indicate(_ event: CIMInstance, lost: UInt64, to consumer: ProvidedConsumer) async throws(CIMError) {
        let (name, path) = try await object(of: consumer.provider, in: consumer.namespace)
        let status: WBEMStatus
        do throws(DBusError) {
            let call = try Message.methodCall(
                destination: name, path: path, interface: Contract.consumerProvider, member: MemberName(verified: "IndicateToConsumer"),
                values: [DBusValue(instance: consumer.consumer), DBusValue(instance: event), .uint64(lost)])
            let reply = try await consumersConnection().call(call, timeout: .seconds(25))
            status = WBEMStatus(rawValue: (try? reply.values())?.first?.integer() ?? WBEMStatus.failed.rawValue)
        } catch {
            throw CIMError(.failed, "provider \(consumer.provider) did not take the event: \(error.message.clipped())")
        }
        if !status.isSuccess {
            throw CIMError(status, "provider \(consumer.provider) did not take the event: \(status.name ?? status.hex)")
        }
    }

    /// Where a provider's object is, once its process is there.
    private func object(of provider: String, in namespace: CIMNamespaceName) async throws(CIMError) -> (BusName, ObjectPath) {
        guard let id = core.registry.find(namespace: namespace.text, name: provider)?.id else {
            throw CIMError(.providerNotFound, "provider \(provider) is not registered in \(namespace)")
        }
        if core.registry.find(id)?.peer == nil {
            do throws(Refusal) {
                try tell { core throws(Refusal) in try core.load(id) }
            } catch {
                throw CIMError(error.status, "provider \(provider): \(error.message)")
            }
            await untilRegistered(id)
        }
        guard let peer = core.registry.find(id)?.peer, let name = peers.name(of: peer), let path = registrations.object(of: id, at: peer)
        else {
            throw CIMError(.providerLoadFailure, "provider \(provider) was started, and did not register")
        }
        return (name, path)
    }

    /// Suspends until the registration's state changes, or the time of a start is over.
    private func untilRegistered(_ id: RegistrationID) async {
        guard core.registry.find(id)?.peer == nil else { return }
        let limit = core.limits.start
        await withCheckedContinuation { continuation in
            permanents.starts[id, default: []].append(continuation)
            Task(executorPreference: loop) { [weak self] in
                try? await Task.sleep(for: .microseconds(limit))
                await self?.wakeConsumers(of: id)
            }
        }
    }

    /// The registration's state has changed: whoever waits for it looks again.
    func wakeConsumers(of id: RegistrationID) {
        for continuation in permanents.starts.removeValue(forKey: id) ?? [] { continuation.resume() }
    }
}

/// A consumer that is a provider's (`__EventConsumerProviderRegistration`).
struct ProvidedConsumer: EventConsumer {
    weak let broker: Broker?
    let consumer: CIMInstance
    let provider: String
    let namespace: CIMNamespaceName

    func consume(_ event: CIMInstance, lost: UInt64) async throws(CIMError) {
        try await broker?.indicate(event, lost: lost, to: self)
    }
}
