import CIM
import CIMBusCore
import DBus
import Glibc

/// What happened to operations, step by step: of those that are open, and of those that ended within the last minutes (`Broker.Trace`).
///
/// It is bounded: of one operation the first and the last steps are kept, and of each user so many operations that failed, and so many others.
struct FlightRecorder {
    /// Only who has the recorder touches it.
    final class Flight {
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
            first.reserveCapacity(FlightRecorder.usualSteps)
        }

        fileprivate func add(_ step: FlightStep) {
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

    /// What one user's operations that failed, or its others, leave behind, in the order of their ends.
    private final class Shelf {
        var landed: [Landed] = []
    }

    private var flights: [OperationID: Flight] = [:]
    /// By their user, and by whether they failed.
    private var shelves: [UInt64: Shelf] = [:]

    fileprivate static let mostSteps = 24
    /// An operation that nothing holds up has no more.
    fileprivate static let usualSteps = 6
    /// Of one user, failed and others each.
    private static let mostLanded = 256
    private static let mostShelves = 64
    static let retention: Microseconds = .seconds(300)

    mutating func begin(_ id: OperationID, _ record: OperationRecord, at now: Microseconds) {
        flights[id] = Flight(uid: record.caller.uid, member: record.kind.rawValue, subject: record.subject, began: now)
    }

    mutating func add(_ steps: [FlightStep]) {
        for step in steps {
            guard let flight = flights[step.operation] else { continue }
            flight.add(step)
            guard step.part == nil else { continue }
            switch step.what {
            case .ended(let status, _): land(step.operation, flight, failed: !status.isSuccess, at: step.at)
            case .abandoned: land(step.operation, flight, failed: true, at: step.at)
            default: break
            }
        }
    }

    private mutating func land(_ id: OperationID, _ flight: Flight, failed: Bool, at now: Microseconds) {
        let key = UInt64(flight.uid) << 1 | (failed ? 1 : 0)
        let shelf = shelves[key] ?? newShelf(key, now)
        shelf.landed.append(Landed(id: id, at: now))
        let surplus = shelf.landed.count - Self.mostLanded
        // Half of them at a time: the rest need not move for each.
        guard surplus > Self.mostLanded else { return }
        for landed in shelf.landed.prefix(surplus) { flights[landed.id] = nil }
        shelf.landed.removeFirst(surplus)
    }

    private mutating func newShelf(_ key: UInt64, _ now: Microseconds) -> Shelf {
        if shelves.count >= Self.mostShelves { clear(now) }
        let shelf = Shelf()
        shelves[key] = shelf
        return shelf
    }

    /// Room for another user: what is old goes, and if that is nothing, what the user has whose last operation is longest ago.
    private mutating func clear(_ now: Microseconds) {
        func last(_ shelf: Shelf) -> Microseconds { shelf.landed.last?.at ?? 0 }
        for (key, shelf) in shelves where now - last(shelf) > Self.retention { drop(key) }
        while shelves.count >= Self.mostShelves, let oldest = shelves.min(by: { last($0.value) < last($1.value) }) { drop(oldest.key) }
    }

    private mutating func drop(_ key: UInt64) {
        for landed in shelves.removeValue(forKey: key)?.landed ?? [] { flights[landed.id] = nil }
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
