import SeededRandom

@testable import CIMBusCore

/// Who does what next: every peer by its habit, its ways and the clock at random.
struct SimulatedScript {
    private var random: SeededGenerator

    init(_ random: SeededGenerator) { self.random = random }

    mutating func next(in world: SimulatedWorld) -> SimulatedStep {
        let choice = random.below(100)
        switch choice {
        case 0..<34: if let step = flow(world) { return step }
        case 34..<54: if let step = read(world) { return step }
        case 54..<84: break
        case 84..<93: return time(world)
        default: return surroundings(world)
        }
        return act(world)
    }

    private mutating func number() -> UInt16 { UInt16(truncatingIfNeeded: random.next()) }

    private mutating func step(_ action: SimulatedStep.Action, _ seat: Int = 0) -> SimulatedStep {
        SimulatedStep(action: action, seat: UInt8(seat), a: number(), b: number())
    }

    /// The first of those, from a place on, who fits.
    private mutating func find(_ world: SimulatedWorld, _ fits: (SimulatedWorld.Seat) -> Bool) -> Int? {
        let start = random.below(world.seats.count)
        for offset in 0..<world.seats.count {
            let seat = (start + offset) % world.seats.count
            if fits(world.seats[seat]) { return seat }
        }
        return nil
    }

    private mutating func flow(_ world: SimulatedWorld) -> SimulatedStep? {
        guard let seat = find(world, { !$0.letters[0].isEmpty || !$0.letters[1].isEmpty }) else { return nil }
        let ways = world.seats[seat].letters.map { !$0.isEmpty }
        let way = ways[0] && ways[1] ? random.below(2) : ways[0] ? 0 : 1
        let count = random.chance(70) ? random.below(2) : random.below(10)
        return SimulatedStep(action: .brokerReads, seat: UInt8(seat), a: UInt16(way), b: UInt16(count))
    }

    private mutating func read(_ world: SimulatedWorld) -> SimulatedStep? {
        guard let seat = find(world, { $0.acts && (!$0.mail[0].isEmpty || !$0.mail[1].isEmpty) }) else { return nil }
        if world.seats[seat].plan.habit == .asksSlowly, random.chance(70) { return nil }
        let ways = world.seats[seat].mail.map { !$0.isEmpty }
        let way = ways[0] && ways[1] ? random.below(2) : ways[0] ? 0 : 1
        return SimulatedStep(action: .peerReads, seat: UInt8(seat), a: UInt16(way), b: UInt16(random.below(4)))
    }

    private mutating func time(_ world: SimulatedWorld) -> SimulatedStep {
        if !world.probes.isEmpty, random.chance(60) {
            return SimulatedStep(action: .busAnswers, a: number(), b: random.chance(20) ? 1 : 0)
        }
        let choice = random.below(10)
        if choice < 2 { return step(.lag) }
        if choice < 5 { return step(.fireTimers) }
        // Mostly short: else nothing but time passes.
        let duration = random.chance(80) ? random.below(13) : random.below(19)
        return SimulatedStep(action: .wait, a: UInt16(duration), b: 0)
    }

    private mutating func surroundings(_ world: SimulatedWorld) -> SimulatedStep {
        if !world.asks.isEmpty, random.chance(80) { return step(random.chance(60) ? .ask : random.chance(60) ? .endPart : .nest) }
        if !world.lanesToOpen.isEmpty, random.chance(50) { return step(.openLane) }
        if !world.starts.isEmpty, random.chance(40) {
            return step(random.chance(40) ? .startFails : .come, random.below(world.seats.count))
        }
        if !world.untaken.isEmpty, random.chance(50) { return step(.conductConsume) }
        if !world.conducted.isEmpty, random.chance(60) {
            return step(random.pick([.conductPart, .conductSupply, .conductSupply, .conductEnd]))
        }
        let rare: [SimulatedStep.Action] = [
            .startLoads, .expect, .expectationFails, .suspend, .resume, .resume, .define, .undefine, .loseObjects, .loseLane, .loseReply,
            .loseReply,
        ]
        if random.chance(1) { return step(random.chance(85) ? .loseBus : .shutDown) }
        if random.chance(60) { return act(world) }
        return step(random.pick(rare))
    }

    // MARK: - Peers

    private mutating func act(_ world: SimulatedWorld) -> SimulatedStep {
        var seat = random.below(world.seats.count)
        // Who has something in hand goes on with it.
        if random.chance(45), let other = find(world, { $0.acts && (!$0.calls.isEmpty || !$0.held.isEmpty) }) { seat = other }
        let known = world.seats[seat]
        if known.peer == nil { return step(.come, seat) }
        if known.isStopped { return step(random.chance(30) ? .go : .wait, seat) }
        let common = random.below(100)
        switch common {
        case 0: return step(.die, seat)
        case 1: return step(.stop, seat)
        case 2: return step(.work, seat)
        case 3: return step(known.isPrivate ? .losePrivate : .claim, seat)
        case 4: return step(known.claims.isEmpty ? .claim : .giveBack, seat)
        default: break
        }
        return step(known.plan.habit.isClients ? clientsAction(known, world) : providersAction(known), seat)
    }

    private mutating func clientsAction(_ known: SimulatedWorld.Seat, _ world: SimulatedWorld) -> SimulatedStep.Action {
        let reads = known.plan.habit == .asks || known.plan.habit == .asksAndCancels
        if reads, random.chance(70), known.operations.contains(where: { world.referee.batchesRead(of: $0) > 0 }) { return .acknowledge }
        return switch known.plan.habit {
        case _ where known.operations.isEmpty: .open
        case .asksAndCancels: random.pick([.open, .open, .cancelSink, .cancel, .close, .acknowledge, .pull])
        case .asksWithoutWaiting: random.pick([.open, .open, .open, .open, .pull])
        case .asksSlowly: random.pick([.open, .open, .acknowledge, .pull, .wait])
        default: random.pick([.open, .open, .acknowledge, .acknowledge, .pull, .pull, .close])
        }
    }

    private mutating func providersAction(_ known: SimulatedWorld.Seat) -> SimulatedStep.Action {
        if known.names.isEmpty { return random.chance(80) ? .register : .useForeign }
        if random.chance(2) { return random.pick([.unregister, .open, .register]) }
        if known.calls.isEmpty, known.held.isEmpty { return random.pick([.addRef, .useForeign, .open, .register, .wait]) }
        let good: [SimulatedStep.Action] = [.answer, .answer, .answer, .indicate, .indicate, .complete, .release, .release, .progress]
        switch known.plan.habit {
        case .streams: return random.pick([.indicate, .indicate, .indicate, .answer, .complete, .release, .remark])
        case .leaks: return random.pick([.addRef, .answer, .complete, .complete, .indicate])
        case .holds: return random.pick([.addRef, .answer, .transfer, .transfer, .progress, .release, .indicate])
        case .doubles: return random.pick([.complete, .complete, .complete, .answer, .indicate, .release])
        case .usesForeign: return random.pick([.useForeign, .useForeign, .transfer] + good)
        case .releasesEarly: return random.pick([.release, .release, .release, .answer, .indicate])
        case .crashes: return random.chance(10) ? .die : random.pick(good)
        case .hangs: return random.pick([.wait, .wait, .indicate, .answer, .open])
        case .floods: return random.pick([.flood, .flood, .flood, .answer, .misfit, .indicate])
        default: return random.chance(10) ? .open : random.pick(good)
        }
    }
}
