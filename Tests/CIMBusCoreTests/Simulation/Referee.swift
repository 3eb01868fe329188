import CIM

@testable import CIMBusCore

/// What everybody around a broker may rely on, and whether it holds. The referee sees what peers see, and knows the contract alone: what was
/// accepted, who holds what, what was said, and which time has passed.
struct Referee {
    let limits: Limits
    var operations: [Operation] = [Operation()]
    var open: [OperationID] = []
    var sinks: [Sink] = [Sink()]
    var openSinks: [SinkID] = []
    /// Sinks whose call is unanswered.
    var calls: [SinkID] = []
    var peers: [Peer] = [Peer()]
    var registrations: [Registered] = [Registered()]
    var payloads: [Payload] = [Payload()]
    var unsettled = 0
    var indicates: [CallID: Indicate] = [:]
    var pulls: [CallID: OperationID] = [:]
    /// When clients of a user last made room.
    var movedAt: [UInt32: Microseconds] = [:]
    /// When each provider was started last.
    var startedAt: [RegistrationID: Microseconds] = [:]
    var places = Places()
    var decidedNow: [OperationID] = []
    var callsOfTheGone: [SinkID] = []
    var isShuttingDown = false
    var now: Microseconds = 0
    /// Whether the sink that is used now waits for its call: nobody holds it.
    var isQueued = false
    /// A peer that has missed its ping, while the core hears of it.
    var mustHoldNothing: PeerID?
    var firstFault: String?

    init(_ limits: Limits) { self.limits = limits }

    subscript(_ id: OperationID) -> Operation {
        // No _read: Swift 6.3.1 without optimization reads what that yields after its end.
        get { operations[Int(id.number) < operations.count ? Int(id.number) : 0] }
        _modify { yield &operations[Int(id.number)] }
    }

    mutating func fault(_ text: String) { if firstFault == nil { firstFault = text } }

    func isOpen(_ id: OperationID) -> Bool { Int(id.number) < operations.count && operations[Int(id.number)].isOpen }

    // MARK: - Payloads

    mutating func made(_ payload: PayloadID) {
        if Int(payload.number) != payloads.count { fault("the world miscounts payloads") }
        payloads.append(Payload())
        unsettled += 1
    }

    private mutating func settle(_ payload: PayloadID, _ state: Payload.State) {
        let place = Int(payload.number)
        guard payloads[place].state == .kept else { return fault("payload \(place) is handed over or discarded twice") }
        payloads[place].state = state
        unsettled -= 1
        if let part = payloads[place].part { consumed(part) }
    }

    /// What was made for a call that was refused.
    mutating func dropped(_ payload: PayloadID) { settle(payload, .discarded) }

    func sizes(of payload: PayloadID) -> [UInt32] { payloads[Int(payload.number)].sizes }
    func parts(of payload: PayloadID) -> Int { payloads[Int(payload.number)].parts }

    /// The broker has taken objects for an operation.
    mutating func accept(_ batch: Batch, for id: OperationID) {
        payloads[Int(batch.payload.number)].sizes = batch.sizes
        payloads[Int(batch.payload.number)].parts = batch.parts
        guard !batch.sizes.isEmpty, self[id].takesObjects else { return }
        payloads[Int(batch.payload.number)].operation = id
        self[id].queue.append(batch.payload)
        self[id].acceptedBytes += batch.bytes
        self[id].acceptedAt = now
    }

    // MARK: - Operations

    mutating func began(
        _ id: OperationID, _ request: Request, way: Int, join: Int?, at now: Microseconds, _ refusals: [WBEMStatus], _ answer: Batch?
    ) {
        self.now = now
        if !refusals.isEmpty { fault("operation \(id.number) was accepted, and should have been refused: \(refusals)") }
        let uid = peers[Int(request.client.number)].uid
        var operation = Operation()
        operation.client = request.client
        operation.uid = uid
        operation.form = request.form
        operation.kind = request.kind
        if case .async = request.form { operation.isAsync = true }
        operation.wantsProgress = request.wantsProgress
        operation.way = way
        operation.join = join
        operation.parent = request.parent
        operation.depth = request.parent.map { self[$0].depth + 1 } ?? 1
        operation.origin = request.parent.map { self[$0].origin } ?? uid
        operation.deadline = request.timeout.map { now + $0 }
        operation.input = request.inputBytes
        add(id, operation, request.target, at: now)
        if case .sync = request.form { peers[Int(request.client.number)].owed += 1 }
        if case .broker(let outcome, _) = request.target {
            if let answer { accept(answer, for: id) }
            decide(id, outcome)
        }
    }

