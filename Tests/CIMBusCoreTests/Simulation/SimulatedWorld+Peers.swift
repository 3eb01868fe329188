import CIM
import SeededRandom

@testable import CIMBusCore

/// What peers write, as the broker reads it.
extension SimulatedWorld {
    /// A process is there, and speaks for the first time.
    mutating func come(_ seat: Int) {
        guard seats[seat].peer == nil else { return }
        let peer = PeerID(UInt64(seatOf.count))
        seatOf.append(seat)
        var new = Seat(plan: seats[seat].plan, isPrivate: seats[seat].plan.isPrivate)
        new.peer = peer
        seats[seat] = new
        core.peerAppeared(peer, uid: new.plan.uid, pid: UInt32(truncatingIfNeeded: peer.number))
        referee.appeared(peer, uid: new.plan.uid)
        settle()
    }

    /// What is on its way between the peer and the broker gets nowhere.
    mutating func loseMail(of seat: Int, _ peer: PeerID, _ way: Int) {
        while let letter = seats[seat].letters[way].next() {
            if case .giveBack(let claim) = letter { abandonedClaims.append((claim, peer)) }
        }
        seats[seat].letters[way].removeAll()
        seats[seat].mail[way].removeAll()
    }

    /// The broker has read the last word of a peer.
    mutating func vanish(_ seat: Int) {
        guard let peer = seats[seat].peer else { return }
        seats[seat].peer = nil
        seats[seat].isLeaving = false
        abandonedClaims += seats[seat].claims.map { ($0, peer) }
        seats[seat].claims = []
        for way in 0..<2 { loseMail(of: seat, peer, way) }
        referee.vanished(peer, core)
        core.peerVanished(peer)
        settle()
    }

    /// The broker reads up to so many letters that arrived together.
    mutating func brokerReads(_ seat: Int, way: Int, _ count: Int) {
        reading += 1
        for _ in 0..<count {
            guard let letter = seats[seat].letters[way].next() else { return }
            guard let peer = seats[seat].peer else { return }
            if case .gone = letter { return vanish(seat) }
            if case .pong = letter {
                // The connection that asked may be gone.
                guard referee.isPinged(peer) else { continue }
                referee.heard(peer, now, mayHaveRead: take(&seats[seat].hasRead))
                referee.ponged(peer)
                core.pingAnswered(by: peer)
                settle()
                continue
            }
            if way == Self.bus, seats[seat].isPrivate, core.peers[peer]?.usesBus == false { core.usesBus(peer, true) }
            // What a peer says may prove that it has read what it was sent.
            seats[seat].hasRead = false
            referee.heard(peer, now, mayHaveRead: true)
            if story != nil { story?.append("    the broker reads of seat \(seat): \(letter)") }
            core.heard(from: peer, reading: reading)
            settle()
            if let sink = letter.sink { referee.isQueued = core.presence(of: sink) == .open && !referee[sink].isKnown }
            read(letter, seat, peer, way)
        }
    }

    private func take(_ flag: inout Bool) -> Bool {
        defer { flag = false }
        return flag
    }

    private mutating func read(_ letter: Letter, _ seat: Int, _ peer: PeerID, _ way: Int) {
        switch letter {
        case .begin(let beginning): begin(beginning, seat, peer, way)
        case .cancelSink(let id):
            guard case .async(let path) = referee[id].form else { return }
            referee.cancelled(sink: path, of: peer)
            core.cancelSink(path, of: peer)
        case .cancel(let id):
            referee.cancelled(id)
            core.cancel(id)
        case .acknowledge(let id, let batches):
            guard case .async(let path) = referee[id].form else { return }
            referee.acknowledged(path, of: peer, batches)
            core.acknowledge(path, of: peer, batches: batches)
        case .pull(let id, let kind, let timeout):
            let call = call()
            do throws(Refusal) {
                try core.pull(id, by: peer, kind, timeout: timeout, call: call)
                referee.pulled(id, call, kind, timeout)
            } catch { coverage.refused(error.status) }
        case .close(let id):
            referee.closed(id)
            core.close(id)
        case .claim(let claim): self.claim(claim, seat, peer)
        case .giveBack(let claim):
            referee.gaveBack(claim, by: peer)
            if case .socket(let uid) = claim { core.gaveBackSocket(of: uid) } else { core.gaveBack(claim, by: peer) }
        case .answer(let sink, let reply): answered(sink, reply)
        case .indicate(let sink, let sizes, let wantsReply):
            let batch = batch(sizes, parts: sizes.count > 3 ? 2 : 1)
            let call = wantsReply ? call() : nil
            referee.indicated(sink, by: peer, batch, call)
            core.indicate(sink, by: peer, batch, call: call)
        case .complete(let sink, let word):
            let outcome = outcome(word)
            let expected = referee.completed(sink, by: peer, outcome)
            let refusal = core.setStatus(sink, by: peer, .complete(outcome))
            referee.compare(refusal, expected, "SetStatus on sink \(sink.number)")
        case .progress(let sink, let hasObject):
            let progress = Progress(hresult: 1, text: "", object: hasObject ? object() : nil)
            let expected = referee.reported(sink, by: peer)
            let refusal = core.setStatus(sink, by: peer, .progress(progress))
            referee.compare(refusal, expected, "progress on sink \(sink.number)")
        case .remark(let sink):
            let expected = referee.reported(sink, by: peer)
            let refusal = core.setStatus(sink, by: peer, .remark)
            referee.compare(refusal, expected, "a remark on sink \(sink.number)")
        case .misfit(let sink):
            let expected = referee.use(sink, by: peer)
            let refusal = core.checkUse(of: sink, by: peer)
            referee.compare(refusal, expected, "the use of sink \(sink.number)")
            settle()
            if refusal == nil { referee.misfitted(sink) }
            core.misfit(sink, by: peer, "an object without a key")
        case .addRef(let sink): referee.compare(core.addRef(sink, by: peer), referee.added(sink, by: peer), "AddRef on sink \(sink.number)")
        case .release(let sink):
            let expected = referee.released(sink, by: peer)
            referee.compare(core.release(sink, by: peer), expected, "Release of sink \(sink.number)")
        case .transfer(let sink, let next):
            let other = seats[next].peer ?? PeerID(0)
            let expected = referee.transferred(sink, from: peer, to: other)
            let result = core.transfer(sink, from: peer, to: other)
            referee.compare(result, expected, "Transfer of sink \(sink.number)")
            if case .success = result, !seats[next].isLeaving { seats[next].held.append(sink) }
        case .register(let name, let isForUser): register(seat, name, isForUser: isForUser, way: way)
        case .unregister(let name):
            do throws(Refusal) {
                try core.unregister(peer, namespace: "root", name: Self.name(name))
                referee.unregistered(peer, name)
            } catch { coverage.refused(error.status) }
        case .pong, .gone: break
        }
        settle()
    }

