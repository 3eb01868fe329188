import CIM

/// The content of a final status.
struct FinalStatus: Sendable {
    var status: WBEMStatus
    /// `strParam`: the path, after a put.
    var parameter: String
    /// `pObjParam`: what the provider says of a success with a reservation; nil when it says nothing.
    var object: CIMInstance?
}

/// The client's end of one async operation, as a value: what arrived, what was taken, what credit is owed (Design 3, flow control).
///
/// `open` takes batches. It can transition to `ending`, by the final status or because the broker is gone; the batches that arrived before
/// are still to be taken. `open` can transition to `ended` by a cancel, which discards what waits, and `ending` when the end was taken. In
/// `ended` nothing is accepted: a message that still arrives lost a race.
struct SinkState<Batch> {
    typealias Ending = Result<FinalStatus, CIMError>

    enum Phase {
        case open
        case ending(Ending)
        case ended(Ending)
    }

    /// What a consumer gets.
    enum Taken {
        case batch(Batch)
        case ended(Ending)
        /// Nothing is there yet.
        case nothing
    }

    /// The broker sends 8 batches or 1 MiB ahead, and always one; twice that is a broken broker.
    static var mostWaiting: Int { 16 }
    /// Half the broker's window: credit goes back this often even to a consumer that is always behind.
    static var batchesPerAcknowledgement: Int { 4 }
    static var bytesPerAcknowledgement: Int { 512 << 10 }

    private(set) var phase = Phase.open
    private var waiting: [(batch: Batch, bytes: Int)] = []
    private var owedBatches = 0
    private var owedBytes = 0
    private var lastAcknowledged: ContinuousClock.Instant?

    /// Returns whether the batch is still wanted.
    mutating func indicated(_ batch: Batch, bytes: Int) -> Bool {
        guard case .open = phase else { return false }
        guard waiting.count < Self.mostWaiting else {
            phase = .ending(.failure(CIMError(.transportFailure, "the broker sent more batches than its window allows; restart it")))
            return false
        }
        waiting.append((batch, bytes))
        return true
    }

    /// The operation is over. Batches that wait are delivered first. Returns false when it was over before: the first end counts.
    mutating func finished(_ ending: Ending) -> Bool {
        guard case .open = phase else { return false }
        phase = .ending(ending)
        return true
    }

    /// The client cancels. Batches that wait are not delivered. Returns false when the end was known before: the first end counts.
    mutating func cancelled() -> Bool {
        guard case .open = phase else { return false }
        waiting = []
        isCancelled = true
        phase = .ended(.failure(.cancelledByClient))
        return true
    }

    mutating func take() -> Taken {
        if !waiting.isEmpty {
            let (batch, bytes) = waiting.removeFirst()
            owedBatches += 1
            owedBytes += bytes
            return .batch(batch)
        }
        switch phase {
        case .open: return .nothing
        case .ending(let ending), .ended(let ending):
            phase = .ended(ending)
            return .ended(ending)
        }
    }

    /// How many batches to acknowledge now. Credit is kept back only while the broker certainly has some left: another batch waits, few
    /// batches and bytes are owed, and the last acknowledgement is recent.
    mutating func creditToReturn(at now: ContinuousClock.Instant) -> UInt32? {
        guard case .open = phase, owedBatches > 0 else { return nil }
        let isOld = lastAcknowledged.map { now - $0 > .milliseconds(500) } ?? false
        guard waiting.isEmpty || owedBatches >= Self.batchesPerAcknowledgement || owedBytes >= Self.bytesPerAcknowledgement || isOld else {
            return nil
        }
        let batches = owedBatches
        owedBatches = 0
        owedBytes = 0
        lastAcknowledged = now
        return UInt32(clamping: batches)
    }

    private(set) var isCancelled = false

    /// How it ended; nil while it is open.
    var ending: Ending? {
        switch phase {
        case .open: nil
        case .ending(let ending), .ended(let ending): ending
        }
    }

    var isOver: Bool { if case .open = phase { false } else { true } }
}

extension SinkState.Taken: Sendable where Batch: Sendable {}

extension CIMError {
    static let cancelledByClient = CIMError(.callCancelled, "the operation was cancelled here")
}
