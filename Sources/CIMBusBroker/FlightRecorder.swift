import CIM
import CIMBusCore
import DBus
import Glibc

/// What happened to operations, step by step: of those that are open, and of those that ended within the last minutes (`Broker.Trace`).
///
/// It is bounded: of one operation the first and the last steps are kept, and of each user so many operations that failed, and so many others.
struct FlightRecorder {
    struct Flight {
        let uid: UInt32
        /// The name of its method, and what it is about.
        let member: String
        let subject: String
        let began: Microseconds
        /// The steps from the first on, and of those that came later the last, in a ring.
        fileprivate(set) var first: [FlightStep] = []
        private var last: [FlightStep] = []
        private var next = 0
        private(set) var leftOut = 0

        fileprivate init(uid: UInt32, member: String, subject: String, began: Microseconds) {
            self.uid = uid
            self.member = member
            self.subject = subject
            self.began = began
        }

        fileprivate mutating func add(_ step: FlightStep) {
            if first.count < FlightRecorder.mostSteps {
                first.append(step)
            } else if last.count < FlightRecorder.mostSteps {
                last.append(step)
            } else {
                last[next] = step
                next = (next + 1) % last.count
                leftOut += 1
            }
        }

        /// Those after the gap, in order.
        var later: ArraySlice<FlightStep> { last[next...] + last[..<next] }
    }

    private struct Landed {
        let id: OperationID
        let at: Microseconds
    }

    /// Whose, and whether they failed.
    private struct Shelf: Hashable {
        let uid: UInt32
        let failed: Bool
    }

    private var flights: [OperationID: Flight] = [:]
    private var shelves: [Shelf: [Landed]] = [:]

    fileprivate static let mostSteps = 24
    /// Of one user, failed and others each.
    private static let mostLanded = 256
    private static let mostShelves = 64
    static let retention: Microseconds = .seconds(300)

    mutating func begin(_ id: OperationID, _ record: OperationRecord, at now: Microseconds) {
        flights[id] = Flight(uid: record.caller.uid, member: record.kind.rawValue, subject: record.subject, began: now)
    }

    mutating func add(_ steps: [FlightStep]) {
        for step in steps {
            flights[step.operation]?.add(step)
            guard step.part == nil else { continue }
            switch step.what {
            case .ended(let status, _): land(step.operation, failed: !status.isSuccess, at: step.at)
            case .abandoned: land(step.operation, failed: true, at: step.at)
            default: break
            }
        }
    }

    private mutating func land(_ id: OperationID, failed: Bool, at now: Microseconds) {
        guard let uid = flights[id]?.uid else { return }
        let shelf = Shelf(uid: uid, failed: failed)
        if shelves[shelf] == nil, shelves.count >= Self.mostShelves { clear(now) }
        shelves[shelf, default: []].append(Landed(id: id, at: now))
        guard let all = shelves[shelf], all.count > 2 * Self.mostLanded else { return }
        // Half of them at a time: the rest need not move for each.
        for landed in all.prefix(all.count - Self.mostLanded) { flights[landed.id] = nil }
        shelves[shelf] = Array(all.suffix(Self.mostLanded))
    }

    /// Room for another user: what is old goes, and if that is nothing, what the user has whose last operation is longest ago.
    private mutating func clear(_ now: Microseconds) {
        for (shelf, all) in shelves where now - (all.last?.at ?? 0) > Self.retention { drop(shelf) }
        while shelves.count >= Self.mostShelves, let oldest = shelves.min(by: { ($0.value.last?.at ?? 0) < ($1.value.last?.at ?? 0) }) {
            drop(oldest.key)
        }
    }

    private mutating func drop(_ shelf: Shelf) {
        for landed in shelves.removeValue(forKey: shelf) ?? [] { flights[landed.id] = nil }
    }

    /// The method of an operation, and when it began; nil: it is not known any more.
    func beginning(of id: OperationID) -> (member: String, began: Microseconds)? { flights[id].map { ($0.member, $0.began) } }

    /// Nil: it never was, or ended too long ago.
    func flight(_ id: OperationID, at now: Microseconds) -> Flight? {
        guard let flight = flights[id] else { return nil }
        let end = (Array(flight.later) + flight.first).lazy.compactMap { step -> Microseconds? in
            guard step.part == nil else { return nil }
            switch step.what {
            case .ended, .abandoned: return step.at
            default: return nil
            }
        }.first
        return end.map { now - $0 > Self.retention } == true ? nil : flight
    }
}

