import CIM
import Testing

@testable import CIMBusCore

#if DEBUG
    /// What waits costs work in proportion to how much waits. Counted, not timed: how often the core looks for an operation, a leg or a peer.
    @Suite("Work")
    struct LinearWorkTests {
        @Test("L13: 2,000 operations that wait cost linear work: ten times as many, ten times the looks", arguments: WaitingWork.allCases)
        func linear(_ work: WaitingWork) throws {
            var few = Stage(200)
            var many = Stage(2_000)
            let looks = (few: try few.looks(of: work), many: try many.looks(of: work))
            print("work, \(work.rawValue): \(looks.few) looks for 200 operations, \(looks.many) for 2,000")
            #expect(looks.few > 200)
            #expect(Double(looks.many) <= 10.5 * Double(looks.few), "\(looks.few) looks for 200 operations, \(looks.many) for 2,000")
            #expect(looks.many <= 2_000 * 200)
        }
    }

    /// What is done with many operations: the same many times, so that the work for each must not depend on how many there are.
    enum WaitingWork: String, CaseIterable {
        case acknowledged = "their client acknowledges, one at a time"
        case acknowledgedByOthers = "each is another client's, and these acknowledge in turn"
        case read = "replies that their client reads, one at a time"
        case pulled = "waiting Next calls, and their client reads, one at a time"
        case cancelled = "they are cancelled, the last first"
        case abandoned = "their client leaves"
        case reported = "each has progress to report, and the client reads"
        case called = "they wait for their provider, which answers one at a time"
        case uncalled = "they wait for their provider, and are cancelled, the last first"
        case died = "they wait for their provider, which dies"
        case unregistered = "they wait for their provider, which unregisters"
        case elsewhere = "they wait at a provider that is not there, and another answers as many calls"
    }

    /// A core without a witness, whose books would cost more than the work.
    private struct Stage {
        /// An operation was served before its turn, or after it.
        struct OutOfTurn: Error { var id: OperationID }

        static let client = PeerID(1)
        static let provider = PeerID(2)
        static let another = PeerID(3)
        static let bytes: UInt32 = 1_000

        var core: BrokerCore
        let count: Int
        var lastNumber: UInt64 = 0
        var ids: [OperationID] = []
        var registration = RegistrationID(0)
        var other = RegistrationID(0)
        let looks = LookCount()

        init(_ count: Int) {
            self.count = count
            core = BrokerCore()
        }

        /// An event, and whatever it causes.
        @discardableResult
        mutating func tell<Answer>(_ event: (inout BrokerCore) throws -> Answer) rethrows -> Answer {
            defer { _ = core.takeEffects() }
            return try event(&core)
        }

        mutating func number() -> UInt64 {
            lastNumber += 1
            return lastNumber
        }

        mutating func batch() -> Batch { Batch(PayloadID(number()), sizes: [Self.bytes]) }

        mutating func start(_ limits: Limits) throws {
            core = BrokerCore(limits: limits)
            for (peer, uid) in [(Self.client, 1_000), (Self.provider, 500), (Self.another, 600)] {
                core.peerAppeared(peer, uid: UInt32(uid), pid: nil)
            }
            func register(_ peer: PeerID, _ name: String) throws -> RegistrationID {
                try core.register(peer, namespace: "root/cimv2", name: name, silence: nil, ping: nil)
            }
            registration = try register(Self.provider, "Provider")
            other = try register(Self.another, "Another")
        }

        @discardableResult
        mutating func open(
            _ form: Request.Form, by client: PeerID = Stage.client, at target: RegistrationID? = nil, progress: Bool = false
        ) throws -> OperationID {
            let request = Request(
                client: client, kind: .createInstanceEnum, form: form, target: .provider(target ?? registration), wantsProgress: progress)
            return try tell { core throws in try core.begin(request) }
        }

        func sink(of id: OperationID) -> SinkID { core.operations[id]?.leg ?? SinkID(0) }

        mutating func indicate(_ id: OperationID) {
            let (sink, batch, call) = (sink(of: id), batch(), CallID(number()))
            tell { $0.indicate(sink, by: Self.provider, batch, call: call) }
        }

        /// The provider answers with an object, which is the result.
        mutating func answer(_ id: OperationID) {
            let (sink, batch) = (sink(of: id), batch())
            tell { $0.answered(sink, .result(.noError, references: 0, objects: batch)) }
        }

        mutating func looks(of work: WaitingWork) throws -> Int {
            try prepare(work)
            #expect(core.openOperations == count)
            core.operations.looks = looks
            core.legs.looks = looks
            core.peers.looks = looks
            try perform(work)
            return looks.count
        }

        private func client(_ index: Int) -> PeerID { PeerID(UInt64(100 + index)) }

        /// `count` operations that wait.
        private mutating func prepare(_ work: WaitingWork) throws {
            switch work {
            case .acknowledged, .cancelled, .abandoned, .acknowledgedByOthers, .read, .pulled, .reported:
                var limits = Limits()
                // One user may have three quarters of each.
                limits.callsPerProvider = 2 * count
                limits.callsPerUser = 2 * count
                limits.calls = 2 * count
                limits.callsForRoot = 0
                limits.callsForOthers = 0
                limits.indicatesPerPeer = 2 * count
                // One batch uses up the user's credit, and is asked for at once.
                limits.unreadPerUser = Int(Self.bytes)
                limits.unreadBeforePing = 0
                try start(limits)
                for index in 0..<count {
                    switch work {
                    case .acknowledgedByOthers:
                        core.peerAppeared(client(index), uid: 1_000, pid: nil)
                        ids.append(try open(.async(sink: "/sink"), by: client(index)))
                    case .read: ids.append(try open(.sync))
                    case .pulled: ids.append(try open(.semisync))
                    case .reported: ids.append(try open(.async(sink: "/\(index)"), progress: true))
                    default: ids.append(try open(.async(sink: "/\(index)")))
                    }
                }
            case .called, .uncalled, .died, .unregistered, .elsewhere:
                var limits = Limits()
                if work == .called { limits.callsPerProvider = 1 }
                try start(limits)
                for _ in 0..<count { ids.append(try open(.semisync)) }
                #expect(core.peers[Self.provider]?.calls.waiting.count ?? 0 >= count - 4)
            }
        }

        private mutating func perform(_ work: WaitingWork) throws {
            switch work {
            case .acknowledged, .acknowledgedByOthers:
                // Each has two batches, so that each has its turn twice; they acknowledge in the order in which they were served.
                for _ in 0..<2 { for id in ids { indicate(id) } }
                #expect(core.blocked.lines[1_000]?.operations.count == count)
                for _ in 0..<2 {
                    for (index, id) in ids.enumerated() {
                        guard core.operations[id]?.delivery.unacknowledged.count == 1 else { throw OutOfTurn(id: id) }
                        let (sink, peer) = work == .acknowledged ? ("/\(index)", Self.client) : ("/sink", client(index))
                        tell { $0.acknowledge(sink, of: peer, batches: 1) }
                    }
                }
                #expect(core.blocked.isEmpty)
            case .read:
                for id in ids { answer(id) }
                #expect(core.blocked.lines[1_000]?.operations.count == count - 1)
                for _ in ids {
                    tell { $0.sent(Int(Self.bytes), to: Self.client) }
                    tell { $0.pingAnswered(by: Self.client) }
                }
                #expect(core.openOperations == 0)
            case .pulled:
                for id in ids { answer(id) }
                for id in ids {
                    let call = CallID(number())
                    try tell { core throws in try core.pull(id, by: Self.client, .next(1), timeout: -1, call: call) }
                }
                #expect(core.blocked.lines[1_000]?.operations.count == count - 1)
                for _ in ids {
                    tell { $0.sent(Int(Self.bytes), to: Self.client) }
                    tell { $0.pingAnswered(by: Self.client) }
                }
                #expect(core.blocked.isEmpty)
            case .cancelled:
                for id in ids { indicate(id) }
                #expect(core.blocked.lines[1_000]?.operations.count == count - 1)
                for id in ids.reversed() { tell { $0.cancel(id) } }
                #expect(core.openOperations == 0)
            case .abandoned:
                for id in ids { indicate(id) }
                #expect(core.blocked.lines[1_000]?.operations.count == count - 1)
                tell { $0.peerVanished(Self.client) }
                #expect(core.openOperations == 0)
            case .reported:
                for _ in 0..<2 {
                    for id in ids {
                        let progress = Progress(hresult: 1, text: "")
                        let sink = sink(of: id)
                        _ = tell { $0.setStatus(sink, by: Self.provider, .progress(progress)) }
                        tell { $0.sent(10, to: Self.client) }
                        tell { $0.pingAnswered(by: Self.client) }
                    }
                }
            case .called:
                for id in ids { answer(id) }
                #expect(core.legs.isEmpty)
            case .uncalled:
                for id in ids.reversed() { tell { $0.cancel(id) } }
                #expect(core.legs.isEmpty)
            case .died:
                tell { $0.peerVanished(Self.provider) }
                #expect(core.legs.isEmpty)
            case .unregistered:
                try tell { core throws in try core.unregister(Self.provider, namespace: "root/cimv2", name: "Provider") }
                #expect(core.legs.count <= 4)
            case .elsewhere:
                for index in 0..<count {
                    let id = try open(.async(sink: "/\(index)"), by: Self.another, at: other)
                    answer(id)
                }
            }
        }
    }
#endif
