import CIM

@testable import CIMBusCore

/// Who may have how much (L8, L13): of operations, calls, windows, and places.
extension Referee {
    /// What peers have that they give back.
    struct Places {
        var compiling: [PeerID: UInt32] = [:]
        var looking: [PeerID: UInt32] = [:]
        var sockets: [UInt32: Int] = [:]
        var authorizations: [UInt32: Int] = [:]
        var registeredMOF = 0
        var pinged: Set<PeerID> = []
    }

    /// A bound that users share: one user's own; that of all but root; and a little for each user that finds the others have all.
    private func hasRoom(_ uid: UInt32, own: Int, others: Int, most: Int, all: Int, least: Int) -> Bool {
        if own >= most { return false }
        return uid == 0 || others < all || own < least && others < all + all / 4
    }

    // MARK: - Operations

    /// Everything for which a request must be refused.
    func admits(_ request: Request) -> [WBEMStatus] {
        var refusals: [WBEMStatus] = []
        let uid = peers[Int(request.client.number)].uid
        let inputs = open.reduce(0) { self[$1].uid == uid ? $0 + self[$1].input : $0 }
        if inputs + request.inputBytes > max(limits.inputPerUser, request.inputBytes) { refusals.append(.quotaViolation) }
        if isShuttingDown { refusals.append(.shuttingDown) }
        var origin = uid
        if let parent = request.parent {
            let outer = self[parent]
            origin = outer.origin
            if !outer.isOpen || outer.sink.map({ self[$0].isOver || !self[$0].isHeld(by: request.client) }) ?? true {
                refusals.append(.invalidContext)
            } else {
                if outer.depth >= limits.depth { refusals.append(.providerNotCapable) }
                if request.kind.isWrite, outer.kind.isEnumeration || outer.kind == .getObject { refusals.append(.invalidOperation) }
            }
        }
        if case .async = request.form,
            open.contains(where: { self[$0].client == request.client && self[$0].isAsync && self[$0].form == request.form })
        {
            refusals.append(.invalidParameter)
        }
        var (own, others) = (0, 0)
        for id in open where !self[id].isPart {
            if self[id].origin == origin { own += 1 }
            if self[id].origin != 0 { others += 1 }
        }
        if !hasRoom(
            origin, own: own, others: others, most: limits.operationsPerUser, all: limits.operations, least: limits.leastOperations)
        {
            refusals.append(.quotaViolation)
        }
        return refusals
    }

    mutating func refused(_ request: Request, _ refusal: Refusal, _ expected: [WBEMStatus], _ core: BrokerCore) {
        if expected.contains(refusal.status) { return }
        // Replies and results that its user has left are bounded, too.
        if refusal.status == .quotaViolation, expected.isEmpty {
            if core.refusalOfUnread(request.client) != nil { return }
            if case .async = request.form {} else { return }
        }
        fault("L13: a request is refused with \(refusal), and nothing speaks against it but \(expected)")
    }

    // MARK: - Calls

    /// A call that went out just now is within the bounds.
    mutating func checkSlots(_ sink: SinkID, _ core: BrokerCore) {
        let known = self[sink]
        guard !known.isNested else { return }
        let uid = peers[Int(known.provider.number)].uid
        var (ofProvider, ofUser, ofRoot, ofOthers, ofClient) = (1, 1, uid == 0 ? 1 : 0, uid == 0 ? 0 : 1, 1)
        var (ofClientAtUser, ofClientInAll) = (1, 1)
        // What is long unanswered may have been set aside.
        for other in calls {
            let leg = self[other]
            if leg.isOver || leg.isAbandoned || leg.calledAt + limits.overdueCall <= now { continue }
            if leg.provider == known.provider, !leg.isNested {
                ofProvider += 1
                if leg.client == known.client { ofClient += 1 }
            }
            if leg.lane == .private || leg.isNested { continue }
            let owner = peers[Int(leg.provider.number)].uid
            if owner == uid { ofUser += 1 }
            if leg.client == known.client {
                ofClientInAll += 1
                if owner == uid { ofClientAtUser += 1 }
            }
            if owner == 0 { ofRoot += 1 } else { ofOthers += 1 }
        }
        if ofProvider > limits.callsPerProvider { fault("L8: \(ofProvider) calls of provider \(known.provider.number) are unanswered") }
        if known.client != 0, ofClient > Self.leaving(limits.callsPerProvider) {
            fault("L13: uid \(known.client) has \(ofClient) calls at provider \(known.provider.number)")
        }
        guard known.lane != .private else { return }
        if known.client != 0, ofClientInAll > mostOfClient || uid != 0 && ofClientAtUser > Self.leaving(limits.callsPerUser) {
            fault("L13: uid \(known.client) has \(ofClientAtUser) calls at providers of uid \(uid), \(ofClientInAll) in all")
        }
        if uid != 0, ofUser > limits.callsPerUser { fault("L8: providers of uid \(uid) have \(ofUser) calls") }
        let most = max(1, limits.calls - (uid == 0 ? limits.callsForOthers : limits.callsForRoot))
        if (uid == 0 ? ofRoot : ofOthers) > most { fault("L8: providers of \(uid == 0 ? "root" : "others than root") have all calls") }
        checkTurn(sink, core)
    }

