import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import CIMRepository
import Glibc

/// Subscriptions that stay: they are stored, and the broker is their client (Semantics J.4).
extension Broker {
    // MARK: - What is stored

    /// Changes as they are stored: the broker says who made what belongs to permanent subscriptions.
    /// - Throws: UnparsableQuery, InvalidQueryType: a filter that could never be used.
    func stamped(_ changes: [RepositoryChange], by uid: UInt32) throws(CIMError) -> [RepositoryChange] {
        var stamped = changes
        for (index, change) in changes.enumerated() {
            guard case .putInstance(var instance, let namespace, let flags, let only) = change,
                PermanentSubscription.isPart(instance.className, in: namespace, changes, { schema.declaration($0, in: namespace) })
            else { continue }
            do throws(CIMError) { try Self.checkFilter(instance) } catch { throw error.failed(at: index) }
            instance["CreatorSID"] = Creator.sid(of: uid)
            stamped[index] = .putInstance(instance, in: namespace, flags: flags, only: only.map { $0 + ["CreatorSID"] })
        }
        return stamped
    }

    private static func checkFilter(_ instance: CIMInstance) throws(CIMError) {
        guard CIMName.equal(instance.className, "__EventFilter"), let query = instance["Query"]?.stringValue else { return }
        if let language = instance["QueryLanguage"]?.stringValue, !CIMName.equal(language, "WQL") {
            throw CIMError(.invalidQueryType, "QueryLanguage of an __EventFilter must be \"WQL\", not \(language.clipped(80))")
        }
        do throws(QueryError) {
            guard case .select = try WQLQuery(parsing: query) else {
                throw QueryError(.unparsableQuery, "expected SELECT … FROM an event class", at: QueryPlace(line: 1, column: 1))
            }
        } catch {
            throw CIMError(.unparsableQuery, "the Query of an __EventFilter: \(error.description)")
        }
    }

    /// Something was stored that permanent subscriptions or timers may follow from: when this returns, they do.
    func reviewStored(after changes: [RepositoryChange], hasOtherSchema: Bool) async {
        func isActedOn(_ className: String, _ namespace: CIMNamespaceName) -> Bool {
            PermanentSubscription.isPart(className, in: namespace, [], { schema.declaration($0, in: namespace) })
                || schema.declaration(className, in: namespace)?.isSameOrDerived(from: "__TimerInstruction") == true
        }
        let concerns = changes.contains { change in
            switch change {
            case .putInstance(let instance, let namespace, _, _): isActedOn(instance.className, namespace)
            case .deleteInstance(let path, let namespace, _): isActedOn(path.className, namespace)
            case .deleteNamespace, .deleteClass: true
            default: false
            }
        }
        // A class or a namespace that was missing may be there now.
        if concerns || hasOtherSchema && permanents.subscriptions.values.contains(where: { $0.fault != nil }) { await reviewStored() }
    }

    /// Reads what is stored, and makes it so. Reviews follow each other.
    func reviewStored() async {
        permanents.wantsReview = true
        let review =
            permanents.review
            ?? Task(executorPreference: loop) { [self] in
                while await self.takeReview() {
                    let definitions = await self.storedDefinitions()
                    let timers = await self.storedTimers()
                    await self.adopt(definitions, timers)
                }
            }
        permanents.review = review
        await review.value
    }

    private func takeReview() -> Bool {
        guard permanents.wantsReview, !isStopped else {
            permanents.review = nil
            return false
        }
        permanents.wantsReview = false
        return true
    }

    private func storedDefinitions() async -> [PermanentSubscription.Definition] {
        var definitions: [PermanentSubscription.Definition] = []
        for namespace in schema.names {
            for binding in await stored("__FilterToConsumerBinding", in: namespace) {
                if let definition = await definition(of: binding, in: namespace) { definitions.append(definition) }
            }
        }
        return definitions
    }

