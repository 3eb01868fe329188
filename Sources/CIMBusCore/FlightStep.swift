import CIM

/// A step on the way of an operation, for whoever looks for where it stands, or why it ended as it did.
public struct FlightStep: Hashable, Sendable {
    public enum What: Hashable, Sendable {
        /// Its provider has no process: one is awaited, or started.
        case waitsForProcess(RegistrationID)
        /// Its provider has as many calls as it may have, and so many wait before this one.
        case waitsForCall(RegistrationID, ahead: Int)
        case called(RegistrationID, PeerID)
        /// The provider answered its call, and keeps so many references to the sink.
        case answered(references: Int)
        case firstObjects(Int)
        /// Objects wait for room at the client.
        case blocked(Cause)
        case goesOn
        /// The provider's final status.
        case status(WBEMStatus)
        /// The result is known, and references are held all the same.
        case held(references: Int)
        case ended(WBEMStatus, objects: Int)
        /// Its client left.
        case abandoned
    }

    /// For whom objects wait.
    public enum Cause: Hashable, Sendable {
        /// The client has not taken those before.
        case client
        /// Connections of the client's user have much unread.
        case user
        /// Connections of other users have.
        case others
    }

    /// The operation that a client asked for.
    public let operation: OperationID
    /// Which of its parts it is about; nil: itself.
    public let part: OperationID?
    public let at: Microseconds
    public let what: What

    public init(operation: OperationID, part: OperationID?, at: Microseconds, what: What) {
        self.operation = operation
        self.part = part
        self.at = at
        self.what = what
    }
}

extension BrokerCore {
    /// The steps since the last time; nothing unless ``steps`` was set.
    public mutating func takeSteps() -> [FlightStep] {
        guard let taken = steps, !taken.isEmpty else { return [] }
        steps?.removeAll(keepingCapacity: true)
        return taken
    }

    mutating func record(_ what: @autoclosure () -> FlightStep.What, _ id: OperationID) {
        guard steps != nil else { return }
        var whole = id
        while let operation = operations[whole], operation.request.form == .part, let parent = operation.parent { whole = parent }
        steps?.append(FlightStep(operation: whole, part: whole == id ? nil : id, at: now, what: what()))
    }
}