    // MARK: - Clients

    private mutating func begin(_ asked: Letter.Beginning, _ seat: Int, _ peer: PeerID, _ way: Int) {
        var join: Int?
        var answer: Batch?
        let target: Request.Target
        switch asked.target {
        case .provider(let name): target = .provider(names[name])
        case .broker(let fails):
            if !fails { answer = batch([5]) }
            target = .broker(fails ? Outcome(.notFound) : Outcome(.noError), answer: answer)
        case .join(let index):
            join = index
            target = .conducted
        case .conductor: target = .conducted
        }
        let request = Request(
            client: peer, kind: asked.kind, form: asked.form, target: target, wantsProgress: asked.wantsProgress, timeout: asked.timeout,
            parent: asked.parent, inputBytes: asked.inputBytes)
        let expected = referee.admits(request)
        do throws(Refusal) {
            let id = try core.begin(request)
            if story != nil { story?.append("        it is operation \(id.number)") }
            seats[seat].operations.append(id)
            referee.began(id, request, way: way, join: join, at: now, expected, answer)
            coverage.began(asked.form)
        } catch {
            if let answer {
                // The broker drops what it would have answered.
                referee.dropped(answer.payload)
            }
            referee.refused(request, error, expected, core)
            coverage.refused(error.status)
        }
        settle()
    }

    private mutating func claim(_ claim: Claim, _ seat: Int, _ peer: PeerID) {
        let expected = referee.admits(claim, of: peer)
        do throws(Refusal) {
            try core.admit(claim, of: peer)
            if claim != .reading { seats[seat].claims.append(claim) }
            referee.claimed(claim, of: peer, expected)
            coverage.claims += 1
        } catch {
            referee.refused(claim, error, expected, of: peer)
            coverage.refused(error.status)
        }
    }

    // MARK: - Providers

    mutating func register(_ seat: Int, _ name: Int, isForUser: Bool, way: Int) {
        guard let peer = seats[seat].peer else { return }
        let user = isForUser ? seats[seat].plan.uid + 500 : nil
        do throws(Refusal) {
            let isPrivate = way != Self.bus && seats[seat].isPrivate
            let id = try core.register(
                peer, namespace: "root", name: Self.name(name), user: user, silence: nil, ping: nil, isPrivate: isPrivate)
            referee.registered(id, name: name, user: user, by: peer, isPrivate: isPrivate, at: now)
            if !isForUser { names[name] = id }
            if !seats[seat].names.contains(name) { seats[seat].names.append(name) }
        } catch { coverage.refused(error.status) }
        settle()
    }

    mutating func answered(_ sink: SinkID, _ reply: Letter.Reply) {
        let answer: Answer =
            switch reply {
            case .keeps(let references, let objects):
                .result(.noError, references: references, objects: objects.map { batch($0) })
            case .fails(let word):
                .result(Self.words[word.status % Self.words.count], references: 1, objects: word.hasObject ? batch([3]) : nil)
            case .isNone: .failure(Outcome(.providerFailure, object: object(), explanation: Explanation(.badAnswer, text: "a D-Bus error")))
            case .isLost: .unanswered(.because(.badAnswer, text: "it left its call without an answer"))
            }
        referee.answered(sink, answer)
        core.answered(sink, answer)
        settle()
    }
}
