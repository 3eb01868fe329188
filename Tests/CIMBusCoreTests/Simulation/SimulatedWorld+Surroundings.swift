import CIM

@testable import CIMBusCore

/// The bus, those who start processes, the conductor of operations, and the administrator.
extension SimulatedWorld {
    /// Joins that operations are given, with the models that say how they must end.
    static let joins: [(model: any JoinModel, join: Join)] = {
        let deletes = DeleteModel(decides: [true, false, true], stored: .no)
        let gets = GetModel(lines: [2, 1], search: .pastIncapable, speaks: true, concludes: true)
        let line = GetModel(lines: [2], search: .no, speaks: true, concludes: false)
        let wide = FanOutModel(parts: [.init([[], []]), .init([.excusesNotCapable]), .init([.excusesNotFound])], width: 2)
        let narrow = FanOutModel(parts: [.init([[]]), .init([.isSilent])], width: 1)
        return [
            (PutModel(count: 2), .put(PutJoin(count: 2))), (deletes, .delete(deletes.rules)), (gets, .get(gets.rules)),
            (line, .get(line.rules)), (wide, .fanOut(wide.rules)), (narrow, .fanOut(narrow.rules)),
        ]
    }()

    // MARK: - The bus

    /// The bus answers what it is asked, behind everything that it had to deliver of the peer.
    mutating func busAnswers(_ choice: Int, ran: Bool) {
        guard !probes.isEmpty else { return }
        let peer = probes.remove(at: choice % probes.count)
        if let seat = seat(of: peer) { brokerReads(seat, way: Self.bus, 1_000) }
        if story != nil { story?.append("    the bus has answered behind what it had of peer \(peer.number)\(ran ? ", which works" : "")") }
        referee.probed(peer, ran: ran, core)
        core.probeAnswered(for: peer, ran: ran)
        settle()
        referee.wasProbed(peer, core)
    }

    mutating func openLane(_ choice: Int) {
        guard !lanesToOpen.isEmpty else { return }
        let lane = lanesToOpen.remove(at: choice % lanesToOpen.count)
        openLanes.append(lane)
        core.laneOpened(lane)
        settle()
    }

    mutating func loseLane(_ choice: Int) {
        guard !openLanes.isEmpty else { return }
        loseLane(openLanes.remove(at: choice % openLanes.count))
    }

    private mutating func loseLane(_ lane: LaneID) {
        referee.lost(lane, core)
        core.laneLost(lane, "the connection was lost")
        settle()
    }

    /// The bus answers for a process that is gone.
    mutating func loseReply(_ choice: Int) {
        guard let sink = referee.callOfTheGone(choice) else { return }
        answered(sink, .isLost)
    }

    /// The bus drops the broker, which is back at once: those on the bus have gone, those with private connections are there.
    mutating func loseBus() {
        for isProvider in [false, true] {
            for seat in seats.indices where seats[seat].plan.habit.isClients != isProvider {
                guard let peer = seats[seat].peer else { continue }
                if !seats[seat].isPrivate || referee.isRegisteredByBus(peer) {
                    vanish(seat)
                } else {
                    loseMail(of: seat, peer, Self.bus)
                    // The ping there is not answered any more; what is left of it is the other way's.
                    if seats[seat].pingsToRead == 2 { seats[seat].pingsToRead = 1 }
                }
            }
        }
        for id in referee.openByBus() {
            referee.failed(id)
            core.fail(id, .transportFailure, "the bus dropped the broker")
            settle()
        }
        for lane in openLanes { loseLane(lane) }
        openLanes = []
        for id in names where referee.process(of: id) == nil {
            core.expect(id)
            settle()
        }
    }

    mutating func loseObjects(_ choice: Int) {
        guard let id = pick(referee.openOperations(where: { $0.isAsync }), choice) else { return }
        referee.failed(id)
        core.fail(id, .outOfMemory, "there is no memory")
        settle()
    }

    // MARK: - Providers' processes, and the administrator

    mutating func administer(_ action: SimulatedStep.Action, _ choice: Int) {
        let id = pick(names, choice) ?? RegistrationID(0)
        switch action {
        case .startFails:
            guard !starts.isEmpty else { return }
            let id = starts.remove(at: choice % starts.count)
            core.startFailed(id, "no such program", reason: choice % 5 == 0 ? .initializationFailed : .startFailed)
        case .startLoads:
            do throws(Refusal) { try core.load(id) } catch { coverage.refused(error.status) }
        case .expect: core.expect(id)
        case .expectationFails: core.expectationFailed(id)
        case .suspend:
            if referee.process(of: id) != nil { referee.suspended(id, true) }
            core.suspend(id)
        case .resume:
            referee.suspended(id, false)
            core.resume(id)
        case .define:
            let index = choice % plan.names.count
            let terms = Registration.Terms(isPerUser: plan.names[index].isPerUser, busName: choice % 2 == 0 ? "org.example.Q" : nil)
            if let id = core.define(namespace: "root", name: Self.name(index), uid: 0, terms: terms) {
                names[index] = id
                referee.defined(id, index, isPerUser: terms.isPerUser)
            }
        case .undefine:
            referee.undefining(id)
            if core.undefine(id) { referee.undefined(id) }
        default: break
        }
        settle()
    }

    // MARK: - The conductor

    mutating func conduct(_ action: SimulatedStep.Action, _ a: Int, _ b: Int) {
        switch action {
        case .ask, .endPart, .nest:
            guard !asks.isEmpty else { return }
            let (whole, index) = asks.remove(at: a % asks.count)
            guard referee.isOpen(whole) else { return }
            if action == .endPart {
                let outcome = outcome(.init(status: b, hasObject: b % 3 == 0))
                referee.ended(index, of: whole, outcome, hasBegun: false, core)
                core.partEnded(whole, index, outcome)
                return settle()
            }
            let join = action == .nest && referee[whole].depth < 3 ? b % Self.joins.count : nil
            beginPart(of: whole, index, join: join, at: b)
        case .conductPart: if let whole = pick(conducted, a) { beginPart(of: whole, nil, join: nil, at: b) }
        case .conductSupply:
            guard let whole = pick(conducted, a) else { return }
            let batch = batch(Self.sizes(b))
            let call = call()
            referee.supplied(batch, to: whole, call: call, core)
            core.supply(whole, batch, call: call)
            settle()
        case .conductConsume:
            guard !untaken.isEmpty else { return }
            let part = untaken.remove(at: a % untaken.count)
            referee.consumed(part)
            core.consumed(part)
            settle()
        case .conductEnd:
            guard let whole = pick(conducted, a) else { return }
            let outcome = outcome(.init(status: b % 3 == 0 ? b : 0, hasObject: b % 5 == 0))
            referee.conducted(whole, outcome, core)
            core.conducted(whole, outcome)
            settle()
        default: break
        }
    }

    private mutating func beginPart(of whole: OperationID, _ index: Int?, join: Int?, at choice: Int) {
        let kind = referee[whole].kind
        let target: Request.Target = join == nil ? .provider(names[choice % names.count]) : .conducted
        let input = choice % 4 == 0 ? 20 : 0
        do throws(Refusal) {
            let id = try core.beginPart(of: whole, index: index, kind: kind, target: target, inputBytes: input)
            if story != nil { story?.append("        part \(index ?? -1) of \(whole.number) is operation \(id.number)") }
            referee.beganPart(id, of: whole, index, kind, target, join: join, input: input, at: now)
            coverage.began(.part)
        } catch {
            coverage.refused(error.status)
        }
        settle()
    }
}
