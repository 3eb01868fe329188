import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// A start that the bus was asked for.
struct ProviderStart {
    enum Progress {
        /// The bus has not answered.
        case asked
        /// The bus says that the name has an owner now.
        case started
        /// The name had an owner already: perhaps a process that is just ending.
        case foundRunning
    }

    /// Tells one start of a registration from the next.
    let number: UInt64
    let busName: String
    var progress = Progress.asked
}

/// D-Bus activation: the bus starts the process, which registers (Design 3, Registration: `BusName`; Semantics G.3).
extension Broker {
    func start(_ id: RegistrationID) {
        let name = core.registry.find(id)?.terms.busName ?? ""
        guard
            let message = try? Message.busCall("StartServiceByName", [.string(name), .uint32(0)])
        else { return startFailed(id, "the bus cannot be asked to start it") }
        let number = registrations.start(id, name)
        logger.info("starting provider \(core.registry.find(id)?.name ?? "") by its name \(name) on the bus")
        connection.assumeIsolated { connection in
            // The bus has a limit of its own; the core has one for all of it.
            connection.call(message, timeout: nil) { [weak self] result in
                self?.assumeIsolated { $0.started(id, number, result) }
            }
        }
    }

    private func started(_ id: RegistrationID, _ number: UInt64, _ result: Result<Message, DBusError>) {
        // A start that was given up says nothing about the next one.
        guard let start = registrations.start(of: id, number: number) else { return }
        switch result {
        case .success(let reply):
            let answer: UInt32? = (try? reply.values())?.first?.integer()
            registrations.starting(id, is: answer == Self.alreadyRunning ? .foundRunning : .started)
        // The bus is asked again when the broker is back.
        case .failure(let error) where error.code == .disconnected: break
        case .failure(let error):
            startFailed(
                id, "the bus cannot start \(start.busName): \(error.message.clipped()); look at its .service file and at its own log")
        }
    }

    private static let alreadyRunning: UInt32 = 2

    private func startFailed(_ id: RegistrationID, _ text: String, reason: Explanation.Reason = .startFailed) {
        registrations.startEnded(id)
        tell { $0.startFailed(id, text, reason: reason) }
    }

    /// A name on the bus has no owner any more. That of a process that was started means that it ended; that of one that was found running, that
    /// it had been about to end: now a new one can be started.
    func startedNameVanished(_ name: String) {
        if name.hasPrefix(":") { return }
        for (id, start) in registrations.starts(of: name) {
            switch start.progress {
            case .asked: break
            case .foundRunning where core.registry.find(id)?.activation.isStarting == true: self.start(id)
            case .foundRunning, .started: startFailed(id, "the process that owned \(name) ended before it registered; look at its log")
            }
        }
    }

    /// A provider says that it cannot serve: calls that wait for its start are told (Semantics D.4, G.3).
    func initializationFailed(_ request: RegisterCall, user: UInt32?, _ text: String) {
        let known = core.registry.find(namespace: request.namespace.text, name: request.name, user: user)
        guard let id = known?.id else { return }
        startFailed(id, "it could not initialize itself: \(text.clipped(4096))", reason: .initializationFailed)
    }
}
