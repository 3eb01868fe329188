import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// The broker's object tree (Design 3).
extension Broker {
    func exportObjects() {
        let root = ExportedObject(
            [brokerInterface(), registrarInterface(), basicEventProviderInterface(), mofCompilerInterface()], isObjectManager: true,
            isManaged: false)
        let sink = ExportedObject([objectSinkInterface(), sinkReferenceInterface()], isManaged: false)
        let operation = operationInterface()
        let enumerator = ExportedObject([operation, enumeratorInterface()], isManaged: false)
        let callResult = ExportedObject([operation, callResultInterface()], isManaged: false)
        let plain = ExportedObject([operation], isManaged: false)
        let folder = ExportedObject([], isManaged: false)
        let log = configuration.log.map { ExportedObject([logControlInterface($0)], isManaged: false) }
        let arrived = Self.onLoop { $0.arrived($1) }
        connection.assumeIsolated { connection in
            connection.setInbound { [weak self] message in self.map { arrived($0, message) } ?? false }
            connection.export(root, at: Contract.rootPath)
            if let log { connection.export(log, at: Self.logControlPath) }
            connection.exportSubtree(
                ObjectSubtree(isManaged: false) { [weak self] path, sender in
                    if path == Contract.operationsPath { return folder }
                    return self?.assumeIsolated { broker in
                        guard let operation = broker.visibleOperation(path, sender) else { return nil }
                        guard operation.request.form == .semisync else { return plain }
                        return operation.request.kind.isEnumeration ? enumerator : callResult
                    }
                } childNames: { [weak self] path, sender in
                    guard path == Contract.operationsPath else { return [] }
                    return self?.assumeIsolated { broker in
                        broker.core.operations.values.filter { broker.mayManage(sender, uid: broker.uid(of: $0.request.client) ?? 0) }
                            .map { String($0.id.number) }
                    } ?? []
                }, at: Contract.operationsPath)
            connection.exportSubtree(
                ObjectSubtree(isManaged: false) { [weak self] path, sender in
                    if path == Contract.sinksPath { return folder }
                    guard let number = Contract.number(in: path.text, below: Contract.sinksPath) else { return nil }
                    return self?.assumeIsolated { $0.core.presence(of: SinkID(number)) == .unknown ? nil : sink }
                } childNames: { [weak self] path, sender in
                    guard path == Contract.sinksPath else { return [] }
                    return self?.assumeIsolated { broker in
                        guard let peer = broker.peers.id(of: sender) else { return [] }
                        let isRoot = broker.uid(of: peer) == 0
                        return broker.core.legs.values.filter { isRoot || $0.ledger.isHeld(by: peer) }.map { String($0.sink.number) }
                    } ?? []
                }, at: Contract.sinksPath)
        }
        exportEventSinks()
        adopt(repository.schema)
    }

    /// One's own operations; root sees all.
    func visibleOperation(_ path: ObjectPath, _ sender: String?) -> Entry<Operation>? {
        guard let number = Contract.number(in: path.text, below: Contract.operationsPath),
            let operation = core.operations[OperationID(number)]
        else { return nil }
        return mayManage(sender, uid: uid(of: operation.request.client) ?? 0) ? operation : nil
    }

    /// A method that runs in the broker, on its loop.
    nonisolated func method(_ body: @escaping @Sendable (isolated Broker, MethodCall) -> Void) -> MethodImplementation {
        let body = Self.onLoop(body)
        return .immediate { [weak self] call in
            guard let self else { _ = call.fail(CIMError(.shuttingDown, "the broker is stopping")); return }
            body(self, call)
        }
    }

    private nonisolated func property(_ body: @escaping @Sendable (isolated Broker) -> DBusValue) -> PropertyImplementation {
        PropertyImplementation(get: { [weak self] _ throws(DBusError) in
            guard let self else { throw DBusError(code: .disconnected, "the broker is stopping") }
            return self.assumeIsolated { body($0) }
        })
    }

    // MARK: - org.cimbus1.Broker

    private nonisolated func brokerInterface() -> ExportedInterface {
        ExportedInterface(
            Interfaces.broker,
            methods: [
                "ListOperations": method { broker, call in broker.listOperations(call) { $0.state != .ended } },
                "ListFinishedOperations": method { broker, call in broker.listOperations(call) { $0.state == .ended } },
                "OpenPrivateConnection": method { $0.openPrivateConnection($1) },
                "Reload": method { $0.reload($1) },
                "CheckRights": method { $0.checkRights($1) },
                "ListRights": method { $0.listRights($1) },
                "Trace": method { $0.trace($1) },
                "ListQuotas": method { $0.listQuotas($1) },
                "GetMetrics": method { $0.getMetrics($1) },
            ],
            properties: [
                "Version": property { _ in .string(Broker.version) },
                "Namespaces": property { .strings($0.schema.names.map(\.text)) },
                "OpenOperations": property { .uint32(UInt32(clamping: $0.core.openOperations)) },
                "SinkReferences": property { .uint32(UInt32(clamping: $0.core.sinkReferences)) },
                "Registrations": property { .uint32(UInt32(clamping: $0.core.registry.count)) },
                "Counters": property { $0.core.counters.wire },
                "Connections": property { .strings($0.connectionNames) },
                "PrivateConnections": property { .uint32(UInt32(clamping: $0.peers.privateConnections)) },
            ], argumentReader: LooseArguments.reader)
    }

