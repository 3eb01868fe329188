import CIM
import CIMAdoption
import CIMBusProvider
import CIMBusWire
import DBus
import Logging
import Synchronization

/// The adopter as a service: it reads the mappings, registers with the broker, and serves their classes.
public struct AdopterService: Sendable {
    public var bus: BusAddress
    /// Whether `bus` is the system bus, where polkit is.
    public var isSystemBus: Bool
    public var folders: [String]
    public var logger: Logger
    /// Whether it ends when nobody needs it: something starts it again.
    public var endsWhenIdle: Bool
    /// The one mapping that is tried, in a namespace of its own; nil: those of the folders are served.
    public var trial: MappingTrial?
    /// Called when the broker has the classes.
    public var onRegistered: (@Sendable () -> Void)?

    public init(bus: BusAddress, isSystemBus: Bool, folders: [String], logger: Logger, endsWhenIdle: Bool = false) {
        self.bus = bus
        self.isSystemBus = isSystemBus
        self.folders = folders
        self.logger = logger
        self.endsWhenIdle = endsWhenIdle
    }

    /// Serves until the task is cancelled, or until nobody needs the adopter.
    public func serve() async throws {
        let (mappings, known) = await mappings()
        for complaint in mappings.complaints { logger.error("the mapping is left out: \(complaint)") }
        if trial != nil, !mappings.complaints.isEmpty { throw CIMError(.invalidClass, mappings.complaints.joined(separator: "\n")) }
        let served = mappings.served
        if served.isEmpty { logger.warning("there are no mappings in \(folders.joined(separator: " and "))") }
        let services = ServiceConnections(own: bus)
        let provider = AdoptedProvider(
            mappings.classes, services: services, misfits: Misfits(logger),
            authority: ChangeAuthority(services, isSystemBus: isSystemBus))
        var options = ProviderService.Options()
        options.writers = .everybody
        // What cannot be written is passed over, unless a put names it: Docs/AdoptingAService.md.
        options.readOnlyProperties = .leftToProvider
        // A service that hangs keeps those that ask for it waiting, and nobody else.
        options.maximumConcurrentCalls = 256
        options.staysOnLoop = true
        options.busName = startedBy.map { _ in Adoption.busName }
        let events = AdoptedEvents(mappings.classes, own: bus, misfits: Misfits(logger), logger: logger) { known[CIMName($0)] }
        options.events = events.makeSink()
        if endsWhenIdle || ProviderService.wasStartedByBus { options.idleExit = .asConfigured }
        let count = served.count
        options.onRegistered = { [logger, onRegistered] in
            logger.info("\(count) classes of \(mappings.files.count) mappings are served")
            onRegistered?()
        }
        let service = ProviderService(
            name: Adoption.providerName, namespace: namespace, mof: mappings.registration(busName: options.busName?.text),
            classes: Dictionary(served.map { ($0.name, provider) }, uniquingKeysWith: { first, _ in first }), bus: bus, options: options,
            logger: logger)
        try await service.run()
    }

    /// The mappings, with the classes that they build on as the broker has them, and without those that the broker would refuse. And the classes of the
    /// broker that were asked for.
    private func mappings() async -> (Mappings, [CIMName: CIMClass]) {
        let first = read()
        guard let connection = try? await Connection.connect(to: bus) else { return (first, [:]) }
        // Somebody else's classes, on which those of the files build.
        let wanted = Mutex<[String]>([])
        _ = read { name in
            wanted.withLock { if !$0.contains(name) { $0.append(name) } }
            return nil
        }
        var known: [CIMName: CIMClass] = [:]
        let events = first.classes.eventQueries.isEmpty ? [] : AdoptedEvents.systemClasses
        for name in Set(wanted.withLock({ $0 }) + events) { known[CIMName(name)] = await declaration(name, connection) }
        let found = known
        var mappings = known.isEmpty ? first : read { found[CIMName($0)] }
        while let refusal = await refusal(of: mappings, connection) {
            let complaint = "\(mappings.files[refusal.position].name):\(refusal.line): the broker: \(refusal.message)"
            mappings = mappings.without(refusal.position, because: complaint) { found[CIMName($0)] }
        }
        await connection.close()
        return (mappings, found)
    }

    private func read(known: (String) -> CIMClass? = { _ in nil }) -> Mappings {
        trial.map { Mappings(file: $0.file, known: known) } ?? Mappings(folders: folders, known: known)
    }

    private var namespace: CIMNamespaceName { trial?.namespace ?? .cimv2 }

    private var startedBy: String? { trial == nil ? Adoption.busName.text : nil }

    /// What the broker would say of the text with which the adopter registers; nil: nothing, or nothing of a file.
    private func refusal(of mappings: Mappings, _ connection: Connection) async -> (position: Int, line: Int, message: String)? {
        let busName = startedBy
        guard !mappings.files.isEmpty,
            let message = try? Message.methodCall(
                destination: BusName(Contract.busName), path: Contract.rootPath, interface: Contract.mofCompiler,
                member: MemberName(verified: "CompileBuffer"), flags: .noAutoStart,
                values: [
                    .string(mappings.registration(busName: busName)), .string(namespace.text), .int32(1), .int32(0), .int32(0),
                ]),
            let reply = try? await connection.call(message), reply.hasSignature("iuiiis")
        else { return nil }
        var reader = reply.reader
        guard (try? reader.readInt32()) != nil, let status = try? reader.readUInt32(), !WBEMStatus(rawValue: status).isSuccess,
            (try? reader.readInt32()) != nil, let line = try? reader.readInt32(), (try? reader.readInt32()) != nil,
            let words = try? reader.readString(), let place = mappings.place(ofLine: Int(line), busName: busName)
        else { return nil }
        return (place.position, place.line, words)
    }

    private func declaration(_ name: String, _ connection: Connection) async -> CIMClass? {
        guard
            let message = try? Message.methodCall(
                destination: BusName(Contract.busName), path: Contract.path(of: namespace), interface: Contract.services,
                member: MemberName(verified: "GetObject"), values: [.string(name), .int32(0), .dictionary([])]),
            let reply = try? await connection.call(message)
        else { return nil }
        var reader = reply.reader
        return try? reader.readClass()
    }
}
