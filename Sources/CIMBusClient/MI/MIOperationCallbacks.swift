import CIM

extension MI {
    /// What an operation calls (MI_OperationCallbacks, Semantics F.5). All are optional; none is called after the last result, and no two at
    /// one time. With ``instanceResult`` (for classes ``classResult``) the results come by it; without, the client takes them (R32, R33).
    ///
    /// They run on no particular thread, and may cancel and close operations (R37). A slow one slows its own operation down.
    public struct OperationCallbacks: Sendable {
        /// A result; the last has `moreResults` false.
        public var instanceResult: (@Sendable (OperationControl, OperationResult<CIMInstance>) -> Void)?
        /// A result that is a class.
        public var classResult: (@Sendable (OperationControl, OperationResult<CIMClass>) -> Void)?
        /// An out parameter that the class declares with the qualifier `Stream`; it is then left out of the result.
        public var streamedParameterResult: (@Sendable (OperationControl, StreamedParameter) -> Void)?
        /// Something to know: that the operation succeeded with a reservation, or what a provider says on its way.
        public var writeMessage: (@Sendable (OperationControl, MessageChannel, _ message: String) -> Void)?
        /// An error that does not end the operation, as a `CIM_Error`. With an answer it goes on once that is given; No cancels it.
        public var writeError: (@Sendable (OperationControl, _ error: CIMInstance, Answer?) -> Void)?
        /// How far it is, for providers that say so (R34).
        public var writeProgress: (@Sendable (OperationControl, ProgressReport) -> Void)?
        /// Asks before something is changed, when the options say so. With an answer the operation starts once that is Yes; No ends it.
        public var promptUser: (@Sendable (OperationControl, _ message: String, PromptType, Answer?) -> Void)?

        public init(
            instanceResult: (@Sendable (OperationControl, OperationResult<CIMInstance>) -> Void)? = nil,
            classResult: (@Sendable (OperationControl, OperationResult<CIMClass>) -> Void)? = nil,
            streamedParameterResult: (@Sendable (OperationControl, StreamedParameter) -> Void)? = nil,
            writeMessage: (@Sendable (OperationControl, MessageChannel, _ message: String) -> Void)? = nil,
            writeError: (@Sendable (OperationControl, _ error: CIMInstance, Answer?) -> Void)? = nil,
            writeProgress: (@Sendable (OperationControl, ProgressReport) -> Void)? = nil,
            promptUser: (@Sendable (OperationControl, _ message: String, PromptType, Answer?) -> Void)? = nil
        ) {
            self.instanceResult = instanceResult
            self.classResult = classResult
            self.streamedParameterResult = streamedParameterResult
            self.writeMessage = writeMessage
            self.writeError = writeError
            self.writeProgress = writeProgress
            self.promptUser = promptUser
        }

        /// Whether a report on the way would be heard.
        var wantsReports: Bool { writeMessage != nil || writeError != nil || writeProgress != nil }
    }

    /// A piece of an out parameter. Here there is one, with the whole value: on the bus a method's result is one object.
    public struct StreamedParameter: Sendable {
        public let name: String
        public let value: CIMValue
        /// With ``OperationFlags/manualAcknowledgement``.
        public let acknowledgement: Acknowledgement?
    }

    /// How far an operation is.
    public struct ProgressReport: Hashable, Sendable {
        /// What is being done: "Invoke".
        public let activity: String
        /// The provider's words, if any.
        public let statusDescription: String?
        /// Nil when the provider does not know how much there is.
        public let percentComplete: UInt32?
    }
}
