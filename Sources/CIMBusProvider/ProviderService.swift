import CIM
import CIMBusWire
import DBus
import Logging
import ServiceLifecycle

/// A decoupled provider as a service: connects to the bus, registers with the broker, serves, and registers again when the broker comes
/// back.
///
/// ```swift
/// let service = ProviderService(name: "Clocks", mof: mof, classes: ["Sample_Clock": ClockProvider()])
/// try await service.run()
/// ```
public struct ProviderService: Service {
    /// How a provider behaves on the bus.
    public struct Options: Sendable {
        /// Calls that run at once; further ones wait. One that waits for a slow client in `indicate`, or for a call of its own through its
        /// context, does not count: even with 1, others run in between there.
        public var maximumConcurrentCalls = 16
        /// How long it may leave a ping unanswered, for code that blocks on purpose; nil: the broker's own limit.
        public var pingSeconds: UInt32?
        /// How long it may be silent in an operation; nil: the broker's own limit.
        public var silenceSeconds: UInt32?
        /// How long open operations may go on when the service stops.
        public var shutdownGrace = Duration.seconds(5)
        /// How long a registration of the same name, of a process that is just ending, is waited for.
        public var alreadyRegisteredGrace = Duration.seconds(10)
        /// How long classes and namespaces that its MOF builds on, and that are not there, are waited for: their own provider may register later.
        /// Nil: for as long as it takes. What is missing is in the log.
        public var missingClassGrace: Duration?
        /// Runs the provider's methods on the thread of the connection: two thread switches less for each call. Only for methods that never
        /// block, and never compute for long: nothing else happens meanwhile.
        public var runsOnConnectionThread = false
        /// The name on the bus that starts this provider (`BusName` of its definition): it owns it while it runs.
        public var busName: WellKnownName?
        /// Whose calls alone it serves, a name or a number, where its definition says PerUserInitialization; nil: everybody's.
        public var user: String?
        /// Whether it ends when nobody needs it. For a provider that is started again when it is needed; one that runs by itself stays.
        public var idleExit = IdleExit.never
        /// Called before it registers, with each broker anew; no call comes before it returns. When it throws, the provider is not registered,
        /// calls that wait for it end with InitializationFailure, and ``ProviderService/run()`` throws.
        public var initialize: (@Sendable (Initialization) async throws -> Void)?
        /// Called after each successful registration.
        public var onRegistered: (@Sendable () -> Void)?

        public init() {}
    }

    public let name: String
    public let namespace: CIMNamespaceName
    public let mof: String
    public let bus: BusAddress
    public var options: Options
    public var logger: Logger
    private let providers: [CIMName: any Provider]

    /// - Parameters:
    ///   - name: of the registration; the `provider` qualifier of its classes.
    ///   - mof: declares the classes.
    ///   - classes: what serves each of them.
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
        providers = Dictionary(classes.map { (CIMName($0.key), $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// The classes it has something for, by name.
    var classNames: [String] { providers.keys.map(\.text).sorted() }

    /// Where the broker calls it.
    static let path = ObjectPath(verified: "/org/cimbus1/Provider")

    /// Serves until the task is cancelled or a graceful shutdown is asked for; then it unregisters, lets open operations go on for
    /// ``Options/shutdownGrace``, and returns.
    ///
    /// Throws `CIMError` when the bus is not there or is lost (TransportFailure), and when the broker refuses the registration: AccessDenied,
    /// the MOF compiler's errors, ProviderAlreadyRegistered when the other one stays. A broker that is not there is waited for, and so are the
    /// classes of others that its MOF builds on (``Options/missingClassGrace``).
    public func run() async throws {
        do {
            let connection = try await Connection.connect(to: bus)
            let session = ProviderSession(connection, self, ProviderHost(connection, providers, options, logger))
            try await session.run()
        } catch let error as DBusError {
            throw CIMError(error)
        }
    }
}
