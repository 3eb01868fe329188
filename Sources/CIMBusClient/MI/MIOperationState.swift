import CIM

extension MI {
    /// Where an operation is between its start and its close, as a value (Semantics F.1, F.6).
    ///
    /// Two things run side by side: its results, and whether its handle is closed. It is finished when both are over.
    struct OperationState {
        /// `outstanding` can transition to `taking`, by a pull, and to `over`, by the last result or when nobody wants results any more.
        /// `taking` can transition to `outstanding` and to `over`. In `over` no result is given any more.
        enum Results {
            case outstanding
            case taking
            case over
        }

        /// What a close asks for.
        enum Closing {
            /// The results are over: finished.
            case finished
            /// Results are still to be delivered: cancel the operation; it is finished with the last.
            case cancel
        }

        /// Whether the client takes the results; else callbacks get them.
        let isPulled: Bool
        private(set) var results = Results.outstanding
        private(set) var isClosed = false
        /// The client has dropped the operation. That counts as closed, but a callback may still call close.
        private var isDropped = false

        init(isPulled: Bool) { self.isPulled = isPulled }

        var isFinished: Bool { (isClosed || isDropped) && results == .over }

        /// Throws InvalidParameter when the operation is closed, InvalidOperation when there is nothing to take: a callback gets the results,
        /// the last was given, or another task is taking one.
        mutating func beginPull() throws(CIMError) {
            if isClosed { throw CIMError(.invalidParameter, "the operation is closed") }
            guard isPulled else { throw CIMError(.invalidOperation, "the operation's results go to its callback: pull from one without") }
            switch results {
            case .outstanding: results = .taking
            case .taking: throw CIMError(.invalidOperation, "another task is taking a result of this operation: take them one by one")
            case .over: throw CIMError(.invalidOperation, "the last result was given: stop when moreResults is false")
            }
        }

        mutating func endPull(isLast: Bool) { if results == .taking { results = isLast ? .over : .outstanding } }

        /// The callback had the last result.
        mutating func delivered() { results = .over }

        /// The loop over the results was left. Returns whether the operation is to be cancelled.
        mutating func abandoned() -> Bool {
            guard isPulled, results != .over else { return false }
            results = .over
            return true
        }

        /// Throws InvalidParameter when it is closed already, Failed when results are still to be pulled (Semantics L.8).
        mutating func close() throws(CIMError) -> Closing {
            if isClosed { throw CIMError(.invalidParameter, "the operation is closed already") }
            if results == .over {
                isClosed = true
                return .finished
            }
            guard !isPulled else {
                throw CIMError(.failed, "results are outstanding: pull until moreResults is false, after a cancel too, then close")
            }
            isClosed = true
            return .cancel
        }

        /// The handle is gone. Returns whether the operation is to be cancelled: nobody can take its results.
        mutating func dropped() -> Bool {
            isDropped = true
            guard isPulled, results != .over else { return false }
            results = .over
            return true
        }
    }
}