    mutating func beganPart(
        _ id: OperationID, of whole: OperationID, _ index: Int?, _ kind: Request.Kind, _ target: Request.Target, join: Int?, input: Int,
        at now: Microseconds
    ) {
        self.now = now
        if !isOpen(whole) { fault("L1: operation \(whole.number) opens a part after its end") }
        if let index {
            guard let place = self[whole].asked.firstIndex(of: index) else {
                return fault("C: part \(index) of \(whole.number) is begun twice")
            }
            self[whole].asked.remove(at: place)
        }
        var operation = Operation()
        operation.client = self[whole].client
        operation.uid = self[whole].uid
        operation.origin = self[whole].origin
        operation.form = .part
        operation.isPart = true
        operation.kind = kind
        operation.parent = whole
        operation.whole = whole
        operation.index = index
        operation.join = join
        operation.input = input
        operation.depth = self[whole].depth
        operation.deadline = self[whole].deadline
        add(id, operation, target, at: now)
    }

    private mutating func add(_ id: OperationID, _ operation: Operation, _ target: Request.Target, at now: Microseconds) {
        if Int(id.number) != operations.count { fault("operation \(id.number) has a number that was used") }
        var operation = operation
        operation.began = now
        operation.touched = now
        operation.movedAt = now
        if case .conducted = target { operation.isConducted = true }
        if case .provider(let named) = target { operation.registration = registration(named, for: operation.uid) }
        if let parent = operation.parent {
            self[parent].children += 1
            self[parent].touched = now
        }
        operations.append(operation)
        open.append(id)
    }

    /// From now on it is known how the operation must end.
    /// - Parameter moment: since when it may have been decided, where the referee sees it late.
    mutating func decide(_ id: OperationID, _ outcome: Outcome, since moment: Microseconds? = nil) {
        guard self[id].isOpen, self[id].decision == nil else { return }
        self[id].decision = outcome
        self[id].decidedAt = now
        if let parent = self[id].parent {
            let quietSince = max(self[parent].quietSince, moment ?? now)
            self[parent].touched = now
            self[parent].quietSince = quietSince
        }
        if let sink = self[id].sink { close(sink) }
        decidedNow.append(id)
    }

    mutating func cancelled(_ id: OperationID) { self[id].isCancelled = true }
    mutating func failed(_ id: OperationID) { self[id].isFailed = true }
    mutating func closed(_ id: OperationID) { self[id].isCancelled = true }
    mutating func cancelled(sink path: String, of peer: PeerID) {
        for id in open where self[id].client == peer && self[id].form == .async(sink: path) { self[id].isCancelled = true }
    }
    mutating func shutsDown() { isShuttingDown = true }

    func openOperations(where fits: (Operation) -> Bool) -> [OperationID] { open.filter { fits(self[$0]) } }

    /// Operations that were asked for by the bus, whose clients are there.
    func openByBus() -> [OperationID] { open.filter { !self[$0].isPart && self[$0].way == 0 } }

    // MARK: - Effects

    mutating func saw(_ effect: Effect, _ core: BrokerCore) {
        now = core.now
        switch effect {
        case .deliver(let id, let payload): deliver(id, payload)
        case .discard(let payload): discard(payload)
        case .progress(let id, let progress):
            if !isOpen(id) { fault("L1: progress of operation \(id.number) after its end") }
            if !self[id].wantsProgress { fault("R46: progress of operation \(id.number), whose client wants none") }
            if let object = progress.object { settle(object, .delivered) }
        case .finish(let id, let outcome): finish(id, outcome, core)
        case .abandon(let id):
            if !isOpen(id) { fault("L1: operation \(id.number) is abandoned after its end") }
            if !peers[Int(self[id].client.number)].isGone { fault("L1: operation \(id.number) is abandoned, and its client is there") }
            ended(id)
        case .expire(let id):
            if !self[id].isKept { fault("L8: results of \(id.number) go that were not kept") }
            self[id].isKept = false
        case .answerNext(_, _, let objects, let status), .answerSkip(_, _, let objects, let status):
            if objects == 0, status == .noError { fault("A.6: a pull of no objects says that it has what was asked for") }
        case .answerResult(_, let id, let ready):
            if ready == self[id].isOpen { fault("A.6: a call for the result of \(id.number) says ready: \(ready)") }
        case .conduct(let id): if !isOpen(id) { fault("operation \(id.number) is to be conducted after its end") }
        case .ask(let whole, let index):
            self[whole].touched = now
            if core.operations[whole]?.outcome == nil, isOpen(whole) {
                if self[whole].asked.contains(index) { fault("C: part \(index) of \(whole.number) is asked twice") }
                self[whole].asked.append(index)
            }
        case .call(let sink): called(sink, core)
        case .credit(let call, let status): credited(call, status)
        case .cancelCall(let sink, _, _): self[sink].isAbandoned = true
        case .openLane: break
        case .start(let id): startedAt[id] = now
        case .closeLane(let lane):
            for sink in calls where self[sink].lane == lane && !self[sink].isOver && core.legs[sink] != nil {
                fault("L8: lane \(lane.number) is left, and somebody waits for sink \(sink.number)")
            }
            forget(lane)
        case .ping(let peer, let lane):
            let place = Int(peer.number)
            if peers[place].isGone { fault("peer \(place) is pinged, and is gone") }
            if peers[place].pingedAt != nil { fault("peer \(place) is pinged twice at once") }
            peers[place].pingedAt = now
            peers[place].pingLane = lane
        case .probe(let peer): peers[Int(peer.number)].probedAt = now
        case .registrationChanged: break
        // No schedule of this kind has events (EventScheduleTests has).
        case .deliverEvents, .lose, .closeGroup, .askAccess, .newQuery, .cancelQuery, .listenersChanged, .sourceClosed, .look, .compare,
            .forgetLook, .fire:
            fault("an effect of events: \(effect)")
        case .note(let note):
            if note.event == .bug { fault("a bug: \(note.text)") }
            if note.event == .unresponsive, let peer = note.peer { peers[Int(peer.number)].isUnresponsive = true }
            if note.event == .responsive, let peer = note.peer { peers[Int(peer.number)].isUnresponsive = false }
        }
    }

