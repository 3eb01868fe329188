import CIM
import CIMBusWire

/// How one operation is to be done. The defaults are what most callers want.
public struct OperationOptions: Sendable {
    /// How long the operation may take (Design L8, `__TIMEOUT_USEC`). Past it, it ends with TimedOut. Nil: as long as the broker allows.
    public var timeout: Duration?

    /// Values for the provider, by name (R52, R97). Names that start with `__` and belong to the broker are stripped by it.
    public var context: [String: CIMValue]

    /// The language that the caller speaks, for localized qualifiers (`OperationFlags.useAmendedQualifiers`) and for the provider
    /// (`__LOCALE`). Nil: the session's with that flag, and none without.
    public var locale: CIMLocale?

    /// WMI's flags for the method (Semantics A.3). One the method does not document is refused with InvalidParameter.
    public var flags: OperationFlags

    /// Hears of the provider's progress, if it reports any (R46, R47); called in order, never after the end. Makes get, put, delete and
    /// invoke take the async form.
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

    /// A put that writes these properties only (R51, R69, R71). A provider without partial updates answers ProviderNotCapable (R76).
    public func updatingOnly(_ properties: some Sequence<String>) -> OperationOptions {
        var options = self
        options.context[ContextKey.putExtensions] = .boolean(true)
        options.context[ContextKey.putProperties] = .strings(properties)
        return options
    }
}

/// How far an operation is: a PROGRESS status (Semantics B.3).
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
