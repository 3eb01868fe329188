import CIM

extension MI {
    /// One result of an operation (Semantics F.5, F.6): what `instanceResult`, `classResult` and a pull give.
    ///
    /// Of an enumeration each object has a result of its own, and the last has none; of any other operation the one object, if there is one,
    /// is in the last. Values are the client's own: good for as long as it likes, acknowledged or not.
    public struct OperationResult<Value: Sendable>: Sendable {
        /// May be absent in success, too.
        public let value: Value?
        /// False for the last.
        public let moreResults: Bool
        /// Why the operation failed; only in the last.
        public let error: CIMError?
        /// To be given before the next result comes, with ``OperationFlags/manualAcknowledgement``, in callbacks.
        public internal(set) var acknowledgement: Acknowledgement?

        init(value: Value? = nil, moreResults: Bool, error: CIMError? = nil) {
            self.value = value
            self.moreResults = moreResults
            self.error = error
        }

        /// ``ResultCode/ok`` while there are more.
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
