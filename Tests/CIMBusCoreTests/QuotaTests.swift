import CIM
import Testing

@testable import CIMBusCore

/// Places that peers take beside operations, and who may take them (Design 3, L13; Semantics D.5, D.8, D.9).
struct QuotaTests {
    private static let limits: Limits = {
        var limits = Limits()
        limits.inputPerUser = 1 << 20
        limits.compilations = 2
        limits.registeredMOF = 100
        limits.looks = 2
        limits.administratorsPings = 2
        limits.newcomerMessages = 3
        limits.newcomerBytes = 100
        return limits
    }()

    private func refusal(_ ledger: inout QuotaLedger, _ place: QuotaLedger.Place) -> Refusal? {
        do throws(Refusal) {
            try ledger.take(place, limits: Self.limits)
            return nil
        } catch {
            return error
        }
    }

    @Test("L13: places are bounded, a refused one changes nothing, and what is given back is free again")
    func places() {
        let cases: [(first: QuotaLedger.Place, second: QuotaLedger.Place, third: QuotaLedger.Place, status: WBEMStatus, words: String)] = [
            (
                .input(5, bytes: 1 << 19), .input(5, bytes: 1 << 19), .input(5, bytes: 1), .quotaViolation,
                "uid 5 has 1 MiB of instances, parameters and contexts waiting for providers"
            ),
            (
                .compilation(PeerID(1), of: 0), .compilation(PeerID(2), of: 0), .compilation(PeerID(3), of: 0), .serverTooBusy,
                "other texts are being compiled; wait for their end"
            ),
            (
                .registeredMOF(bytes: 60), .registeredMOF(bytes: 40), .registeredMOF(bytes: 1), .serverTooBusy,
                "the MOF of other providers is being compiled; try again when they are registered"
            ),
            (
                .look(PeerID(1), of: 0), .look(PeerID(2), of: 0), .look(PeerID(3), of: 0), .serverTooBusy,
                "other processes are asked for the objects that they register"
            ),
            (.ping(PeerID(1)), .ping(PeerID(2)), .ping(PeerID(3)), .quotaViolation, "other pings wait for their answers; try again later"),
        ]
        for (first, second, third, status, words) in cases {
            var ledger = QuotaLedger()
            #expect(refusal(&ledger, first) == nil)
            #expect(refusal(&ledger, second) == nil)
            let full = ledger
            #expect(refusal(&ledger, third) == Refusal(status, words))
            #expect(ledger == full)
            ledger.giveBack(first)
            #expect(refusal(&ledger, third) == nil)
            ledger.giveBack(second)
            ledger.giveBack(third)
            #expect(ledger == QuotaLedger())
        }
    }

    @Test(
        "L13: one peer has one text compiled and one ping at a time; one object is taken however large, and another user has its own room")
    func onePeer() {
        for place in [QuotaLedger.Place.compilation(PeerID(1), of: 0), .look(PeerID(1), of: 0), .ping(PeerID(1))] {
            var ledger = QuotaLedger()
            #expect(refusal(&ledger, place) == nil)
            #expect(refusal(&ledger, place) != nil)
        }
        var ledger = QuotaLedger()
        #expect(refusal(&ledger, .input(5, bytes: 8 << 20)) == nil)
        #expect(refusal(&ledger, .input(5, bytes: 1)) != nil)
        #expect(refusal(&ledger, .input(6, bytes: 1 << 20)) == nil)
        #expect(refusal(&ledger, .registeredMOF(bytes: 100)) == nil)
        // Who brings none is not held up.
        #expect(refusal(&ledger, .registeredMOF(bytes: 0)) == nil)
    }

