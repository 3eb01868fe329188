import CIM

@testable import CIMBusCore

/// What the referee writes down.
extension Referee {
    /// An operation as its client, its provider and an administrator see it.
    struct Operation {
        var client = PeerID(0)
        var uid: UInt32 = 0
        var origin: UInt32 = 0
        var form = Request.Form.sync
        var kind = Request.Kind.getObject
        var isConducted = false
        var isPart = false
        var isAsync = false
        var wantsProgress = false
        var way = 0
        var parent: OperationID?
        var depth = 1
        var began: Microseconds = 0
        var deadline: Microseconds?
        var registration: RegistrationID?
        var input = 0
        // Of those that the broker conducts, and their parts.
        var whole: OperationID?
        var index: Int?
        var join: Int?
        var asked: [Int] = []
        var history: [PartEnd] = []
        var hasBegun = false
        /// When its conductor did something last, and the earliest moment at which that may have been.
        var touched: Microseconds = 0 { didSet { quietSince = touched } }
        var quietSince: Microseconds = 0
        var untaken = 0

        var isOpen = true
        var isKept = false
        var endedAt: Microseconds = 0
        var end: Outcome?
        /// How it must end, once that is decided by what a provider or its conductor did.
        var decision: Outcome?
        var decidedAt: Microseconds = 0
        /// What entitles the broker to end it otherwise.
        var isCancelled = false
        var isFailed = false
        /// The sink of its call, once it is called; children that are open.
        var sink: SinkID?
        var children = 0
        // Objects: accepted and not handed over, in order; handed over.
        var queue: [PayloadID] = []
        var acceptedBytes = 0
        var delivered = 0
        var deliveredBytes = 0
        var discarded = 0
        /// When objects were accepted last, and when some went on.
        var acceptedAt: Microseconds = 0
        var movedAt: Microseconds = 0
        var unacknowledged: [Int] = []
        var outstanding = 0
        var batchesRead = 0
        var buffered: [ArraySlice<UInt32>] = []
        var pulls: [(call: CallID, count: Int, deadline: Microseconds)] = []

        var takesObjects: Bool {
            guard kind.isWrite else { return true }
            return switch form {
            case .async, .part: true
            case .sync, .semisync: false
            }
        }
    }

    struct Peer {
        var uid: UInt32 = 0
        var isGone = false
        var heard: Microseconds = 0
        var pingedAt: Microseconds?
        var pingLane = LaneID.own
        var probedAt: Microseconds?
        /// When it was given what it waited for last.
        var servedAt: Microseconds = 0
        var indicates = 0
        /// Calls of its own without an answer.
        var owed = 0
        var isUnresponsive = false
    }

    struct Payload {
        enum State { case kept, delivered, discarded }
        var state = State.kept
        var operation: OperationID?
        var sizes: [UInt32] = []
        var parts = 1
        /// The part that it came from, which may hand over more once it is on its way.
        var part: OperationID?
    }

    struct Indicate {
        var sink: SinkID?
        var peer: PeerID?
        var operation: OperationID?
        /// What it must be answered with; nil: what becomes of its objects decides.
        var refusal: WBEMStatus?
        var payload: PayloadID
    }

    struct Registered {
        var name = -1
        var user: UInt32?
        var process: PeerID?
        var isPrivate = false
        var since: Microseconds = 0
        var isSuspended = false
        var isPerUser = false
        var isUndefined = false
    }
}
