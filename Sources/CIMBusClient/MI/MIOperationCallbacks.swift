import CIM

extension MI {
    /// The callbacks of an operation (MI_OperationCallbacks, Semantics F.5). All are optional. No callback is called after the last result,
    /// and no two at the same time. With ``instanceResult`` (for classes ``classResult``, for events ``indicationResult``) the callback gets
    /// the results; without it the client takes them (R32, R33).
    ///
    /// Callbacks run on no particular thread, and may cancel and close operations (R37). A slow callback slows its own operation down.
    public struct OperationCallbacks: Sendable {
        /// Gets a result. The last has `moreResults` false.
        public var instanceResult: (@Sendable (OperationControl, OperationResult<CIMInstance>) -> Void)?
        /// Gets a result that is a class.
        public var classResult: (@Sendable (OperationControl, OperationResult<CIMClass>) -> Void)?
        /// Gets a result that is an event.
        public var indicationResult: (@Sendable (OperationControl, OperationResult<Indication>) -> Void)?
        /// Gets an out parameter that the class declares with the qualifier `Stream`. The result then leaves the parameter out.
        public var streamedParameterResult: (@Sendable (OperationControl, StreamedParameter) -> Void)?
        /// Gets a message: that the operation succeeded with a reservation, or what a provider says before the end.
        public var writeMessage: (@Sendable (OperationControl, MessageChannel, _ message: String) -> Void)?
        /// Gets an error that does not end the operation, as a `CIM_Error`. Where there is an ``Answer``, No cancels the operation; Yes
        /// changes nothing.
        public var writeError: (@Sendable (OperationControl, _ error: CIMInstance, Answer?) -> Void)?
        /// Says how far the operation has come, where the provider reports it (R34).
        public var writeProgress: (@Sendable (OperationControl, ProgressReport) -> Void)?
        /// Asks before something is changed, when the options say so. Where there is an ``Answer``, the operation starts when the answer is
        /// Yes, and ends when it is No.
        public var promptUser: (@Sendable (OperationControl, _ message: String, PromptType, Answer?) -> Void)?

        public init(
            instanceResult: (@Sendable (OperationControl, OperationResult<CIMInstance>) -> Void)? = nil,
            classResult: (@Sendable (OperationControl, OperationResult<CIMClass>) -> Void)? = nil,
            indicationResult: (@Sendable (OperationControl, OperationResult<Indication>) -> Void)? = nil,
            streamedParameterResult: (@Sendable (OperationControl, StreamedParameter) -> Void)? = nil,
            writeMessage: (@Sendable (OperationControl, MessageChannel, _ message: String) -> Void)? = nil,
            writeError: (@Sendable (OperationControl, _ error: CIMInstance, Answer?) -> Void)? = nil,
            writeProgress: (@Sendable (OperationControl, ProgressReport) -> Void)? = nil,
            promptUser: (@Sendable (OperationControl, _ message: String, PromptType, Answer?) -> Void)? = nil
        ) {
            self.instanceResult = instanceResult
            self.classResult = classResult
            self.indicationResult = indicationResult
            self.streamedParameterResult = streamedParameterResult
            self.writeMessage = writeMessage
            self.writeError = writeError
            self.writeProgress = writeProgress
            self.promptUser = promptUser
        }

        /// Whether a report on the way would be heard.
        var wantsReports: Bool { writeMessage != nil || writeError != nil || writeProgress != nil }
    }

    /// A piece of an out parameter. Here there is only one piece, with the whole value, since on the bus a method's result is one object.
    public struct StreamedParameter: Sendable {
        public let name: String
        public let value: CIMValue
        /// To be given; only with ``OperationFlags/manualAcknowledgement``, else nil.
        public let acknowledgement: Acknowledgement?
    }

    /// How far an operation is.
    public struct ProgressReport: Hashable, Sendable {
        /// What is being done: "Invoke".
        public let activity: String
        /// The provider's words; nil when it gave none.
        public let statusDescription: String?
        /// Nil when the provider does not know how much there is.
        public let percentComplete: UInt32?
    }
}
