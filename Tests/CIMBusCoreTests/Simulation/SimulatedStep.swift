@testable import CIMBusCore

/// One thing that happens in a simulated world. A step names nothing that may not be there: `a` and `b` choose among what there is when it
/// happens, and where there is nothing, nothing happens. So any part of a schedule is a schedule, and a failure can be made smaller.
struct SimulatedStep: Hashable, Sendable {
    enum Action: UInt8, Hashable, Sendable, CaseIterable {
        // The transport: the broker reads what a peer wrote, or a peer what the broker wrote; in order, on each way.
        case brokerReads, peerReads, busAnswers
        // A client.
        case open, acknowledge, cancelSink, cancel, pull, close, claim, giveBack
        // A provider.
        case answer, indicate, flood, complete, progress, remark, misfit, addRef, release, transfer, useForeign, register, unregister
        // The life of a process.
        case die, come, stop, go, work, losePrivate
        // The clock: up to a moment, to what is due next, or on while the broker is busy.
        case wait, fireTimers, lag
        // The broker's own surroundings.
        case ask, endPart, nest, conductPart, conductSupply, conductConsume, conductEnd
        case loseObjects, openLane, loseLane, loseReply, startFails, startLoads, expect, expectationFails, suspend, resume, define, undefine
        case loseBus, shutDown
    }

    var action: Action
    /// Whose step it is, for those of peers.
    var seat: UInt8 = 0
    var a: UInt16 = 0
    var b: UInt16 = 0

    /// Whether it is a step of one peer.
    var isOfPeer: Bool {
        switch action {
        case .brokerReads, .peerReads, .open, .acknowledge, .cancelSink, .cancel, .pull, .close, .claim, .giveBack, .answer, .indicate,
            .flood,
            .complete, .progress, .remark, .misfit, .addRef, .release, .transfer, .useForeign, .register, .unregister, .die, .come, .stop,
            .go, .work, .losePrivate:
            true
        default: false
        }
    }
}

extension SimulatedStep: CustomStringConvertible {
    var description: String { (isOfPeer ? "seat \(seat): " : "") + "\(action) \(a) \(b)" }
}

/// What a peer writes to the broker.
enum Letter: Hashable, Sendable {
    case begin(Beginning)
    case cancelSink(OperationID)
    case cancel(OperationID)
    case acknowledge(OperationID, UInt32)
    case pull(OperationID, BrokerCore.PullKind, timeout: Int32)
    case close(OperationID)
    case claim(Claim)
    case giveBack(Claim)
    case answer(SinkID, Reply)
    case indicate(SinkID, sizes: [UInt32], wantsReply: Bool)
    case complete(SinkID, Word)
    case progress(SinkID, hasObject: Bool)
    case remark(SinkID)
    case misfit(SinkID)
    case addRef(SinkID)
    case release(SinkID)
    case transfer(SinkID, to: Int)
    case register(name: Int, isForUser: Bool)
    case unregister(name: Int)
    case pong
    /// Its process has ended, or the way by which it wrote.
    case gone

    /// Which it uses.
    var sink: SinkID? {
        switch self {
        case .indicate(let sink, _, _), .complete(let sink, _), .progress(let sink, _), .remark(let sink), .misfit(let sink),
            .addRef(let sink), .release(let sink), .transfer(let sink, _):
            sink
        default: nil
        }
    }

    /// What a client asks for.
    struct Beginning: Hashable, Sendable {
        enum Target: Hashable, Sendable {
            case provider(Int)
            case broker(fails: Bool)
            case join(Int)
            case conductor
        }
        var form: Request.Form
        var kind: Request.Kind
        var target: Target
        var wantsProgress = false
        var timeout: Microseconds?
        var parent: OperationID?
        var inputBytes = 0
    }

    /// How a provider answers its call.
    enum Reply: Hashable, Sendable {
        case keeps(UInt32, objects: [UInt32]?)
        case fails(Word)
        /// An error that is not of the contract.
        case isNone
        /// The bus says that none comes.
        case isLost
    }

    /// A status, by its place in a list, perhaps with an object of its own.
    struct Word: Hashable, Sendable {
        var status: Int
        var hasObject = false
    }
}

/// What the broker writes to a peer.
enum Mail: Hashable, Sendable {
    case objects(OperationID, batches: Int, bytes: Int)
    case call(SinkID)
    case cancelled(SinkID)
    case ping
    case other(bytes: Int)

    var bytes: Int {
        switch self {
        case .objects(_, _, let bytes), .other(let bytes): bytes
        case .call, .cancelled, .ping: 0
        }
    }
}

/// First in, first out.
struct Queue<Element>: Sequence, IteratorProtocol {
    private var elements: [Element] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }
    var count: Int { elements.count - head }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func next() -> Element? {
        guard head < elements.count else { return nil }
        defer {
            head += 1
            if head == elements.count { removeAll() }
        }
        return elements[head]
    }

    mutating func removeAll() {
        elements.removeAll(keepingCapacity: true)
        head = 0
    }
}

extension Queue: Sendable where Element: Sendable {}
