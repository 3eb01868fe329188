/// The name of a connection: unique (`:1.42`) or well-known (`org.example.Service`).
public struct BusName: DBusName {
    public let text: String

    public init(_ text: String) throws(DBusNameError) {
        let reason = text.utf8.first == UInt8(ascii: ":") ? NameGrammar.unique(text) : NameGrammar.wellKnown(text)
        if let reason { throw DBusNameError(kind: "bus name", text: text, reason: reason) }
        self.text = text
    }

    public init(verified text: String) { self.text = text }

    public init(_ name: UniqueName) { text = name.text }

    public init(_ name: WellKnownName) { text = name.text }

    /// Whether it names one connection for ever, rather than whoever owns it now.
    public var isUnique: Bool { text.utf8.first == UInt8(ascii: ":") }

    /// The message bus itself.
    public static let bus = BusName(verified: "org.freedesktop.DBus")
}

/// A name the bus gave to one connection. Never given to another while the bus lives.
public struct UniqueName: DBusName {
    public let text: String

    public init(_ text: String) throws(DBusNameError) {
        if let reason = NameGrammar.unique(text) { throw DBusNameError(kind: "unique name", text: text, reason: reason) }
        self.text = text
    }

    public init(verified text: String) { self.text = text }
}

/// A name that connections ask for and that passes between them.
public struct WellKnownName: DBusName {
    public let text: String

    public init(_ text: String) throws(DBusNameError) {
        if let reason = NameGrammar.wellKnown(text) { throw DBusNameError(kind: "well-known name", text: text, reason: reason) }
        self.text = text
    }

    public init(verified text: String) { self.text = text }
}

/// The name of an interface, `org.example.Interface1`.
public struct InterfaceName: DBusName {
    public let text: String

    public init(_ text: String) throws(DBusNameError) {
        if let reason = NameGrammar.interface(text) { throw DBusNameError(kind: "interface name", text: text, reason: reason) }
        self.text = text
    }

    public init(verified text: String) { self.text = text }

    /// The interface of the message bus.
    public static let bus = InterfaceName(verified: "org.freedesktop.DBus")
    /// Ping and GetMachineId, answered for every path.
    public static let peer = InterfaceName(verified: "org.freedesktop.DBus.Peer")
    /// Introspect.
    public static let introspectable = InterfaceName(verified: "org.freedesktop.DBus.Introspectable")
    /// Get, Set, GetAll, PropertiesChanged.
    public static let properties = InterfaceName(verified: "org.freedesktop.DBus.Properties")
    /// GetManagedObjects, InterfacesAdded, InterfacesRemoved.
    public static let objectManager = InterfaceName(verified: "org.freedesktop.DBus.ObjectManager")
}

/// The name of a method, signal or property.
public struct MemberName: DBusName {
    public let text: String

    public init(_ text: String) throws(DBusNameError) {
        if let reason = NameGrammar.member(text) { throw DBusNameError(kind: "member name", text: text, reason: reason) }
        self.text = text
    }

    public init(verified text: String) { self.text = text }
}

/// The name of an error, `org.example.Error.TooLate`.
public struct ErrorName: DBusName {
    public let text: String

    public init(_ text: String) throws(DBusNameError) {
        if let reason = NameGrammar.interface(text) { throw DBusNameError(kind: "error name", text: text, reason: reason) }
        self.text = text
    }

    public init(verified text: String) { self.text = text }

    private static func standard(_ element: String) -> ErrorName { ErrorName(verified: "org.freedesktop.DBus.Error." + element) }

    public static let failed = standard("Failed")
    public static let noMemory = standard("NoMemory")
    public static let serviceUnknown = standard("ServiceUnknown")
    public static let nameHasNoOwner = standard("NameHasNoOwner")
    public static let noReply = standard("NoReply")
    public static let timeout = standard("Timeout")
    public static let disconnected = standard("Disconnected")
    public static let badAddress = standard("BadAddress")
    public static let authenticationFailed = standard("AuthFailed")
    public static let accessDenied = standard("AccessDenied")
    public static let limitsExceeded = standard("LimitsExceeded")
    public static let notSupported = standard("NotSupported")
    public static let inconsistentMessage = standard("InconsistentMessage")
    public static let invalidArguments = standard("InvalidArgs")
    public static let invalidSignature = standard("InvalidSignature")
    public static let unknownMethod = standard("UnknownMethod")
    public static let unknownObject = standard("UnknownObject")
    public static let unknownInterface = standard("UnknownInterface")
    public static let unknownProperty = standard("UnknownProperty")
    public static let propertyReadOnly = standard("PropertyReadOnly")
}
