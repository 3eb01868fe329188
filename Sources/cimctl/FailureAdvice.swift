import CIMBusClient
import DBus

/// What to do next after a failure. There is always something, at least where to read more.
enum FailureAdvice {
    /// - Parameter bus: the one the command was to use.
    static func text(for error: CIMError, on bus: BusAddress) -> String {
        if error.cause is Output.Unwritable { return "see that there is room, and that this user may write there" }
        if let own = transport(error, bus) ?? provider(error.status) ?? words(error.status) ?? course(error.status, bus) { return own }
        if error.status.rawValue & 0xFFFF_F000 == 0x8004_4000 { return "mend the MOF where the words above say" }
        if let name = FailureReport.provider(of: error) {
            return "see the log of the provider \(FailureReport.printable(name)), else \(bus.brokerLog)"
        }
        return "see \(bus.brokerLog), and the provider's log where the class has one ('cimctl providers' lists them)"
    }

    /// Of the way to the broker. Which part of it failed is in the cause.
    private static func transport(_ error: CIMError, _ bus: BusAddress) -> String? {
        switch ((error.cause as? DBusError)?.code, error.status) {
        case (.address?, _): bus.adviceWithoutBus
        case (.authentication?, _): "ask as a user whom that bus lets in; or is it no message bus that listens there?"
        case (_, .fatalTransportError): "retry when the bus is there again"
        case (_, .transportFailure): "start the broker: \(bus.brokerCommand)"
        default: nil
        }
    }

    /// Of the provider.
    private static func provider(_ status: WBEMStatus) -> String? {
        switch status {
        case .providerFailure: "see 'cimctl providers' for its state; start it again if it is gone, and retry"
        case .providerTimedOut: "see 'cimctl providers' for its state; restart the provider if it hangs"
        case .providerLoadFailure, .providerNotFound, .providerNotRegistered:
            "start the provider ('cimctl providers' shows which are running), and retry"
        case .providerSuspended: "resume the provider and retry"
        case .initializationFailure: "mend what the provider says, start it, and retry"
        case .invalidProviderRegistration: "change the provider's definition as the words above say"
        case .providerNotCapable, .notSupported, .methodNotImplemented, .methodDisabled:
            "it cannot be done here; 'cimctl mof show CLASS' names the class's provider and says which methods are Implemented"
        case .unsupportedPutExtension: "put without --context __PUT_EXT…, so that the whole instance is written"
        default: nil
        }
    }

    /// Of what the user wrote.
    private static func words(_ status: WBEMStatus) -> String? {
        switch status {
        case .invalidClass: "'cimctl classes' lists the classes; is it another --namespace?"
        case .invalidNamespace: "'cimctl namespaces' lists those there are"
        case .invalidObjectPath: "write a path like Class.Key=\"value\", quoted from the shell"
        case .notFound: "'cimctl enumerate CLASS' lists the instances there are, 'cimctl classes' the classes"
        case .alreadyExists: "change the one that is there, or choose another key"
        case .noKey, .illegalNull: "give every key a value; 'cimctl mof show CLASS --deep' shows which properties are keys"
        case .invalidQuery, .unparsableQuery, .invalidQueryType:
            "write a query like \"SELECT Name FROM Linux_UnixProcess WHERE Handle = '1'\""
        case .invalidMethod: "'cimctl mof show CLASS --deep' shows the methods of the class"
        case .invalidMethodParameters: "'cimctl mof show CLASS --deep' shows the parameters of the method, and their types"
        case .readOnly: "leave that property as it is; 'cimctl mof show CLASS --deep' shows which have the qualifier write"
        case .invalidObject, .invalidProperty, .typeMismatch, .valueOutOfRange:
            "give values that fit; 'cimctl mof show CLASS --deep' shows the properties, their types and their bounds"
        case .invalidParameter, .invalidContext, .unsupportedParameter:
            "change the argument that the words above are about; --help after the command says what each is for"
        case .classHasChildren: "'cimctl classes CLASS' lists its subclasses, which come first"
        case .classHasInstances: "delete the instances first; 'cimctl enumerate CLASS' lists them"
        default: nil
        }
    }

    /// Of how the operation went.
    private static func course(_ status: WBEMStatus, _ bus: BusAddress) -> String? {
        switch status {
        case .timedOut: "retry with a longer --timeout"
        case .accessDenied, .privilegeNotHeld: "ask as a user who may, e.g. with sudo"
        case .callCancelled: "it was cancelled, here or by 'cimctl cancel': see what it has done, and run it again if need be"
        case .clientTooSlow: "read the output faster, for example by way of a file, or ask for less"
        case .quotaViolation:
            "too much is under way, or kept, for this user: see 'cimctl operations' and 'cimctl operations --finished'; retry when less is"
        case .outOfMemory:
            "ask for fewer objects or properties (--properties, a query with WHERE); else see that the provider, or the broker, has more memory"
        case .serverTooBusy: "retry when other texts have been compiled"
        case .shuttingDown: "retry; if the broker does not come back by itself, start it: \(bus.brokerCommand)"
        case .outOfDiskSpace: "make room where the words above say, or where the broker keeps its state, and retry"
        default: nil
        }
    }
}

extension BusAddress {
    /// The words that start a broker there.
    fileprivate var brokerCommand: String {
        switch self {
        case .system: "systemctl start cimbusd (or, as root, cimbusd --system)"
        case .session: "cimbusd --session"
        case .address(let address): "cimbusd --address '\(FailureReport.printable(address))'"
        }
    }

    fileprivate var brokerLog: String {
        self == .system ? "the broker's log ('journalctl -u cimbusd')" : "the broker's log (the standard error of cimbusd)"
    }

    /// When there is no bus on which a broker could be.
    fileprivate var adviceWithoutBus: String {
        switch self {
        case .system: "start the system bus ('systemctl start dbus'), or choose another with --session or --address"
        case .session: "start a session bus, have DBUS_SESSION_BUS_ADDRESS say where it is, or choose another with --address"
        case .address: "give --address the address of a message bus that runs, such as unix:path=/run/example"
        }
    }
}