    @Test("L13: of a caller that the bus has not named yet one message is always taken, and of all of them so many bytes")
    func newcomers() {
        var ledger = QuotaLedger()
        func take(_ name: String, _ bytes: Int) -> Bool { ledger.takeNewcomer(name, bytes: bytes, limits: Self.limits) }
        #expect(take("a", 30) && take("a", 30) && take("a", 30))
        #expect(!take("a", 1))
        #expect(take("b", 1_000))
        #expect(!take("b", 1))
        ledger.forgetNewcomer("b")
        #expect(take("b", 5) && take("b", 5) && !take("b", 1))
        ledger.forgetNewcomer("a")
        ledger.forgetNewcomer("b")
        ledger.forgetNewcomer("c")
        #expect(ledger == QuotaLedger())
    }

    @Test("L13: what a client sends is charged to its user until its provider is called, or the operation ends")
    func input() throws {
        var limits = Self.limits
        limits.callsPerProvider = 1
        var scene = Scene(limits)
        func put(_ bytes: Int) throws(Refusal) -> OperationID {
            let request = Request(
                client: Scene.client, kind: .putInstance, form: .semisync, target: .provider(scene.registration), inputBytes: bytes)
            let id = try scene.core.begin(request)
            scene.witness.open.insert(id)
            scene.witness.semisync.insert(id)
            scene.saw()
            return id
        }
        let called = try put(1 << 20)
        let waits = try put(1 << 20)
        // The first has gone to its provider; the second waits, and a third finds no room.
        let refusal = #expect(throws: Refusal.self) { try put(1) }
        #expect(refusal == Refusal(.quotaViolation, "uid 1000 has 1 MiB of instances, parameters and contexts waiting for providers"))
        #expect(try put(0) != waits)
        scene.core.cancel(waits)
        scene.saw()
        let next = try put(1 << 20)
        scene.answer(scene.sink(of: called))
        #expect(scene.core.operations[next]?.input != nil)
        scene.core.shutDown()
        scene.saw()
        for id in scene.core.operations.keys { scene.core.close(id) }
        scene.saw()
        #expect(scene.core.quota == QuotaLedger())
    }

