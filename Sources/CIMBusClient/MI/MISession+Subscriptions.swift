import CIM
import CIMBusWire
import Synchronization

extension MI {
    /// An event that came to a subscription (Semantics F.2). What MI gives as arguments of `indicationResult` is here one value.
    public struct Indication: Hashable, Sendable {
        /// The event.
        public let instance: CIMInstance
        /// The machine of the broker, which made or passed on the event: the id that `/etc/machine-id` holds there. Nil when the broker could
        /// not say it.
        public let machineID: String?
        /// How many events are missing before this one, since they came faster than the client took them, or since their source lost them.
        public let eventsLost: UInt64
    }

    /// A subscription that is open: each of its results is an event.
    public typealias IndicationOperation = Operation<Indication>
}

extension MI.Session {
    /// Subscribes to events (MI_Session_Subscribe; Semantics J). Each event is one result.
    ///
    /// The operation has no end of its own. It ends by a cancel, by the timeout of the options, and with the broker, as any other; then the
    /// client subscribes again. (``Session/events(_:options:)`` of this library does that by itself.) With
    /// ``MI/OperationFlags/reportOperationStarted`` the first result is empty and comes when the broker has accepted the subscription and every
    /// source that there is knows of it: what is raised afterwards comes. A client that takes its results more slowly than events come loses the oldest of them, and is told how many by
    /// ``MI/Indication/eventsLost``.
    /// - Parameters:
    ///   - expression: an event query, such as `SELECT * FROM Site_Alarm WHERE Level > 4`.
    ///   - dialect: "WQL". Any other dialect fails with QUERY_LANGUAGE_NOT_SUPPORTED.
    @discardableResult
    public func subscribe(
        _ expression: String, dialect: String = "WQL", in namespace: String? = nil, flags: MI.OperationFlags = [],
        options: MI.OperationOptions? = nil, callbacks: MI.OperationCallbacks? = nil
    ) -> MI.IndicationOperation {
        let request = Request(activity: "Subscribe", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        return begin(request, callback: callbacks?.indicationResult) { (target) throws(CIMError) in
            let shape = MI.InstanceShape(derivation: flags.wantsDerivation)
            let machine = MachineQuestion(target.services.broker)
            let request = ServicesRequest.execNotificationQuery(expression, language: dialect, target.options)
            var call = MI.Call<MI.Indication>.services(target, request) { (decoder, message) async throws(CIMError) in
                let events = try await target.readInstances(&decoder, message, shape)
                let machineID = await machine.answer()
                return events.map { event in
                    var event = event
                    let lost = event.takeEventsLost() ?? 0
                    return MI.Indication(instance: event, machineID: machineID, eventsLost: lost)
                }
            }
            call.startsWhenReported = true
            return call
        }
    }
}

extension MI.Operation where Element == MI.Indication {
    /// Waits for the next event (MI_Operation_GetIndication, Semantics F.6), as ``getInstance()`` waits for an instance.
    public func getIndication() async throws(CIMError) -> MI.OperationResult<MI.Indication> { try await pull() }
}

extension MI.OperationResult where Value == MI.Indication {
    /// The event; nil in the first result of ``MI/OperationFlags/reportOperationStarted``, and in the last.
    public var indication: MI.Indication? { value }
}

/// Which machine the broker is on. The question is sent once, when the first event has come: then the broker is there.
private final class MachineQuestion: Sendable {
    private let broker: BrokerAdministration
    private let asked = Mutex<Task<String?, Never>?>(nil)

    init(_ broker: BrokerAdministration) { self.broker = broker }

    func answer() async -> String? {
        let question = asked.withLock { asked in
            if let asked { return asked }
            let question = Task { [broker] in try? await broker.machineID() }
            asked = question
            return question
        }
        return await question.value
    }
}
