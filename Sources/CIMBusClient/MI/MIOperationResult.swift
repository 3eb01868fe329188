import CIM

extension MI {
    /// One result of an operation (Semantics F.5, F.6): what `instanceResult`, `classResult`, `indicationResult` and a pull give.
    ///
    /// In an enumeration and in a subscription each object has a result of its own, and the last result has no object. Any other operation has its object, if
    /// there is one, in the last result. The value of a result is the client's own: it stays valid for as long as the client keeps it,
    /// acknowledged or not.
    public struct OperationResult<Value: Sendable>: Sendable {
        /// The object. It may be absent in success, too.
        public let value: Value?
        /// False for the last result.
        public let moreResults: Bool
        /// Why the operation failed; only in the last result.
        public let error: CIMError?
        /// To be given before the next result comes. Only in callbacks, with ``OperationFlags/manualAcknowledgement``; else nil.
        public internal(set) var acknowledgement: Acknowledgement?

        init(value: Value? = nil, moreResults: Bool, error: CIMError? = nil) {
            self.value = value
            self.moreResults = moreResults
            self.error = error
        }

        /// How the operation ended. ``ResultCode/ok`` in every result but the last.
        public var resultCode: ResultCode { error?.resultCode ?? .ok }
        public var errorMessage: String? { error?.message }
        /// An instance of `CIM_Error`.
        public var errorDetails: CIMInstance? { error?.errorDetails }
    }
}

extension MI.OperationResult where Value == CIMInstance {
    public var instance: CIMInstance? { value }
}

extension MI.OperationResult where Value == CIMClass {
    public var declaration: CIMClass? { value }
}