extension Broker {
    /// `Broker.Trace`: of one's own operations, and for root and the broker's user of all.
    func trace(_ call: MethodCall) {
        guard let peer = peer(of: call), let uid = uid(of: peer) else { return }
        var reader = call.reader
        guard let number = try? reader.readUInt64() else { return }
        let now = CoreHost.now
        guard let flight = flights.flight(OperationID(number), at: now), core.rights.mayManage(operationOf: flight.uid, uid: uid) else {
            call.fail(
                CIMError(
                    .notFound,
                    "Trace: no operation \(number) of yours is open, or ended within the last 5 minutes and is among the last of its user's"
                ))
            return
        }
        // The core's clock goes on while the machine sleeps, and has another beginning.
        let offset = Self.wallClock - now
        func entry(_ at: Microseconds, _ name: String, _ details: [(String, DBusValue)]) -> DBusValue {
            .structure([.uint64(UInt64(clamping: at + offset)), .string(name), .dictionary(details)])
        }
        var entries = [
            entry(
                flight.began, "accepted",
                [("Method", .string(flight.member)), ("Target", .string(flight.subject)), ("ClientUID", .uint32(flight.uid))])
        ]
        entries += flight.first.map { entry($0.at, $0.what.name, details(of: $0)) }
        if flight.leftOut > 0, let next = flight.later.first {
            entries.append(entry(next.at, "left-out", [("Steps", .uint64(UInt64(flight.leftOut)))]))
        }
        entries += flight.later.map { entry($0.at, $0.what.name, details(of: $0)) }
        call.reply([.array(element: Signature(verified: "(tsa{sv})"), entries)])
    }

    /// `Broker.ListQuotas`.
    func listQuotas(_ call: MethodCall) {
        guard let peer = peer(of: call), let uid = uid(of: peer) else { return }
        let isAdministrator = core.rights.isAdministrator(uid: uid)
        let quotas = core.quotaUse().filter { isAdministrator || $0.uid == uid }.map { use in
            DBusValue.structure([
                .string(use.bound.rawValue), .uint32(use.uid ?? .max), .uint64(UInt64(clamping: use.used)),
                .uint64(UInt64(clamping: use.most)),
            ])
        }
        call.reply([.array(element: Signature(verified: "(sutt)"), quotas)])
    }

    private static var wallClock: Microseconds {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Microseconds(time.tv_sec) * 1_000_000 + Microseconds(time.tv_nsec) / 1_000
    }

    private func details(of step: FlightStep) -> [(String, DBusValue)] {
        func provider(_ id: RegistrationID) -> (String, DBusValue) { ("Provider", .string(core.registry.find(id)?.name ?? "")) }
        let part: [(String, DBusValue)] = step.part.map { [("Part", .uint64($0.number))] } ?? []
        return part
            + { () -> [(String, DBusValue)] in
                switch step.what {
                case .waitsForProcess(let id): [provider(id)]
                case .waitsForCall(let id, let ahead): [provider(id), ("Ahead", .uint64(UInt64(ahead)))]
                case .called(let id, let peer):
                    [
                        provider(id), ("Peer", .string(peers.name(of: peer)?.text ?? "")),
                        ("ProcessID", .uint32(core.peers[peer]?.pid ?? 0)),
                    ]
                case .answered(let references), .held(let references): [("References", .int64(Int64(references)))]
                case .firstObjects(let count): [("Objects", .uint64(UInt64(count)))]
                case .blocked(let cause): [("By", .string(cause.word))]
                case .goesOn, .abandoned: []
                case .status(let status): [("Status", .uint32(status.rawValue))]
                case .ended(let status, let objects): [("Status", .uint32(status.rawValue)), ("Objects", .uint64(UInt64(objects)))]
                }
            }()
    }
}

extension FlightStep.What {
    /// Its name on the wire.
    fileprivate var name: String {
        switch self {
        case .waitsForProcess: "waits-for-process"
        case .waitsForCall: "waits-for-call"
        case .called: "called"
        case .answered: "answered"
        case .firstObjects: "first-objects"
        case .blocked: "blocked"
        case .goesOn: "goes-on"
        case .status: "status"
        case .held: "held"
        case .ended: "ended"
        case .abandoned: "abandoned"
        }
    }
}

extension FlightStep.Cause {
    fileprivate var word: String {
        switch self {
        case .client: "client"
        case .user: "user"
        case .others: "others"
        }
    }
}
