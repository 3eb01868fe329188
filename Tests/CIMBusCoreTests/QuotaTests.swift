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
                "uid 5 has 1 MiB of instances and parameters waiting for providers"
            ),
            (
                .compilation(PeerID(1)), .compilation(PeerID(2)), .compilation(PeerID(3)), .serverTooBusy,
                "other texts are being compiled; wait for their end"
            ),
            (
                .registeredMOF(bytes: 60), .registeredMOF(bytes: 40), .registeredMOF(bytes: 1), .serverTooBusy,
                "the MOF of other providers is being compiled; try again when they are registered"
            ),
            (
                .look(PeerID(1)), .look(PeerID(2)), .look(PeerID(3)), .serverTooBusy,
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
        for place in [QuotaLedger.Place.compilation(PeerID(1)), .look(PeerID(1)), .ping(PeerID(1))] {
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
        #expect(refusal == Refusal(.quotaViolation, "uid 1000 has 1 MiB of instances and parameters waiting for providers"))
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

    @Test("L13: sockets on their way over the bus: 16 of each user, root too, and 48 of all, until they are fetched")
    func sockets() throws {
        var core = BrokerCore(limits: Self.limits, rights: Rights(broker: 0))
        for uid in 0..<5 as Range<UInt32> { core.peerAppeared(PeerID(UInt64(uid + 1)), uid: uid, pid: nil) }
        func refusal(_ uid: UInt32) -> Refusal? {
            do throws(Refusal) {
                try core.admit(.socket(of: uid), of: PeerID(UInt64(uid + 1)))
                return nil
            } catch {
                return error
            }
        }
        for uid in 0..<3 as Range<UInt32> {
            for _ in 0..<16 { #expect(refusal(uid) == nil) }
            #expect(refusal(uid)?.status == .quotaViolation)
        }
        #expect(refusal(3) == Refusal(.serverTooBusy, "the bus has many sockets that nobody has fetched; try again later"))
        core.gaveBackSocket(of: 1)
        #expect(refusal(0)?.status == .quotaViolation)
        #expect(refusal(3) == nil)
        #expect(refusal(4)?.status == .serverTooBusy)
        // Whoever sent for them may be gone.
        for uid in 0..<5 as Range<UInt32> { core.peerVanished(PeerID(UInt64(uid + 1))) }
        for uid in 0..<3 as Range<UInt32> { for _ in 0..<16 { core.gaveBackSocket(of: uid) } }
        core.gaveBackSocket(of: 3)
        #expect(core.quota == QuotaLedger())
    }
}
