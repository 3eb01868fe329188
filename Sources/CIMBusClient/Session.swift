import CIM
import CIMBusWire
import DBus
import Logging
import Synchronization

/// A client's access to one namespace of a broker (IWbemServices, Semantics A; MI_Session, F.1).
///
/// Every operation ends exactly once: it gives its result, or it throws a `CIMError` that says what failed, where, and what to do.
///
/// When the broker leaves the bus, every open operation ends with TransportFailure; the session serves again when a broker comes back. When
/// the connection to the bus is lost, every open operation ends with FatalTransportError, and the session serves no more (Design L11). Any
/// task may use a session, and operations run side by side.
public final class Session: Sendable {
    /// The namespace of names and paths that say none.
    public let namespace: CIMNamespaceName

    /// The language of operations that ask for localized qualifiers and name no language themselves.
    public let locale: CIMLocale?
    let link: BrokerLink
    let services: ObjectPath
    /// The calls of the sync form that were made, prepared for the next time.
    private let prepared = Mutex<[RepeatedCall]>([])

    /// Connects to a broker.
    ///
    /// Where no broker is on the bus, the bus is asked to start one. Throws TransportFailure when nobody listens at `address`, and when no
    /// broker is on that bus and the bus cannot start one; AccessDenied when the bus refuses this process; TimedOut. Whether the namespace
    /// exists, the first operation finds out.
    /// - Parameters:
    ///   - locale: for localized qualifiers; nil: English, as far as there is some.
    ///   - loop: carries the connection; nil: the process's common one.
    public static func connect(
        to address: BusAddress = .system, namespace: CIMNamespaceName = .cimv2, locale: CIMLocale? = .current, on loop: EventLoop? = nil,
        logger: Logger = Logger(label: "cimbus.client")
    ) async throws(CIMError) -> Session {
        Session(try await BrokerLink.connect(to: address, on: loop, logger: logger), namespace, locale)
    }

    private init(_ link: BrokerLink, _ namespace: CIMNamespaceName, _ locale: CIMLocale?) {
        self.link = link
        self.namespace = namespace
        self.locale = locale
        services = Contract.path(of: namespace)
    }

    /// A session with another namespace over the same connection. To close one of the two closes both.
    public func session(for namespace: CIMNamespaceName) -> Session { Session(link, namespace, locale) }

    /// Cancels every open operation and ends the connection. An operation that begins afterwards fails with InvalidOperation. Where nobody
    /// closes, the connection ends when the last session and the last operation are dropped.
    public func close() async { await link.close() }

    /// The broker as a whole: its figures, operations and providers.
    public var broker: BrokerAdministration { BrokerAdministration(link: link) }
}

extension Session {
    /// How much longer than the operation its call may take: the broker keeps the deadline, this is for a broker that hangs.
    static let graceAfterDeadline = Duration.seconds(5)

    /// A call of the namespace's Services.
    /// - Parameters:
    ///   - form: the suffix of the method.
    ///   - sink: where the async form's objects go.
    private func message(
        _ request: ServicesRequest, form: String = "", sink: ObjectPath? = nil
    ) throws(CIMError) -> Message {
        let destination = try link.destination()
        do throws(DBusError) {
            return try Message.methodCall(
                destination: destination, path: services, interface: Contract.services, member: MemberName(verified: request.member + form),
                flags: .ofCall(interactive: request.options.allowsInteractiveAuthorization),
                signature: Signature(verified: request.signature + (sink == nil ? "" : "o"))
            ) { (writer: inout BodyWriter) throws(DBusError) in
                request.write(to: &writer, asksForProgress: sink != nil, locale: self.locale)
                if let sink { writer.append(objectPath: sink) }
            }
        } catch {
            throw CIMError(transport: error)
        }
    }