    /// All instances of a class, and of those below it, that a namespace keeps.
    func stored(_ className: String, in namespace: CIMNamespaceName) async -> [CIMInstance] {
        var found: [CIMInstance] = []
        let classes = [className] + schema.schema.descendants(of: className, in: namespace)
        var cursor = repository.instances(ofExactly: classes, in: namespace)
        while let at = cursor {
            do throws(CIMError) {
                let page = try await repository.page(at: at)
                found += page.instances
                cursor = page.next
            } catch {
                logger.error("stored instances of \(className) in \(namespace) cannot be read: \(error.message)")
                return found
            }
        }
        return found
    }

    /// The parts of a subscription, as far as they are there; nil for a binding that names none.
    private func definition(
        of binding: CIMInstance, in namespace: CIMNamespaceName
    ) async -> PermanentSubscription.Definition? {
        guard case .reference(let filterPath)? = binding["Filter"], case .reference(let consumerPath)? = binding["Consumer"],
            let path = try? binding.placed(in: namespace, schema: schema.schema).path
        else { return nil }
        let (filter, consumer) = (await part(filterPath, in: namespace), await part(consumerPath, in: namespace))
        let missing = filter == nil ? filterPath : consumer == nil ? consumerPath : nil
        let parts = [binding] + [filter?.instance, consumer?.instance].compactMap(\.self)
        let creators = Set(parts.map { Creator.uid(of: $0) })
        let eventNamespace = filter?.instance["EventNamespace"]?.stringValue
        return .init(
            binding: CIMName("\(namespace.text):\(path.relativePath)"),
            filter: filter?.instance ?? CIMInstance(className: filterPath.className, path: filterPath),
            namespace: eventNamespace.flatMap { $0.isEmpty ? nil : CIMNamespaceName($0) } ?? filter?.namespace ?? namespace,
            consumer: consumer?.instance ?? CIMInstance(className: consumerPath.className, path: consumerPath),
            creator: creators.count == 1 ? creators.first ?? nil : nil, missing: missing?.path)
    }

    private func part(_ path: CIMObjectPath, in home: CIMNamespaceName) async -> (instance: CIMInstance, namespace: CIMNamespaceName)? {
        let namespace = path.namespace.flatMap { CIMNamespaceName($0) } ?? home
        guard let instance = try? await repository.instance(at: path, in: namespace),
            let placed = try? instance.placed(in: namespace, schema: schema.schema)
        else { return nil }
        return (placed, namespace)
    }

    // MARK: - Activation

    private func adopt(_ definitions: [PermanentSubscription.Definition], _ stored: (timers: [StoredTimer], fired: [CIMInstance])) {
        adopt(stored.timers, fired: stored.fired)
        let known = Dictionary(definitions.map { ($0.binding, $0) }) { first, _ in first }
        for (binding, subscription) in permanents.subscriptions where known[binding] != subscription.definition {
            permanents.subscriptions[binding] = nil
            permanents.consumers[binding] = nil
            if let operation = subscription.operation { end(operation) }
        }
        for definition in known.values.sorted(by: { $0.binding.text < $1.binding.text }) {
            if permanents.subscriptions[definition.binding]?.operation != nil { continue }
            activate(definition)
        }
    }

    private func end(_ operation: OperationID) {
        permanents.operations[operation] = nil
        tell { $0.cancel(operation) }
    }

    private func activate(_ definition: PermanentSubscription.Definition) {
        var subscription = permanents.subscriptions[definition.binding] ?? PermanentSubscription(definition)
        let before = subscription.fault
        do throws(CIMError) {
            if let missing = definition.missing { throw CIMError(.notFound, "there is no \(missing.clipped())") }
            let consumer = try consumer(of: definition)
            permanents.activations += 1
            subscription = PermanentSubscription(definition)
            subscription.sink = "/permanent/\(permanents.activations)"
            let operation = try subscribe(definition, subscription.sink)
            subscription.operation = operation
            permanents.operations[operation] = definition.binding
            permanents.consumers[definition.binding] = consumer
            logger.info("permanent subscription \(definition.binding.text) is active")
        } catch {
            subscription.fault = error
            if before?.message != error.message {
                logger.error(
                    "permanent subscription \(definition.binding.text.clipped()) is inactive: \(error.status.name ?? ""), \(error.message)")
            }
        }
        permanents.subscriptions[definition.binding] = subscription
    }

