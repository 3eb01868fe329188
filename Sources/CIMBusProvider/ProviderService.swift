import CIM
import CIMBusWire
import DBus
import Logging

#if !WITHOUT_SERVICE_LIFECYCLE
    import ServiceLifecycle

    extension ProviderService: Service {}
#endif

/// A decoupled provider as a service. The service connects to the bus, registers with the broker, and serves calls. When the broker comes
/// back after a restart, the service registers again.
///
/// ```swift
/// let service = ProviderService(name: "Clocks", mof: mof, classes: ["Sample_Clock": ClockProvider()])
/// await service.main()
/// ```
public struct ProviderService: Sendable {
    /// How a provider behaves on the bus.
    public struct Options: Sendable {
        /// Whose puts, deletes and methods reach the provider's code. The provider acts with its own user's rights, not with the client's.
        public enum Writers: Sendable {
            /// Those of root and of the user that the provider runs as, and of whom a rule of the administrator's grants WriteProvider or
            /// MethodExecute for the class. All others get AccessDenied.
            case rootAndOwner
            /// Everybody's. The provider's code decides, e.g. by ``RequestContext/clientUserID``.
            case everybody
        }

        /// Who refuses a put that changes what a class declares as only read: properties with the qualifier `read` and without `write`.
        public enum ReadOnlyProperties: Sendable {
            /// The library, with ReadOnly. It asks the provider for the instance, so that what a client puts back unchanged is no change.
            case refused
            /// The provider's code, e.g. for properties that change by themselves between a get and a put.
            case leftToProvider
        }

        /// Who may change anything.
        public var writers = Writers.rootAndOwner
        /// Who refuses a change of properties that are only read.
        public var readOnlyProperties = ReadOnlyProperties.refused
        /// How many calls run at once; further calls wait. A call that waits for a slow client in `indicate`, or for a call of its own
        /// through its context, does not count: even with 1, others run meanwhile.
        public var maximumConcurrentCalls = 16
        /// How long the provider may leave a ping unanswered, for code that blocks on purpose. Nil means the broker's own limit.
        public var pingSeconds: UInt32?
        /// How long the provider may be silent in an operation. Nil means the broker's own limit.
        public var silenceSeconds: UInt32?
        /// How long open operations may go on when the service stops.
        public var shutdownGrace = Duration.seconds(5)
        /// How long to wait for the end of another process that is registered under the same name.
        public var alreadyRegisteredGrace = Duration.seconds(10)
        /// How long to wait for classes and namespaces on which the MOF builds, and which are not there yet: their own provider may
        /// register later. Nil waits as long as it takes. The log says what is missing.
        public var missingClassGrace: Duration?
        /// The name on the bus that starts this provider (`BusName` of its definition). The provider owns this name while it runs.
        public var busName: WellKnownName?
        /// The only user whose calls the provider serves, by name or number, where its definition says PerUserInitialization. Nil means all
        /// users.
        public var user: String?
        /// Whether the provider ends when nobody needs it. Only for a provider that is started again when it is needed.
        public var idleExit = IdleExit.never
        /// Called before the provider registers, for each broker anew. No call comes before it returns. When it throws, the provider does
        /// not register, calls that wait for the provider end with InitializationFailure, and ``ProviderService/run()`` throws.
        public var initialize: (@Sendable (Initialization) async throws -> Void)?
        /// Called after each successful registration.
        public var onRegistered: (@Sendable () -> Void)?
        /// Where the provider raises events; nil: it raises none. The service registers as a provider of events with it.
        public var events: EventSink?
        /// Whether the methods never block, nor compute for long: then they run on the loop's thread, and a call that they wait for changes no
        /// thread.
        package var staysOnLoop = false
        /// After how long a call whose method still works is answered. Tests that look at the reply cannot let a busy machine decide.
        package var replyDelay = Duration.milliseconds(20)

        public init() {}
    }

    public let name: String
    public let namespace: CIMNamespaceName
    public let mof: String
    /// The bus of the broker.
    public var bus: BusAddress
    public var options: Options
    public var logger: Logger
    private let providers: [CIMName: any Provider]

    /// The classes it has something for, by name.
    let classNames: [String]

    /// - Parameters:
    ///   - name: the name of the registration. The `provider` qualifier of the classes has the same name.
    ///   - mof: the declarations of the classes.
    ///   - classes: the provider for each class, by the name of the class.
    public init(
        name: String, namespace: CIMNamespaceName = .cimv2, mof: String, classes: [String: any Provider], bus: BusAddress = .system,
        options: Options = Options(), logger: Logger? = nil
    ) {
        self.name = name
        self.namespace = namespace
        self.mof = mof
        self.bus = bus
        self.options = options
        self.logger = logger ?? Logger(label: "cimbus.provider")
        let own = Dictionary(classes.map { (CIMName($0.key), $0.value) }, uniquingKeysWith: { first, _ in first })
        classNames = own.keys.map(\.text).sorted()
        providers = TypedHierarchy.joining(own)
    }

    /// Where the broker calls it.
    static let path = ObjectPath(verified: "/org/cimbus1/Provider")

    /// Serves until the task is cancelled, or until somebody asks for a graceful shutdown. Then the service unregisters, lets open
    /// operations go on for ``Options/shutdownGrace``, and returns. When ``Options/idleExit`` ends the provider, the service unregisters,
    /// serves the calls that have come, and returns.
    ///
    /// Throws `CIMError` when the bus is not there or is lost (TransportFailure), and when the broker refuses the registration:
    /// AccessDenied, the errors of the MOF compiler, and ProviderAlreadyRegistered when another process stays registered under this name.
    /// The service waits for a broker that is not there, and for the classes of others on which the MOF builds
    /// (``Options/missingClassGrace``).
    public func run() async throws {
        do {
            let connection = try await Connection.connect(to: bus)
            let session = ProviderSession(connection, self, ProviderHost(connection, providers, options, logger, in: namespace))
            try await session.run()
        } catch let error as DBusError {
            throw CIMError(error)
        }
    }
}
