import CIM

@testable import CIMBusCore

/// A state of the core without what decides nothing: operations and sinks by their rank, times relative to now, no call or payload numbers, no
/// counters. Two scenes with equal fingerprints behave alike; 128 bits make an accident unlikely beyond all reason.
struct Fingerprint: Hashable {
    private var a: UInt64 = 0xcbf2_9ce4_8422_2325
    private var b: UInt64 = 0x9e37_79b9_7f4a_7c15

    private mutating func add(_ value: Int) {
        let word = UInt64(bitPattern: Int64(value))
        a = (a ^ word) &* 0x0000_0100_0000_01b3
        a ^= a &>> 29
        b = (b &+ word) &* 0xbf58_476d_1ce4_e5b9
        b ^= b &>> 31
    }

    private mutating func add(_ flag: Bool) { add(flag ? 1 : 0) }

    init(of scene: Scene) {
        let core = scene.core
        let now = scene.now
        /// What is further back than every limit is just long ago, and what is so far ahead is never.
        func relative(_ moment: Microseconds?) -> Int {
            guard let moment else { return .max }
            let distance = Int(moment - now)
            return distance > 1_000_000_000 ? .max : max(distance, -1_000_000_000)
        }
        let losesReplies = core.limits.lostReply < Model.never
        let operations = core.operations.keys
        let sinks = core.legs.keys
        func rank(_ id: OperationID?) -> Int { id.flatMap { operations.firstIndex(of: $0) } ?? -1 }
        func rank(_ id: SinkID?) -> Int { id.flatMap { sinks.firstIndex(of: $0) } ?? -1 }

        for id in operations {
            guard let operation = core.operations[id] else { continue }
            let delivery = operation.delivery
            switch operation.request.form {
            case .sync: add(-1)
            case .semisync: add(-2)
            case .part: add(-3)
            case .async(let sink): add(sink.utf8.count)
            }
            add(operation.request.kind == .getObject)
            add(operation.request.target == .conducted)
            add(relative(operation.conductedAt))
            add(operation.index ?? -1)
            for index in operation.begun { add(index) }
            if let known = scene.witness.joined[id] {
                for end in known.history {
                    add(end.part)
                    add(Int(end.status.rawValue))
                    add(end.hasBegun)
                }
                for index in known.asked.sorted() { add(index) }
            }
            add(Int(operation.request.client.number))
            add(rank(operation.parent))
            add(operation.state == .ended)
            add(Int(operation.outcome?.status.rawValue ?? 7))
            add(operation.outcome?.object != nil)
            for waiting in delivery.queue {
                add((waiting.call == nil ? 100 : 200) + waiting.batch.sizes.count * 10 + rank(waiting.sink) + 1_000 * rank(waiting.part))
            }
            add(-3)
            for bytes in delivery.unacknowledged { add(bytes) }
            add(-4)
            for batch in delivery.buffered { add(batch.sizes.count) }
            add(relative(core.waitsSince(operation)))
            add(delivery.progress != nil)
            add(delivery.progressMark.map { $0 - (core.peers[operation.request.client]?.reads.read ?? 0) } ?? .max)
            for pull in operation.pulls {
                add(pull.kind == .result)
                add(relative(pull.deadline))
            }
            add(relative(operation.expires))
            add(operation.isRead)
            for result in operation.results.sorted() { add(rank(result)) }
            add(relative(operation.deadline))
            add(relative(core.agenda.times[.operation(id)]))
        }
        for sink in sinks {
            guard let leg = core.legs[sink] else { continue }
            add(rank(leg.operation))
            add(Int(leg.peer.number))
            switch leg.call {
            case .queued(let since): add(relative(since))
            case .called: add(1)
            case .answered: add(2)
            }
            add(Int(leg.final?.status.rawValue ?? 7))
            add(leg.final?.object != nil)
            add(relative(leg.finalAt))
            add(relative(leg.heard))
            add(leg.withheld)
            add(leg.isUsed)
            add(min(leg.objects, 2))
            add(Int(leg.ledger.caller?.number ?? 0))
            for peer in leg.ledger.counts.keys.sorted() {
                add(Int(peer.number))
                add(leg.ledger.counts[peer] ?? 0)
            }
        }
        for id in core.peers.keys {
            guard let peer = core.peers[id] else { continue }
            add(Int(id.number))
            add(relative(peer.heard))
            add(relative(peer.pingedAt))
            add(peer.wantsPing)
            add(peer.liveness == .responsive ? 0 : peer.liveness == .asked ? 1 : 2)
            add(peer.owed)
            add(peer.indicates)
            add(peer.reads.unread)
            add(peer.reads.pinged.map { $0 - peer.reads.read } ?? -1)
            add(peer.registrations.count)
            for sink in peer.calls.waiting { add(rank(sink)) }
            add(peer.calls.abandoned.count)
            for sink in peer.calls.abandoned.keys.sorted() where losesReplies {
                let isTold = peer.calls.abandoned[sink] == true
                add(isTold)
                if !isTold { add(relative(core.slots.slots[sink]?.since)) }
            }
            for sink in peer.sinks.sorted() { add(rank(sink)) }
            add(core.credit.unread(of: peer.uid))
            add(relative(core.agenda.times[.peer(id)]))
        }
        for registration in core.registry.all {
            add(Int(registration.peer?.number ?? 0))
            switch registration.activation {
            case .idle: add(0)
            case .expected(let until):
                add(1)
                add(relative(until))
            case .starting(let until):
                add(2)
                add(relative(until))
            case .failed(let until, _):
                add(3)
                add(max(0, relative(until)))
            }
            add(min(registration.failedStarts, 2))
            add(relative(registration.startedAt))
            for id in registration.waiting.sorted() { add(rank(id)) }
        }
        for (uid, line) in core.blocked.lines.sorted(by: { $0.key < $1.key }) {
            for id in line.operations.inOrder { add(rank(id)) }
            add(core.blocked.waitForAny.contains(uid))
        }
        let lanes = core.slots.lanes.keys.sorted()
        for lane in lanes { add(core.slots.lanes[lane]?.isOpen == true ? core.slots.lanes[lane]?.lost ?? 0 : -1) }
        for sink in scene.witness.calls.sorted() {
            add(rank(sink))
            add(lanes.firstIndex(of: core.lane(of: sink)) ?? -1)
            guard losesReplies, let slot = core.slots.slots[sink] else { continue }
            if slot.isCounted { add(relative(slot.since)) } else { add(slot.isLost) }
        }
        for peer in scene.witness.pinged.sorted() { add(scene.witness.pingLanes[peer].flatMap { lanes.firstIndex(of: $0) } ?? -1) }
    }
}
