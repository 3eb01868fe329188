import CIM
import CIMAdoption
import DBus

/// The work of a service's listener, step by step: one task has it.
final class Listening {
    let key: ServiceKey
    let events: AdoptedEvents
    private let queue: SignalQueue
    private(set) var demand = ServiceDemand()
    private var link: Link?
    private var lastNumber = 0
    /// The process that owns the service's name: others' signals are nothing.
    private(set) var owner: UniqueName?
    /// The objects of which something is wanted, as they are.
    var objects: [CIMName: FollowedObjects] = [:]
    private let room = FollowedRoom()
    /// What this process was asked before it signals.
    private var prepared: Set<CallTemplate> = []
    private var said: Set<String> = []
    private var lastLook: ContinuousClock.Instant?

    /// A connection for this service's signals alone: closing it ends all that it asked for.
    private struct Link {
        var number: Int
        var connection: Connection
        var calls: NumberedCalls
        var rules: [MatchRule: MatchToken] = [:]
    }

    /// How long after looking at all objects they are looked at again, however much is lost meanwhile.
    private static let pause = Duration.seconds(1)

    init(_ key: ServiceKey, _ events: AdoptedEvents, _ queue: SignalQueue) {
        self.key = key
        self.events = events
        self.queue = queue
    }

    var calls: NumberedCalls? { link?.calls }

    func run() async {
        while true {
            switch await queue.next() {
            case .demand(let wanted):
                demand = wanted
                if wanted.isEmpty {
                    await link?.connection.close()
                    return
                }
                await adopt()
            case .disconnected(let number):
                guard number == link?.number || link == nil else { continue }
                if link != nil { say("the connection for its signals ended; what it signals meanwhile is missed") }
                (link, owner, prepared) = (nil, nil, [])
                await adopt()
            case .owner(let other):
                (owner, prepared) = (other, [])
                if other == nil {
                    say("it has left the bus; its objects are looked at again when it is back")
                } else {
                    await lookAtAll()
                }
            case .lost(let count):
                say("its signals come faster than they are read: some are lost, and counted")
                events.reportLoss(count)
                if let lastLook, .now - lastLook < Self.pause { try? await Task.sleep(for: Self.pause - (.now - lastLook)) }
                await lookAtAll()
            case .signal(let signal):
                if signal.sender == owner?.text { await take(signal) }
            }
        }
    }

    /// One line for each kind of trouble of a service.
    func say(_ words: String) {
        if said.insert(words).inserted { events.logger.warning("service \(key.service): \(words) (said once)") }
    }

    // MARK: - What is asked for

    /// Asks for the signals that are wanted, and for no others.
    private func adopt() async {
        do {
            if link == nil { try await connect() }
            let wanted = rules
            for (rule, token) in link?.rules ?? [:] where !wanted.contains(rule) {
                link?.rules[rule] = nil
                await link?.connection.removeMatch(token)
            }
            for rule in wanted where link?.rules[rule] == nil {
                let token = try await link?.connection.addMatch(rule) { [queue] in queue.take($0) }
                link?.rules[rule] = token
            }
        } catch {
            say("cannot listen to its signals, and tries again: \(error)")
            await link?.connection.close()
            link = nil
            queue.disconnected(lastNumber, after: Self.pause)
            return
        }
        for name in objects.keys where !demand.instances.contains(name) {
            objects[name]?.forgetAll()
            objects[name] = nil
        }
        await prepare()
        await look(at: demand.instances.filter { objects[$0] == nil })
    }

    private func connect() async throws {
        lastNumber += 1
        let number = lastNumber
        var options = ConnectionOptions()
        options.maximumUnansweredCalls = ServiceConnections.callsInFlight
        options.maximumReceivedBytes = 32 << 20
        let connection = try await Connection.connect(to: events.address(of: key.bus), options: options)
        link = Link(number: number, connection: connection, calls: NumberedCalls(connection))
        connection.onDisconnected { [queue] _ in queue.disconnected(number) }
        _ = try await connection.followOwner(of: key.service) { [queue] in queue.owned(by: $0) }
    }

    private var rules: Set<MatchRule> {
        var rules: Set<MatchRule> = []
        for name in demand.events {
            guard let event = events.classes.events[name] else { continue }
            var rule = MatchRule(sender: key.service, interface: event.context.signal.interface, member: event.context.signal.member)
            if let path = event.context.path {
                if path.isConstant { rule.path = path.root } else if path.root.text != "/" { rule.pathNamespace = path.root }
            }
            rules.insert(rule)
        }
        for name in demand.instances {
            guard let adopted = events.classes.classes[name], let signals = adopted.context.signals else { continue }
            for telling in [signals.created, signals.deleted] {
                switch telling {
                case .signal(let signal)?:
                    rules.insert(MatchRule(sender: key.service, interface: signal.interface, member: signal.member))
                case .manager?:
                    guard case .managed(let manager) = adopted.context.source else { continue }
                    for member in ["InterfacesAdded", "InterfacesRemoved"] {
                        rules.insert(
                            MatchRule(
                                sender: key.service, interface: .objectManager, member: MemberName(verified: member), path: manager))
                    }
                case nil: break
                }
            }
            guard signals.tellsChanges, let plan = ReadPlan(adopted, names: nil, hasColumns: false, isExistenceKnown: true) else {
                continue
            }
            for interface in plan.wanted.keys {
                rules.insert(
                    MatchRule(
                        sender: key.service, interface: .properties, member: MemberName(verified: "PropertiesChanged"),
                        arguments: [0: interface.text]))
            }
        }
        return rules
    }

    // MARK: - What is there

    /// The service is another process, or its signals were lost: all that is wanted of it is looked at, and compared with what was known.
    private func lookAtAll() async {
        lastLook = .now
        await prepare()
        await look(at: demand.instances)
    }

    /// Services may signal only to those who ask for it.
    private func prepare() async {
        guard let calls, let owner else { return }
        let events = demand.events.compactMap { self.events.classes.events[$0]?.context.preparation }
        let instances = demand.instances.compactMap { self.events.classes.classes[$0]?.context.signals?.preparation }
        for call in Set(events + instances).subtracting(prepared) {
            prepared.insert(call)
            guard let path = call.path?.path({ _ in nil }) else { continue }
            let values = call.arguments.compactMap { ArgumentWriter.value($0) }
            let target = ServiceTarget(key, owner: BusName(verified: owner.text))
            do {
                _ = try await calls.call(ServiceCall(target, path, call.interface, call.member, values, timeout: ServiceReader.longestCall))
            } catch {
                say("\(call.member) fails, so that it may not signal: \(error)")
            }
        }
    }

    private func look(at names: some Sequence<CIMName>) async {
        for name in names.sorted() {
            guard let calls, let owner, let adopted = events.classes.classes[name] else { continue }
            do {
                if objects[name] == nil { objects[name] = try FollowedObjects(adopted, events, room) }
                guard let found = try await objects[name]?.read(calls, BusName(verified: owner.text)) else { continue }
                for change in objects[name]?.replace(with: found) ?? [] { events.raise(change.event) }
                if objects[name]?.isFull == true { say("\(name) has more objects than are followed: of the others nothing is told") }
            } catch {
                // A failed look is no word of deletions.
                say("the objects of \(name) cannot be read, so that changes are seen later: \(error)")
            }
        }
    }
}

extension ServiceTarget {
    init(_ key: ServiceKey, owner: BusName) {
        self.init(key.service, on: key.bus)
        self.owner = owner
        starts = false
    }
}
