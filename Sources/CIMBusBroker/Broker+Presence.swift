import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// The broker off its bus, and back (``BusPresence``). Peers on the bus have ended with it. Those with a private connection keep it, their operations
/// and their registrations (Protocol.md, "Private connections").
extension Broker {
    /// Before the name is taken: from now on the loss of the bus is not the end of the broker.
    func outliveBus() async throws(DBusError) {
        busID = try await connection.busID()
        await connection.outliveBus { [weak self] error in self?.assumeIsolated { $0.busDropped(error) } }
    }

    private func busDropped(_ error: DBusError) {
        take(presence.dropped(), error)
    }

    private func take(_ step: BusPresence.Step, _ error: DBusError? = nil) {
        switch step {
        case .nothing: break
        case .leave: leaveBus(error?.message ?? "")
        case .retry(let pause): loop.schedule(after: pause) { [weak self] in self?.assumeIsolated { $0.tryToComeBack() } }
        case .resume: resume()
        case .end(let reason):
            let before = reasonForLeaving.isEmpty ? "" : "\(reasonForLeaving); "
            connection.assumeIsolated { $0.end(DBusError(code: .disconnected, before + reason)) }
        }
    }

    // MARK: - Away

    private func leaveBus(_ reason: String) {
        reasonForLeaving = reason
        formerNames.insert(connection.uniqueName.text)
        logger.warning(
            "the message bus dropped the broker: \(reason); what goes by private connections goes on, and the broker comes back",
            metadata: LogMessage.busDropped.metadata())
        endWhatTheBusCarried()
        let (presence, loop) = (presence, loop)
        loop.schedule(after: presence.grace) { [weak self, absence = absences] in
            self?.assumeIsolated { broker in
                guard broker.absences == absence else { return }
                broker.take(broker.presence.timeIsUp())
            }
        }
        tryToComeBack()
    }

    /// Everything has been read that the bus brought: who was there by the bus alone has left, and what private peers had there has ended.
    private func endWhatTheBusCarried() {
        serveAll()
        var processes: [ServingProcess] = []
        // Clients first: what nobody waits for need not be told of its provider's end.
        let gone = peers.all.filter { !$0.isPrivate || registrations.hasOnBus($0.peer) }.map(\.peer)
        for peer in gone.sorted(by: { isProvider($0) != isProvider($1) ? isProvider($1) : $0 < $1 }) {
            processes += servingProcesses(of: peer)
            vanished(peer)
        }
        for id in records.keys {
            guard let record = records[id], record.way == .bus, record.joined == nil, core.operations[id]?.state != .ended else { continue }
            tell { $0.fail(id, .transportFailure, "the message bus, by which it was asked for, dropped the broker") }
        }
        closeLanes("the message bus dropped the broker")
        // They may register again, as soon as the broker is back.
        for process in processes { expect(process) }
    }

    private func isProvider(_ peer: PeerID) -> Bool { core.peers[peer]?.registrations.isEmpty == false }

    private func tryToComeBack() {
        guard !isStopped else { return }
        Task(executorPreference: loop) { await self.comeBack() }
    }

    private func comeBack() async {
        let outcome: BusPresence.Try
        do throws(DBusError) {
            try await connection.reopen(to: configuration.address)
            formerNames.insert(connection.uniqueName.text)
            outcome = try await takePlace()
        } catch {
            outcome = .failed(error.message)
        }
        tried(outcome)
    }

    private func tried(_ outcome: BusPresence.Try) {
        let outcome = connection.assumeIsolated { connection in
            if outcome != .back { connection.leaveBus(DBusError(code: .disconnected, "the broker is not back")) }
            // It may have been dropped again by now.
            return outcome == .back && !connection.isOnBus ? .failed("the bus dropped the broker again") : outcome
        }
        take(presence.tried(outcome))
    }

    private func takePlace() async throws(DBusError) -> BusPresence.Try {
        guard try await connection.busID() == busID else { return .otherBus }
        switch try await connection.requestName(Contract.busName) {
        case .primaryOwner, .alreadyOwner: return .back
        case .queued, .exists:
            // The bus may not have seen yet that the broker's last connection is gone.
            guard let owner = try await connection.nameOwner(of: BusName(Contract.busName)) else { return .failed("its name was not free") }
            return formerNames.contains(owner.text) && owner != connection.uniqueName
                ? .failed("the bus has not seen yet that it had left") : .nameTaken
        }
    }

    // MARK: - Back

    private func resume() {
        absences += 1
        formerNames = []
        logger.notice(
            "back on the message bus as \(connection.uniqueName); \(peers.privateConnections) private connections went on",
            metadata: LogMessage.busRegained.metadata())
        connectionsChanged()
        for name in peers.namesOnBus { askWhetherIsThere(name) }
        for id in registrations.starting { start(id) }
    }

    /// Nobody told of those who left the bus meanwhile.
    private func askWhetherIsThere(_ name: String) {
        guard let question = try? Message.busCall("NameHasOwner", [.string(name)]) else { return }
        connection.assumeIsolated { connection in
            // Where the bus drops the broker again, it is asked again.
            connection.call(question, timeout: nil) { [weak self] result in
                guard case .success(let reply) = result, (try? reply.values())?.first == .boolean(false) else { return }
                self?.assumeIsolated { $0.nameVanished(name) }
            }
        }
    }
}
