import CIM
import CIMBusWire

extension MI {
    /// How one operation is to be done (MI_OperationOptions, Semantics F.4). The defaults are those of no options at all (R23).
    public struct OperationOptions: Sendable {
        /// How long the operation may take. After that it fails with ``ErrorCategory/operationTimeout``. Nil: as long as the broker allows.
        public var timeout: Duration?

        /// Values for the provider (SetCustomOption).
        public var customOptions: [CustomOption]

        /// Whether the user is asked. With ``CallbackMode/inquire`` the library asks before anything is created, modified, deleted or
        /// invoked.
        public var promptMode: CallbackMode

        /// The answer when there is nobody to ask.
        public var promptDefault: Response

        /// Whether the client is asked about an error that does not end the operation. With ``CallbackMode/inquire`` the client can stop
        /// the operation.
        public var errorMode: CallbackMode

        /// The channels whose messages the client gets.
        public var channels: Set<MessageChannel>

        /// Whether the operation fails when one of the custom options is not understood.
        public var mustUnderstand: Bool

        public init(
            timeout: Duration? = nil, customOptions: [CustomOption] = [], promptMode: CallbackMode = .ignore,
            promptDefault: Response = .yes, errorMode: CallbackMode = .report,
            channels: Set<MessageChannel> = [.warning, .verbose, .debug],
            mustUnderstand: Bool = false
        ) {
            self.timeout = timeout
            self.customOptions = customOptions
            self.promptMode = promptMode
            self.promptDefault = promptDefault
            self.errorMode = errorMode
            self.channels = channels
            self.mustUnderstand = mustUnderstand
        }
    }

    /// A value for the provider. The value travels in the context, where the provider finds it by its name (R52, R97).
    public struct CustomOption: Hashable, Sendable {
        public var name: String
        public var value: CIMValue
        /// Whether the operation fails when this option is not understood.
        public var mustComply: Bool

        public init(_ name: String, _ value: CIMValue, mustComply: Bool = false) {
            self.name = name
            self.value = value
            self.mustComply = mustComply
        }
    }

    /// MI_CallbackMode.
    public enum CallbackMode: UInt32, Sendable {
        /// The client is told.
        case report = 0
        /// The client is asked.
        case inquire = 1
        /// The client is not troubled.
        case ignore = 2
    }

    /// MI_PromptType.
    public enum PromptType: UInt32, Sendable {
        case normal = 0
        /// What follows cannot be undone.
        case critical = 1
    }

    /// The answer to a question. An answer "to all" holds for the rest of the operation.
    public enum Response: UInt32, Sendable {
        case no = 0
        case yes = 1
        case noToAll = 2
        case yesToAll = 3

        var isYes: Bool { self == .yes || self == .yesToAll }
        var isForAll: Bool { self == .noToAll || self == .yesToAll }
    }

    /// Where a message belongs (MI_WRITEMESSAGE_CHANNEL).
    public enum MessageChannel: UInt32, Sendable {
        case warning = 0
        case verbose = 1
        case debug = 2
    }
}

extension MI.OperationOptions {
    /// The names that `mi.h` keeps for itself. None means anything to a provider: each has a property here, or no meaning on a bus.
    private static let reserved = "__MI_"

    /// The context of the call. Throws InvalidParameter for what cannot be, NotSupported for what must be understood and is not.
    func context() throws(CIMError) -> [String: CIMValue] {
        if let timeout, timeout <= .zero {
            throw CIMError(.invalidParameter, "the timeout is \(timeout): give a time, or none")
        }
        var context: [String: CIMValue] = [:]
        for option in customOptions {
            guard !option.name.isEmpty else { throw CIMError(.invalidParameter, "a custom option has no name") }
            // The broker takes these from nobody.
            let isUnderstood = !CIMName.hasPrefix(option.name, Self.reserved) && ContextKey.broker(named: option.name) == nil
            if isUnderstood {
                context[option.name] = option.value
            } else if option.mustComply || mustUnderstand {
                throw CIMError(.notSupported, "option \(option.name) means nothing here: leave it out, or do not insist on it")
            }
        }
        return context
    }
}