    private func listOperations(_ call: MethodCall, where isListed: (Entry<Operation>) -> Bool) {
        let entries = core.operations.values
            .filter { isListed($0) && !$0.isStep && mayManage(call.sender, uid: uid(of: $0.request.client) ?? 0) }
            .map { operation -> DBusValue in
                let properties = Self.operationProperties.map { ($0, operationProperty($0, operation)) }
                return .structure([.objectPath(Contract.path(ofOperation: operation.id.number)), .dictionary(properties)])
            }
        call.reply([.array(element: Signature(verified: "(oa{sv})"), entries)])
    }

    // MARK: - org.cimbus1.Operation

    private static let operationProperties = Interfaces.operation.properties.map(\.name.text)

    private nonisolated func operationInterface() -> ExportedInterface {
        var properties: [String: PropertyImplementation] = [:]
        for name in Self.operationProperties {
            properties[name] = PropertyImplementation(get: { [weak self] access throws(DBusError) in
                let value: DBusValue? = self?.assumeIsolated { broker in
                    broker.visibleOperation(access.path, access.sender).map { broker.operationProperty(name, $0) }
                }
                guard let value else { throw DBusError(.unknownObject, "no operation at \(access.path)") }
                return value
            })
        }
        return ExportedInterface(
            Interfaces.operation,
            methods: [
                "Cancel": method { broker, call in
                    if let operation = broker.visibleOperation(call.path, call.sender) {
                        broker.tell { $0.cancel(operation.id) }
                    }
                    call.reply()
                }
            ], properties: properties)
    }

    private func operationProperty(_ name: String, _ operation: Entry<Operation>) -> DBusValue {
        let record = records[operation.id]
        switch name {
        case "ID": return .uint64(operation.id.number)
        case "Kind": return .string(operation.request.kind.rawValue)
        case "Namespace": return .string(record?.namespace.text ?? "")
        case "Target": return .string(record?.subject ?? "")
        case "Client": return .string(peers.name(of: operation.request.client)?.text ?? "")
        case "ClientUID": return .uint32(uid(of: operation.request.client) ?? 0)
        case "State": return .string(operation.state.rawValue)
        case "StartedUSec": return .uint64(UInt64(clamping: operation.startedAt))
        case "ObjectsDelivered": return .uint64(UInt64(operation.objectsDelivered))
        case "BufferedBytes": return .uint64(UInt64(clamping: operation.bufferedBytes))
        case "References":
            guard let sink = operation.leg, let leg = core.legs[sink] else { return .array(element: Signature(verified: "(ssu)"), []) }
            let path = Contract.path(ofSink: sink.number).text
            return .array(
                element: Signature(verified: "(ssu)"),
                leg.ledger.owners.map { owner in
                    .structure([
                        .string(path), .string(peers.name(of: owner.peer)?.text ?? ""), .uint32(UInt32(clamping: owner.references)),
                    ])
                })
        case "Parent": return .objectPath(operation.parent.map { Contract.path(ofOperation: $0.number) } ?? Contract.null)
        case "Attachment": return .string(way(of: operation).rawValue)
        case "EventsLost": return .uint64(core.events.subscriptions[operation.id]?.lostInAll ?? 0)
        case "Status": return .uint32(operation.state == .ended ? operation.outcome?.status.rawValue ?? 0 : 0)
        default: return record?.result?.extended.map { DBusValue(instance: $0) } ?? .dictionary([])
        }
    }
}

extension Registration.Counters {
    /// `a{st}`.
    var wire: DBusValue {
        let entries: [(String, UInt64)] = [
            ("Operations", operations), ("Objects", objects), ("Failures", failures), ("Vanished", vanished), ("Leaks", leaks),
            ("Violations", violations), ("StrangersViolations", strangersViolations), ("Cancelled", cancelled),
            ("LostReplies", lostReplies), ("LostValues", lostValues), ("Events", events), ("LostEvents", lostEvents),
        ]
        return .array(element: Signature(verified: "{st}"), entries.map { .dictEntry(.string($0.0), .uint64($0.1)) })
    }
}

extension CIMError {
    /// A refusal of the core's, said of the member that was called.
    init(_ refusal: Refusal, _ member: String) {
        self.init(refusal.status, "\(member): \(refusal.message)", cause: refusal.denial == nil ? nil : refusal)
    }
}

extension MethodCall {
    /// Answers with `org.cimbus1.Error.NAME`, the number, and what went wrong.
    @discardableResult
    func fail(_ error: CIMError) -> Bool { fail(DBusError(error)) }

    @discardableResult
    func fail(_ refusal: Refusal) -> Bool { fail(CIMError(refusal.status, refusal.message)) }

    @discardableResult
    func fail(_ fault: ObjectFault, _ what: String) -> Bool { fail(CIMError(fault.status, "\(what): \(fault.description)")) }
}