    /// What one user may have of so many, if something is to be left for others.
    private static func leaving(_ count: Int) -> Int { max(1, min(count - 1, count * 3 / 4 + (count % 4 == 0 ? 0 : 1))) }

    /// What one user may have of all calls: something is left for others at root's providers, and at those of others.
    private var mostOfClient: Int { Self.leaving(max(1, limits.calls - max(limits.callsForRoot, limits.callsForOthers))) }

    /// Whether the user may have one more call at the provider, as far as its share of all calls, and of those of the provider's user, goes.
    private func hasShare(_ client: UInt32, at provider: PeerID) -> Bool {
        guard client != 0 else { return true }
        let uid = peers[Int(provider.number)].uid
        let those = calls.filter {
            let leg = self[$0]
            return leg.client == client && leg.lane != .private && !leg.isOver && !leg.isAbandoned && !leg.isNested
        }
        let atUser = those.count { peers[Int(self[$0].provider.number)].uid == uid }
        return those.count < mostOfClient && (uid == 0 || atUser < Self.leaving(limits.callsPerUser))
    }

    /// Of those who wait for a provider, the user with the fewest calls there goes first, and each user's go in their order.
    private mutating func checkTurn(_ sink: SinkID, _ core: BrokerCore) {
        let known = self[sink]
        let there = calls.filter { self[$0].provider == known.provider && !self[$0].isOver }
        if there.contains(where: { self[$0].calledAt + limits.overdueCall <= now }) { return }
        func count(_ uid: UInt32) -> Int { there.count { self[$0].client == uid } }
        let own = count(known.client)
        for id in open where id != known.operation && self[id].sink == nil && self[id].decision == nil && !isNested(id) {
            let waiting = self[id]
            // It was called, and its whole ended before the call went out.
            guard core.operations[id].map({ $0.outcome == nil }) ?? false else { continue }
            guard let registration = waiting.registration, registrations[Int(registration.number)].process == known.provider else {
                continue
            }
            // Its line began with its provider's life.
            let since = registrations[Int(registration.number)].since
            guard max(waiting.began, since) < now else { continue }
            if waiting.origin == known.client, id < known.operation, self[known.operation].began > max(waiting.began, since) {
                fault("L13: operation \(known.operation.number) is called before \(id.number) of the same user, which came first")
            }
            let other = count(waiting.origin)
            if waiting.origin != known.client, other < own, waiting.origin == 0 || other < Self.leaving(limits.callsPerProvider),
                hasShare(waiting.origin, at: known.provider)
            {
                fault("L13: uid \(known.client), who has \(own) calls, goes before uid \(waiting.origin), who has \(other)")
            }
        }
    }

    // MARK: - Windows

