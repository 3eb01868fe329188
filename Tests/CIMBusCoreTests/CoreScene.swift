import CIM

@testable import CIMBusCore

/// A core with one client, one provider and one more process of the provider's user, a clock that moves when told, and a witness that checks
/// every step.
struct Scene {
    static let client = PeerID(1)
    static let provider = PeerID(2)
    static let other = PeerID(3)
    static let path = "/sink"

    var core: BrokerCore
    var witness = Witness()
    var now: Microseconds {
        get { core.now }
        set { core.now = newValue }
    }
    /// What the last event caused.
    var effects: [Effect] = []
    var registration = RegistrationID(1)
    var lastNumber: UInt64 = 0
    /// Whether the bus answers at once what it is asked.
    var busAnswers = true
    /// Peers whose processes use the processor.
    var busy: Set<PeerID> = []
    /// Parts of joined operations that have not ended.
    var parts: [OperationID: JoinedPart] = [:]
    /// How deep the events are that events caused.
    var nesting = 0
    /// How often something was due at the same moment.
    var standing = 0

    init(_ limits: Limits = Limits(), silence: Microseconds? = nil, ping: Microseconds? = nil) {
        core = BrokerCore(limits: limits)
        core.peerAppeared(Self.client, uid: 1_000, pid: 101)
        core.peerAppeared(Self.provider, uid: 500, pid: 102)
        core.peerAppeared(Self.other, uid: 500, pid: 103)
        register(Self.provider, "Provider", silence: silence, ping: ping)
    }

    mutating func register(
        _ peer: PeerID, _ name: String, silence: Microseconds? = nil, ping: Microseconds? = nil, isPrivate: Bool = false
    ) {
        guard
            let id = try? core.register(peer, namespace: "root/cimv2", name: name, silence: silence, ping: ping, isPrivate: isPrivate)
        else { return witness.faults.append("\(name) was not registered") }
        registration = id
        saw()
    }

    // MARK: - Activation

    /// From now on the bus starts it.
    mutating func define(busName: String? = nil, isPerUser: Bool = false, user: UInt32? = nil) {
        let terms = Registration.Terms(isPerUser: isPerUser, busName: busName)
        if core.define(namespace: "root/cimv2", name: "Provider", user: user, uid: 0, terms: terms) == nil {
            witness.faults.append("it was not defined")
        }
        saw()
    }

    mutating func expect() {
        core.expect(registration)
        saw()
    }
    mutating func expectationFailed() {
        core.expectationFailed(registration)
        saw()
    }
    mutating func startFailed(_ text: String = "no such program", reason: Explanation.Reason = .startFailed) {
        core.startFailed(registration, text, reason: reason)
        saw()
    }

    mutating func unregister() {
        guard let peer = core.registry.find(registration)?.peer else { return }
        do throws(Refusal) {
            try core.unregister(peer, namespace: "root/cimv2", name: "Provider")
        } catch {
            witness.faults.append("it was not unregistered")
        }
        saw()
    }

    mutating func suspend() {
        core.suspend(registration)
        saw()
    }

    mutating func resume() {
        core.resume(registration)
        saw()
    }

    /// A number for a payload or a call that no other has.
    mutating func number() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// After each event: what it caused.
    mutating func saw() {
        let effects = core.takeEffects()
        self.effects = effects
        witness.watch(effects, after: core)
        if !witness.joined.isEmpty {
            nesting += 1
            goOn(effects)
            nesting -= 1
            self.effects = effects
            if nesting == 0 { witness.compareJoins(core) }
        }
        for case .probe(let peer) in effects where busAnswers { probeAnswered(peer) }
    }

    mutating func probeAnswered(_ peer: PeerID, ran: Bool? = nil) {
        core.probeAnswered(for: peer, ran: ran ?? busy.contains(peer))
        let before = effects
        saw()
        effects = before + effects
    }

    // MARK: - The client

    mutating func open(
        _ form: Request.Form = .async(sink: Scene.path), _ kind: Request.Kind = .createInstanceEnum, by client: PeerID = Scene.client,
        at target: RegistrationID? = nil, progress: Bool = false, timeout: Microseconds? = nil, in parent: OperationID? = nil
    ) throws(Refusal) -> OperationID {
        let request = Request(
            client: client, kind: kind, form: form, target: .provider(target ?? registration), wantsProgress: progress, timeout: timeout,
            parent: parent)
        return try begin(request)
    }

    private mutating func begin(_ request: Request) throws(Refusal) -> OperationID {
        defer { saw() }
        let id = try core.begin(request)
        witness.open.insert(id)
        if request.form == .semisync { witness.semisync.insert(id) }
        return id
    }

    // MARK: - The conductor

    /// An operation that the broker conducts.
    mutating func conduct(
        _ form: Request.Form = .async(sink: Scene.path), _ kind: Request.Kind = .createInstanceEnum, timeout: Microseconds? = nil
    ) throws(Refusal) -> OperationID {
        try begin(Request(client: Self.client, kind: kind, form: form, target: .conducted, timeout: timeout))
    }

    mutating func part(of whole: OperationID) throws(Refusal) -> OperationID {
        defer { saw() }
        let id = try core.beginPart(of: whole, kind: .createInstanceEnum, target: .provider(registration))
        witness.open.insert(id)
        return id
    }

    @discardableResult
    mutating func supply(_ id: OperationID, _ sizes: [UInt32] = [1]) -> CallID {
        let call = CallID(number())
        witness.indicates.insert(call)
        core.supply(id, batch(sizes), call: call)
        saw()
        return call
    }

    mutating func consume(_ part: OperationID) {
        core.consumed(part)
        saw()
    }

