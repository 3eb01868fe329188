import CIM
import CIMBusWire

/// How one operation is to be done. The defaults are what most callers want.
public struct OperationOptions: Sendable {
    /// How long the operation may take (Design L8, `__TIMEOUT_USEC`). After that it ends with TimedOut. Nil: as long as the broker allows.
    public var timeout: Duration?

    /// Values for the provider, by name (R52, R97). The broker takes away the names with `__` that are its own.
    public var context: [String: CIMValue]

    /// The language that the caller speaks, for localized qualifiers (`OperationFlags.useAmendedQualifiers`) and for the provider
    /// (`__LOCALE`). Nil means the session's language where the flag is set, and no language where it is not.
    public var locale: CIMLocale?

    /// WMI's flags for the method (Semantics A.3). The broker refuses a flag that the method does not document with InvalidParameter.
    public var flags: OperationFlags

    /// Whether a person may be asked to authorize the operation, where a rule of the administrator's leaves it to polkit, or the provider does. The
    /// call takes as long as the person does. Without this it is refused with AccessDenied where nobody but a person could authorize it.
    public var allowsInteractiveAuthorization = false

    /// Called for each progress report of the provider, in order and never after the end (R46, R47). With it get, put, delete and invoke
    /// take the async form.
    public var onProgress: (@Sendable (OperationProgress) -> Void)?

    public init(
        timeout: Duration? = nil, context: [String: CIMValue] = [:], locale: CIMLocale? = nil, flags: OperationFlags = [],
        onProgress: (@Sendable (OperationProgress) -> Void)? = nil
    ) {
        self.timeout = timeout
        self.context = context
        self.locale = locale
        self.flags = flags
        self.onProgress = onProgress
    }

    /// These options for a put that writes only the named properties (R51, R69, R71). A provider without partial updates answers
    /// ProviderNotCapable (R76).
    public func updatingOnly(_ properties: some Sequence<String>) -> OperationOptions {
        var options = self
        options.context[ContextKey.putExtensions] = .boolean(true)
        options.context[ContextKey.putProperties] = .strings(properties)
        return options
    }
}

/// How far an operation has come: a PROGRESS status (Semantics B.3).
public struct OperationProgress: Hashable, Sendable {
    public var current: UInt16
    /// 0 when the provider does not know.
    public var total: UInt16
    /// The provider's words; nil when it gave none.
    public var text: String?
    /// The provider's object, normally an `__ExtendedStatus`; nil when it gave none.
    public var object: CIMInstance?

    public init(current: UInt16, total: UInt16, text: String? = nil, object: CIMInstance? = nil) {
        self.current = current
        self.total = total
        self.text = text
        self.object = object
    }

    /// From the number on the wire, `total << 16 | current`.
    init(packed: UInt32, text: String, object: CIMInstance? = nil) {
        current = UInt16(truncatingIfNeeded: packed)
        total = UInt16(truncatingIfNeeded: packed >> 16)
        self.text = text.isEmpty ? nil : text
        // An empty object is NULL.
        self.object = object.flatMap { $0.className.isEmpty && $0.properties.isEmpty ? nil : $0 }
    }
}