    /// Objects that are handed over just now are within the window.
    mutating func checkWindow(_ id: OperationID, _ bytes: Int) {
        let operation = self[id]
        switch operation.form {
        case .async:
            let count = operation.unacknowledged.count
            if count > 0, count >= limits.windowBatches || operation.outstanding + bytes > limits.windowBytes {
                fault("L13: the window of operation \(id.number) is closed")
            }
            let own = open.reduce(0) { self[$1].isAsync && self[$1].uid == operation.uid ? $0 + self[$1].outstanding : $0 }
            if own > 0, own + bytes > limits.unreadPerUser {
                fault("L13: uid \(operation.uid) has \(own) bytes that it has not acknowledged")
            }
        case .semisync:
            guard operation.decision == nil, operation.deadline.map({ $0 > now }) ?? true else { return }
            if !operation.buffered.isEmpty, operation.buffered.count >= limits.windowBatches || operation.outstanding >= limits.windowBytes
            {
                if operation.sink.map({ !self[$0].isOver }) ?? false, operation.children == 0, !isLate(operation) {
                    fault("L13: the buffer of operation \(id.number) is full")
                }
            }
        case .part:
            if operation.untaken >= limits.windowBatches { fault("L13: the conductor of part \(id.number) has not taken its batches") }
        case .sync: break
        }
    }

    /// Whether its provider's time has just passed: what was accepted is the client's.
    private func isLate(_ operation: Operation) -> Bool {
        guard let sink = operation.sink.map({ self[$0] }) else { return true }
        return sink.final.map { _ in max(sink.finalAt, sink.heard) + limits.leakGrace <= now } ?? (sink.heard + limits.silence <= now)
    }

    // MARK: - Places

    func admits(_ claim: Claim, of peer: PeerID) -> Bool? {
        let uid = peers[Int(peer.number)].uid
        func isLeft(_ taken: [PeerID: UInt32], most: Int, each: Int) -> Bool {
            guard taken[peer] == nil else { return false }
            if uid == 0 { return taken.count < most }
            return taken.values.count { $0 != 0 } < most - 1 && taken.count < most && taken.values.count { $0 == uid } < each
        }
        switch claim {
        case .compilation: return isLeft(places.compiling, most: limits.compilations, each: 1)
        case .look: return isLeft(places.looking, most: limits.looks, each: limits.looks - 1)
        case .registeredMOF(let bytes): return places.registeredMOF + bytes <= limits.registeredMOF
        case .socket(let uid):
            let others = places.sockets.reduce(0) { $1.key == 0 ? $0 : $0 + $1.value }
            return hasRoom(
                uid, own: places.sockets[uid] ?? 0, others: others, most: limits.socketsPerUser, all: limits.sockets,
                least: limits.leastSockets)
        case .ping(let provider): return places.pinged.count < limits.administratorsPings && !places.pinged.contains(provider)
        case .authorization(let uid):
            let others = places.authorizations.reduce(0) { $1.key == 0 ? $0 : $0 + $1.value }
            return hasRoom(
                uid, own: places.authorizations[uid] ?? 0, others: others, most: limits.authorizationsPerUser, all: limits.authorizations,
                least: 1)
        case .reading, .registration, .management: return nil
        }
    }

    mutating func claimed(_ claim: Claim, of peer: PeerID, _ expected: Bool?) {
        if expected == false { fault("L13: peer \(peer.number) gets a place for \(claim) that there is not") }
        let uid = peers[Int(peer.number)].uid
        switch claim {
        case .compilation: places.compiling[peer] = uid
        case .look: places.looking[peer] = uid
        case .registeredMOF(let bytes): places.registeredMOF += bytes
        case .socket(let uid): places.sockets[uid, default: 0] += 1
        case .authorization(let uid): places.authorizations[uid, default: 0] += 1
        case .ping(let provider): places.pinged.insert(provider)
        case .reading, .registration, .management: break
        }
    }

    mutating func refused(_ claim: Claim, _ refusal: Refusal, _ expected: Bool?, of peer: PeerID) {
        if expected == true { fault("L13: peer \(peer.number) gets no place for \(claim): \(refusal.message)") }
    }

    mutating func gaveBack(_ claim: Claim, by peer: PeerID) {
        switch claim {
        case .compilation: places.compiling[peer] = nil
        case .look: places.looking[peer] = nil
        case .registeredMOF(let bytes): places.registeredMOF -= bytes
        case .socket(let uid): places.sockets[uid] = (places.sockets[uid] ?? 1) - 1
        case .authorization(let uid): places.authorizations[uid] = (places.authorizations[uid] ?? 1) - 1
        case .ping(let provider): places.pinged.remove(provider)
        case .reading, .registration, .management: break
        }
    }
}