    mutating func conclude(_ id: OperationID, _ outcome: Outcome = Outcome(.noError)) {
        core.conducted(id, outcome)
        saw()
    }

    mutating func cancel(_ id: OperationID) {
        core.cancel(id)
        saw()
    }
    mutating func close(_ id: OperationID) {
        core.close(id)
        saw()
    }

    mutating func acknowledge(_ batches: UInt32 = 1, sink: String = Scene.path) {
        core.acknowledge(sink, of: Self.client, batches: batches)
        saw()
    }

    mutating func pull(_ id: OperationID, _ kind: BrokerCore.PullKind, timeout: Int32 = -1) throws(Refusal) {
        let call = CallID(number())
        defer { saw() }
        try core.pull(id, by: Self.client, kind, timeout: timeout, call: call)
        witness.pulls.insert(call)
    }

    // MARK: - The provider

    func sink(of id: OperationID) -> SinkID { core.operations[id]?.leg ?? SinkID(0) }

    mutating func batch(_ sizes: [UInt32]) -> Batch {
        let payload = PayloadID(number())
        witness.payloads.insert(payload)
        return Batch(payload, sizes: sizes)
    }

    mutating func object() -> PayloadID { batch([1]).payload }

    mutating func answer(_ sink: SinkID, _ status: WBEMStatus = .noError, keeping references: UInt32 = 0, objects: [UInt32]? = nil) {
        let objects = objects.map { batch($0) }
        witness.calls.remove(sink)
        core.answered(sink, .result(status, references: references, objects: objects))
        saw()
    }

    mutating func fail(_ sink: SinkID, _ outcome: Outcome = .because(.badAnswer)) {
        witness.calls.remove(sink)
        core.answered(sink, .failure(outcome))
        saw()
    }

    @discardableResult
    mutating func indicate(_ sink: SinkID, by peer: PeerID = Scene.provider, _ sizes: [UInt32] = [1], wantsReply: Bool = true) -> CallID {
        let batch = batch(sizes)
        let call = CallID(number())
        if wantsReply { witness.indicates.insert(call) }
        core.indicate(sink, by: peer, batch, call: wantsReply ? call : nil)
        saw()
        return call
    }

    @discardableResult
    mutating func setStatus(_ sink: SinkID, by peer: PeerID = Scene.provider, _ outcome: Outcome) -> WBEMStatus? {
        status(sink, by: peer, .complete(outcome))
    }

    @discardableResult
    mutating func setStatus(_ sink: SinkID, by peer: PeerID = Scene.provider, _ code: WBEMStatus = .noError) -> WBEMStatus? {
        setStatus(sink, by: peer, Outcome(code))
    }

    @discardableResult
    mutating func progress(_ sink: SinkID, by peer: PeerID = Scene.provider, _ number: UInt32 = 1, object: PayloadID? = nil) -> WBEMStatus?
    {
        status(sink, by: peer, .progress(Progress(hresult: number, text: "", object: object)))
    }

    private mutating func status(_ sink: SinkID, by peer: PeerID, _ status: Status) -> WBEMStatus? {
        let refusal = core.setStatus(sink, by: peer, status)
        saw()
        return refusal
    }

    @discardableResult
    mutating func addRef(_ sink: SinkID, by peer: PeerID = Scene.provider) -> Result<Int, WBEMStatus> {
        let result = core.addRef(sink, by: peer)
        saw()
        return result
    }

    @discardableResult
    mutating func release(_ sink: SinkID, by peer: PeerID = Scene.provider) -> Result<Int, WBEMStatus> {
        let result = core.release(sink, by: peer)
        saw()
        return result
    }

    @discardableResult
    mutating func transfer(_ sink: SinkID, from peer: PeerID = Scene.provider, to next: PeerID = Scene.other) -> Result<Int, WBEMStatus> {
        let result = core.transfer(sink, from: peer, to: next)
        saw()
        return result
    }

    // MARK: - Life and time

    mutating func vanish(_ peer: PeerID) {
        witness.gone.insert(peer)
        witness.calls = witness.calls.filter { core.slots.slots[$0]?.peer != peer }
        core.peerVanished(peer)
        saw()
        witness.pinged.remove(peer)
    }

    mutating func openLane(_ lane: LaneID) {
        core.laneOpened(lane)
        saw()
    }

    mutating func loseLane(_ lane: LaneID) {
        witness.lost(lane)
        core.laneLost(lane, "the bus went away")
        saw()
    }

    mutating func pong(_ peer: PeerID) {
        guard witness.pinged.remove(peer) != nil else { return }
        core.pingAnswered(by: peer)
        saw()
    }

    /// Time passes up to the next deadline, which it does what is due at. False if there is none.
    @discardableResult
    mutating func advance() -> Bool {
        guard let next = core.nextDeadline, standing < 100 else { return false }
        standing = next > now ? 0 : standing + 1
        now = max(now, next)
        core.advance()
        saw()
        if standing == 100 { witness.faults.append("time stands still: what is due stays due") }
        return true
    }

    /// Time passes until no operation is open, or until it has stood or gone on for nothing too often.
    mutating func waitForEnds() {
        for _ in 0..<1_000 where core.openOperations > 0 { advance() }
    }

    /// `seconds` pass; every ping in between is answered by those in `answering`.
    mutating func wait(_ seconds: Microseconds, answering: Set<PeerID> = []) {
        let end = now + .seconds(seconds)
        for peer in witness.pinged where answering.contains(peer) { pong(peer) }
        while let next = core.nextDeadline, next <= end, advance() {
            for peer in witness.pinged where answering.contains(peer) { pong(peer) }
        }
        now = end
    }
}