    /// The broker subscribes for whoever made the subscription, with that user's rights.
    private func subscribe(_ definition: PermanentSubscription.Definition, _ sink: String) throws(CIMError) -> OperationID {
        guard let uid = definition.creator else {
            throw CIMError(.accessDenied, "its filter, its consumer and its binding were not made by one user; put them again as one")
        }
        guard schema.has(definition.namespace) else {
            throw CIMError(.invalidNamespace, "there is no namespace \(definition.namespace) for its events")
        }
        let caller = Caller(uid: uid, groups: SystemUsers.groups(ofUser: uid))
        let arguments = ServicesCall(subscribing: definition.query, in: definition.namespace)
        let query: EventQuery
        switch resolver(for: caller).resolve(arguments) {
        case .subscribed(let found, _): query = found
        case .refused(let error): throw error
        case .answered(let outcome, _, _): throw Self.failure(outcome)
        case .ask, .conducted: throw CIMError(.invalidQuery, "expected SELECT … FROM an event class")
        }
        var terms = query.terms
        terms.queueBytes = definition.consumer["MaximumQueueSize"]?.int64Value.flatMap { $0 > 0 ? Int($0) : nil }
        var subscriber = Subscriber(query, arguments, caller, schema.snapshot)
        do throws(ObjectFault) {
            subscriber.publishers = try definition.filter["EventAccess"]?.stringValue.map { text throws(ObjectFault) in
                try EventAudience(text)
            }
        } catch {
            throw CIMError(.invalidParameter, "EventAccess: \(error.description)")
        }
        let client = permanentClient(of: uid)
        let record = OperationRecord(arguments, Question(subject: definition.query.clipped()), client: client, caller: caller)
        record.subject = definition.binding.text.clipped()
        let request = Request(client: client, kind: .execNotificationQuery, form: .async(sink: sink), target: .events(terms: terms))
        do throws(Refusal) {
            var operation = OperationID(0)
            try tell { core throws(Refusal) in
                try core.begin(request)
            } answering: { id in
                operation = id
                records[id] = record
                flights.begin(id, record, at: core.now)
                permanents.operations[id] = definition.binding
                subscribe(id, subscriber)
            }
            return operation
        } catch {
            throw CIMError(error.status, error.message)
        }
    }

    /// The broker itself, as it stands for a user.
    private func permanentClient(of uid: UInt32) -> PeerID {
        if let known = permanents.clients[uid] { return known }
        let peer = peers.newID()
        permanents.clients[uid] = peer
        tell { $0.peerAppeared(peer, uid: uid, pid: UInt32(getpid())) }
        return peer
    }

    // MARK: - Events

    /// Events of a permanent subscription go to its consumer, one after the other.
    func deliverPermanent(_ batches: [ObjectBatch], lost: UInt64, _ id: OperationID) -> Bool {
        guard let binding = permanents.operations[id], permanents.subscriptions[binding] != nil else { return false }
        permanents.subscriptions[binding]?.waiting.append((batches.compactMap(\.instance), lost))
        guard permanents.subscriptions[binding]?.isBusy == false else { return true }
        permanents.subscriptions[binding]?.isBusy = true
        Task(executorPreference: loop) { [self] in await self.feed(binding, id) }
        return true
    }

    private func feed(_ binding: CIMName, _ id: OperationID) async {
        while let (events, lost) = nextBatch(of: binding, id), let consumer = permanents.consumers[binding] {
            for (index, event) in events.enumerated() {
                do throws(CIMError) {
                    try await consumer.consume(event, lost: index == 0 ? lost : 0)
                    permanents.subscriptions[binding]?.delivered += 1
                } catch {
                    failed(binding, event, error)
                }
            }
            taken(binding, id)
        }
    }