    private mutating func deliver(_ id: OperationID, _ payload: PayloadID) {
        settle(payload, .delivered)
        guard isOpen(id) else { return fault("L1: objects of operation \(id.number) after its end") }
        guard self[id].queue.first == payload else { return fault("L1: objects of operation \(id.number) are not in their order") }
        self[id].queue.removeFirst()
        let sizes = payloads[Int(payload.number)].sizes
        let bytes = sizes.reduce(0) { $0 + Int($1) }
        self[id].delivered += sizes.count
        self[id].deliveredBytes += bytes
        self[id].movedAt = now
        self[id].touched = now
        checkWindow(id, bytes)
        switch self[id].form {
        case .async:
            let parts = payloads[Int(payload.number)].parts
            for part in 1...parts { self[id].unacknowledged.append(bytes * part / parts - bytes * (part - 1) / parts) }
            self[id].outstanding += bytes
        case .semisync:
            self[id].buffered.append(sizes[...])
            self[id].outstanding += bytes
        case .part:
            self[id].untaken += 1
            if let whole = self[id].whole { self[whole].touched = now }
        case .sync: break
        }
    }

    private mutating func discard(_ payload: PayloadID) {
        settle(payload, .discarded)
        guard let id = payloads[Int(payload.number)].operation else { return }
        guard let place = self[id].queue.firstIndex(of: payload) else { return }
        self[id].queue.remove(at: place)
        self[id].discarded += 1
    }

    private mutating func finish(_ id: OperationID, _ outcome: Outcome, _ core: BrokerCore) {
        guard isOpen(id) else { return fault("L1: a second end of operation \(id.number): \(outcome)") }
        if let object = outcome.object { settle(object, .delivered) }
        if !self[id].queue.isEmpty { fault("L1: operation \(id.number) ends before \(self[id].queue.count) accepted batches") }
        judge(id, outcome, core)
        self[id].end = outcome
        if case .semisync = self[id].form { self[id].isKept = true }
        if case .sync = self[id].form { served(self[id].client, -1) }
        ended(id)
    }

    private mutating func ended(_ id: OperationID) {
        self[id].isOpen = false
        self[id].endedAt = now
        if let place = open.firstIndex(of: id) { open.remove(at: place) }
        if let sink = self[id].sink { close(sink) }
        if let parent = self[id].parent {
            self[parent].children -= 1
            if self[id].end?.explanation?.reason == .parentEnded { return }
            self[parent].touched = now
            if let sink = self[parent].sink, self[sink].final == nil { self[sink].heard = now }
        }
    }

    /// A peer was given what it waited for.
    mutating func served(_ peer: PeerID, _ change: Int) {
        peers[Int(peer.number)].owed += change
        peers[Int(peer.number)].servedAt = now
    }

    /// After an event, when everything that it caused is done.
    mutating func looked(at core: BrokerCore) {
        guard !decidedNow.isEmpty else { return }
        for id in decidedNow where isOpen(id) && self[id].queue.isEmpty {
            let operation = self[id]
            switch operation.form {
            case .sync where operation.decision?.status.isSuccess == true && operation.deliveredBytes > 0: break
            case .part where operation.untaken > 0: break
            default: fault("L1, L4: operation \(id.number) goes on although it is decided: \(operation.decision as Outcome?)")
            }
        }
        decidedNow.removeAll(keepingCapacity: true)
    }
}