    @Test("D.5, D.8, D.9.1: who may: root and the broker's user all, others what the definition or the registration says")
    func claims() throws {
        var core = BrokerCore(limits: Self.limits, rights: Rights(broker: 5, allowed: [("Mounts", 7)]))
        for (number, uid) in [0, 5, 7, 8].enumerated() { core.peerAppeared(PeerID(UInt64(number + 1)), uid: UInt32(uid), pid: nil) }
        let (root, broker, allowed, stranger) = (PeerID(1), PeerID(2), PeerID(3), PeerID(4))
        func words(_ claim: Claim, _ peer: PeerID) -> String? {
            do throws(Refusal) {
                try core.admit(claim, of: peer)
                core.gaveBack(claim, by: peer)
                return nil
            } catch {
                #expect(error.status == .accessDenied)
                return error.message
            }
        }
        func registration(_ name: String, isGranted: Bool = false) -> Claim {
            .registration(namespace: "root/cimv2", name: name, isGranted: isGranted)
        }
        let own: [Claim] = [.compilation(isCheck: false), registration("Any")]
        for claim in own + [.management(of: 9)] {
            for peer in [root, broker] { #expect(words(claim, peer) == nil) }
            for peer in [allowed, stranger] { #expect(words(claim, peer) != nil) }
        }
        #expect(
            words(own[0], stranger)
                == "uid 8 may not change what is stored, in no namespace: no rule grants FullWrite or PartialWrite")
        #expect(words(.compilation(isCheck: true), stranger) == nil)
        #expect(words(registration("mounts"), allowed) == nil)
        #expect(words(registration("Mounts"), stranger)?.contains("--allow-register Mounts=8") == true)
        #expect(words(registration("Mounts", isGranted: true), stranger) == nil)
        #expect(words(.management(of: 8), stranger) == nil)
        #expect(words(.management(of: 7), stranger) == "only root, the broker's user and uid 7 may do this")
        #expect(words(.reading, stranger) == nil)
        #expect(words(.reading, PeerID(9)) == "the caller's credentials are not known")
    }

    @Test(
        "L13: sockets on their way over the bus: 16 of each user, 36 of all but root; beyond them two of each, up to 45, until they are fetched"
    )
    func sockets() throws {
        var core = BrokerCore(limits: Self.limits, rights: Rights(broker: 0))
        let users = 0..<12 as Range<UInt32>
        for uid in users { core.peerAppeared(PeerID(UInt64(uid + 1)), uid: uid, pid: nil) }
        func refusal(_ uid: UInt32) -> Refusal? {
            do throws(Refusal) {
                try core.admit(.socket(of: uid), of: PeerID(UInt64(uid + 1)))
                return nil
            } catch {
                return error
            }
        }
        for uid in 1..<3 as Range<UInt32> {
            for _ in 0..<16 { #expect(refusal(uid) == nil) }
            #expect(refusal(uid)?.status == .quotaViolation)
        }
        for _ in 0..<4 { #expect(refusal(3) == nil) }
        #expect(refusal(3) == Refusal(.serverTooBusy, "the bus has many sockets that nobody has fetched; try again later"))
        // Root's are its own, and whoever has none gets two.
        for _ in 0..<16 { #expect(refusal(0) == nil) }
        #expect(refusal(0)?.status == .quotaViolation)
        var given = 36
        for uid in 4..<9 as Range<UInt32> {
            for _ in 0..<2 where given < 45 {
                #expect(refusal(uid) == nil)
                given += 1
            }
            #expect(refusal(uid)?.status == .serverTooBusy)
        }
        #expect(refusal(11)?.status == .serverTooBusy)
        core.gaveBackSocket(of: 1)
        #expect(refusal(11) == nil)
    }

    @Test("L13: what others have open, unread or kept leaves root its own, and every user a little")
    func shares() {
        let share = Share(most: 10, all: 40, least: 2)
        // A user's own bound, and that of all.
        #expect(share.want(of: 7, having: 10, others: 40) == nil && share.want(of: 7, having: 11, others: 11) == .ofUser)
        #expect(share.want(of: 7, having: 3, others: 41) == .ofAllUsers)
        // A little beyond it, up to a quarter more.
        #expect(share.want(of: 7, having: 2, others: 50) == nil && share.want(of: 7, having: 2, others: 51) == .ofAllUsers)
        // Root has its own bound, and no other.
        #expect(share.want(of: 0, having: 10, others: 1_000) == nil && share.want(of: 0, having: 11, others: 0) == .ofUser)
    }

    @Test("L13: what users register leaves root and the broker's user room for definitions, and theirs take none of the users'")
    func definitionsOfAdministrators() throws {
        var limits = Limits()
        limits.registrations = 4
        limits.registrationsPerUser = 2
        limits.leastRegistrations = 1
        var core = BrokerCore(limits: limits, rights: Rights(broker: 5))
        func define(_ name: String, _ uid: UInt32) -> Bool { core.define(namespace: "root", name: name, uid: uid) != nil }
        func register(_ name: String, _ uid: UInt32) -> Bool {
            let peer = PeerID(UInt64(uid))
            core.peerAppeared(peer, uid: uid, pid: nil)
            return (try? core.register(peer, namespace: "root", name: name, silence: nil, ping: nil)) != nil
        }
        #expect(define("Root0", 0) && define("Broker0", 5))
        // Two users have all that users may have; a third finds the one that everybody finds.
        #expect(register("A0", 1_000) && register("A1", 1_000) && !register("A2", 1_000))
        #expect(register("B0", 1_001) && register("B1", 1_001))
        #expect(register("C0", 1_002) && !register("C1", 1_002))
        #expect(define("Broker1", 5) && define("Broker2", 5) && define("Broker3", 5) && !define("Broker4", 5))
        #expect(define("Root1", 0) && define("Root2", 0) && define("Root3", 0) && !define("Root4", 0))
    }

    @Test(
        "L13: five users with all the operations they may have lock out neither root nor a sixth, and the same of replies that nobody reads"
    )
    func operations() {
        let limits = Limits()
        var ledger = QuotaLedger()
        for uid in 1...5 as ClosedRange<UInt32> { for _ in 0..<limits.operationsPerUser { ledger.open.charge(uid) } }
        #expect(!ledger.hasRoom(for: 5, limits: limits))
        for uid in [0, 6] as [UInt32] {
            for _ in 0..<limits.leastOperations {
                #expect(ledger.hasRoom(for: uid, limits: limits))
                ledger.open.charge(uid)
            }
        }
        #expect(ledger.hasRoom(for: 0, limits: limits) && !ledger.hasRoom(for: 6, limits: limits))
        var credit = CreditLedger()
        for uid in 1...8 as ClosedRange<UInt32> { credit.charge(limits.unreadPerUser, uid: uid) }
        #expect(credit.shortage(for: 1_000, uid: 0, limits: limits) == nil)
        #expect(credit.shortage(forReply: 1_000, uid: 0, limits: limits) == nil)
        #expect(credit.shortage(forReply: 1_000, uid: 9, limits: limits) == nil)
        #expect(credit.shortage(forReply: 1_000_000, uid: 9, limits: limits) == .ofAllUsers)
    }

    @Test(
        "L13: one text at a time is compiled for a user, and one place is root's alone; the same of processes that are asked for their objects"
    )
    func lastPlace() {
        for place in [{ QuotaLedger.Place.compilation($0, of: $1) }, { .look($0, of: $1) }] as [(PeerID, UInt32) -> QuotaLedger.Place] {
            var limits = Limits()
            limits.compilations = 3
            limits.looks = 3
            var ledger = QuotaLedger()
            func takes(_ peer: UInt64, _ uid: UInt32) -> Bool { (try? ledger.take(place(PeerID(peer), uid), limits: limits)) != nil }
            #expect(takes(1, 7) && takes(2, 8))
            #expect(!takes(3, 9))
            #expect(takes(4, 0) && !takes(5, 0))
            ledger.giveBack(place(PeerID(1), 7))
            ledger.giveBack(place(PeerID(2), 8))
            ledger.giveBack(place(PeerID(4), 0))
            #expect(ledger == QuotaLedger())
        }
        var ledger = QuotaLedger()
        #expect((try? ledger.take(.compilation(PeerID(1), of: 7), limits: Limits())) != nil)
        #expect((try? ledger.take(.compilation(PeerID(2), of: 7), limits: Limits())) == nil)
    }

    @Test("L8 L13: providers of many users leave root's providers calls and pings, and root's leave theirs")
    func callsOfRoot() {
        let limits = Limits()
        for (flooding, other) in [(1, 0), (0, 1)] as [(UInt32, UInt32)] {
            var slots = CallSlots()
            var number: UInt64 = 0
            func takes(_ uid: UInt32) -> Bool {
                number += 1
                let peer = PeerID(number)
                guard case .lane(let lane) = slots.room(for: peer, uid: uid, nested: false, isPrivate: false, limits: limits) else {
                    return false
                }
                slots.take(SinkID(number), lane, peer: peer, uid: uid, client: 1_000, at: 0)
                return true
            }
            var taken = 0
            for user in 0..<200 as Range<UInt32> where takes(flooding == 0 ? 0 : 1 + user) { taken += 1 }
            #expect(taken == 72)
            var left = 0
            for user in 0..<200 as Range<UInt32> where takes(other == 0 ? 0 : 1 + user) { left += 1 }
            #expect(left == 24)
        }
        var pings = PingBudget()
        for uid in 1...20 as ClosedRange<UInt32> where pings.hasRoom(for: uid, limits: limits) { pings.sent(uid: uid) }
        #expect(pings.total == 12 && pings.hasRoom(for: 0, limits: limits))
    }
}