    private func nextBatch(of binding: CIMName, _ id: OperationID) -> (events: [CIMInstance], lost: UInt64)? {
        // What is stored may have changed, and another operation feeds another consumer.
        guard permanents.operations[id] != nil else { return nil }
        guard permanents.subscriptions[binding]?.waiting.isEmpty == false, !isStopped else {
            permanents.subscriptions[binding]?.isBusy = false
            return nil
        }
        return permanents.subscriptions[binding]?.waiting.removeFirst()
    }

    private func taken(_ binding: CIMName, _ id: OperationID) {
        guard permanents.operations[id] != nil, let subscription = permanents.subscriptions[binding],
            let uid = subscription.definition.creator,
            let client = permanents.clients[uid]
        else { return }
        tell { $0.acknowledge(subscription.sink, of: client, batches: 1) }
    }

    /// The consumer did not take an event: administrators hear of it, unless the event was itself about such a trouble.
    private func failed(_ binding: CIMName, _ event: CIMInstance, _ error: CIMError) {
        guard let subscription = permanents.subscriptions[binding] else { return }
        let isFirst = subscription.lastFailure != error.message
        permanents.subscriptions[binding]?.failures += 1
        permanents.subscriptions[binding]?.lastFailure = error.message
        if isFirst { logger.error("the consumer of \(binding.text.clipped()) failed: \(error.message)") }
        let namespace = subscription.definition.namespace
        guard schema.declaration(event.className, in: namespace)?.isSameOrDerived(from: "__EventDroppedEvent") != true else { return }
        raise(
            CIMInstance(
                className: "__ConsumerFailureEvent",
                [
                    "Event": .object(event), "IntendedConsumer": subscription.consumerReference,
                    "ErrorCode": .uint32(error.status.rawValue),
                    "ErrorDescription": .string(error.message), "ErrorSourceName": .string("CIMBus"),
                ]), in: namespace)
    }

    /// Its operation has ended otherwise than by a change of what is stored.
    func permanentEnded(_ id: OperationID, _ outcome: Outcome) {
        guard let binding = permanents.operations.removeValue(forKey: id) else { return }
        let text = outcome.explanation?.text ?? ""
        permanents.subscriptions[binding]?.operation = nil
        permanents.subscriptions[binding]?.fault = CIMError(outcome.status, text.isEmpty ? "its operation was ended" : text)
        if !isStopped {
            logger.error("permanent subscription \(binding.text.clipped()) is inactive: \(outcome.status.name ?? ""), \(text)")
        }
    }

    /// What administrators see of them.
    func permanentInstances() -> [CIMInstance] {
        permanents.subscriptions.values.sorted { $0.definition.binding.text < $1.definition.binding.text }.map { subscription in
            subscription.instance(lost: subscription.operation.flatMap { core.events.subscriptions[$0]?.lostInAll } ?? 0)
        }
    }
}

extension PermanentSubscription {
    var consumerReference: CIMValue { definition.consumer.path.map { .reference($0) } ?? .null }
}

/// The permanent subscriptions that are stored, and the broker as their client.
struct PermanentSubscriptions {
    /// By their bindings.
    var subscriptions: [CIMName: PermanentSubscription] = [:]
    var consumers: [CIMName: any EventConsumer] = [:]
    var operations: [OperationID: CIMName] = [:]
    var activations = 0
    /// The broker, as it stands for each user.
    var clients: [UInt32: PeerID] = [:]
    var timers = StoredTimers()
    /// Log files that consumers write, which several may do; by the bytes of their paths.
    private var files: [[UInt8]: (file: EventLogFile, largest: UInt64)] = [:]
    /// Consumers that wait for their providers to come.
    var starts: [RegistrationID: [CheckedContinuation<Void, Never>]] = [:]
    /// The review of what is stored that is under way, and whether another has to follow.
    var review: Task<Void, Never>?
    var wantsReview = false

    func isOwn(_ peer: PeerID) -> Bool { clients.values.contains(peer) }

    mutating func logFile(_ path: String, _ largest: UInt64) -> EventLogFile {
        if let known = files[Array(path.utf8)], known.largest == largest { return known.file }
        let file = EventLogFile(path, largest: largest)
        files[Array(path.utf8)] = (file, largest)
        return file
    }
}