    /// Calls in the sync form and waits. Throws what the broker answers. Cancelling the task ends the wait with CallCancelled.
    nonisolated(nonsending) func call(_ request: ServicesRequest) async throws(CIMError) -> Message {
        let destination = try link.destination()
        let call = repeated(request)
        do throws(DBusError) {
            return try await link.connection.call(
                call, to: destination, flags: .ofCall(interactive: request.options.allowsInteractiveAuthorization),
                timeout: request.options.timeout.map { $0 + Self.graceAfterDeadline }
            ) { (writer: inout BodyWriter) throws(DBusError) in request.write(to: &writer, locale: locale) }
        } catch {
            throw failure(error, at: services.text)
        }
    }

    private func repeated(_ request: ServicesRequest) -> RepeatedCall {
        prepared.withLock { prepared in
            // There are no more than Services has methods.
            if let known = prepared.first(where: { $0.member.text == request.member }) { return known }
            let call = RepeatedCall(
                path: services, interface: Contract.services, member: MemberName(verified: request.member),
                signature: Signature(verified: request.signature), PrivateContract.members)
            prepared.append(call)
            return call
        }
    }

    /// Calls in the semisync form, and returns the object that keeps the results. The broker answers at once. A cancelled task waits for
    /// the answer, too, so that it can close what the broker has begun.
    /// - Parameter interface: what the object is beside an operation.
    func open(_ request: ServicesRequest, _ interface: InterfaceName, drop: SemisyncObject.Drop) async throws(CIMError) -> SemisyncObject {
        let message = try message(request, form: "Semisync")
        let result: Result<Message, CIMError> = await Task {
            do throws(CIMError) { return .success(try await send(message, timeout: SemisyncObject.slack)) } catch { return .failure(error) }
        }.value
        let reply = try result.get()
        var reader = reply.reader
        guard reply.hasSignature("o"), let path = try? reader.readObjectPath() else {
            throw .unexpected(reply, to: request.member + "Semisync")
        }
        let object = SemisyncObject(path: path, interface: interface, session: self, drop: drop)
        if Task.isCancelled {
            object.close()
            throw .cancelledByClient
        }
        return object
    }

    func send(_ message: Message, timeout: Duration?) async throws(CIMError) -> Message {
        do throws(DBusError) {
            return try await link.connection.call(message, timeout: timeout)
        } catch {
            throw failure(error, at: message.path)
        }
    }

    /// A namespace without an object of its own does not exist.
    private func failure(_ error: DBusError, at path: String?) -> CIMError {
        guard path == services.text else { return CIMError(transport: error) }
        return CIMError(missing: namespace, error) ?? CIMError(transport: error)
    }

    /// Starts an async operation: the sink is there before the call is sent, and ends if the call is refused.
    func start(_ request: ServicesRequest) -> ClientSink {
        let sink = link.openSink(services: services, onProgress: request.options.onProgress)
        start(request, sink)
        return sink
    }

    /// Starts an async operation with a sink that is there.
    func start(_ request: ServicesRequest, _ sink: ClientSink) {
        let call: Message
        do throws(CIMError) {
            call = try message(request, form: "Async", sink: sink.path)
        } catch {
            return sink.finish(.failure(error))
        }
        if let timeout = request.options.timeout {
            sink.watch(
                link.connection.loop.schedule(after: timeout + Self.graceAfterDeadline) {
                    sink.finish(.failure(CIMError(.timedOut, "the broker did not end \(request.member) within \(timeout)")))
                })
        }
        link.onLoop { [self, services] connection in
            // Cancelled before it began.
            if sink.isOver { return }
            sink.goes(byBus: call.destination.map { connection.privateConnection(to: BusName(verified: $0)) == nil } ?? true)
            connection.call(call, timeout: nil) { result in
                switch result {
                case .failure(let error): sink.finish(.failure(self.failure(error, at: services.text)))
                case .success(let reply):
                    var reader = reply.reader
                    if reply.hasSignature("o"), let path = try? reader.readObjectPath() { sink.started(path) }
                }
            }
        }
    }
}
