import CIM
import CIMBusWire
import DBus
import Synchronization

extension MI {
    /// A client's access to a broker (MI_Session, Semantics F.1, F.2). Made by ``Application/newSession(to:on:logger:)``.
    ///
    /// Each function begins an operation and returns it at once. The function itself never fails. When its arguments are wrong, the
    /// operation has one result, which says so; a callback gets this result before the function returns. When a broker comes back, the
    /// session serves again. Any thread may use a session, and operations run side by side.
    public final class Session: Sendable {
        private struct Guarded {
            var namespaces: [CIMNamespaceName: CIMBusClient.Session] = [:]
            /// In the application's ledger.
            var place: UInt64?
        }

        let operations = OpenLedger<OperationControl>()
        private let services: CIMBusClient.Session
        private let sessions: OpenLedger<Session>
        private let guarded = Mutex(Guarded())

        init(_ services: CIMBusClient.Session, _ sessions: OpenLedger<Session>) {
            self.services = services
            self.sessions = sessions
        }

        func enter() -> Bool {
            let place = sessions.enter(self)
            guarded.withLock { $0.place = place }
            return place != nil
        }

        deinit { leave() }

        private func leave() {
            let place = guarded.withLock { guarded in
                defer { guarded.place = nil }
                return guarded.place
            }
            if let place { sessions.leave(place) }
        }

        /// Closes the session: cancels every operation, and waits until every operation is closed (MI_Session_Close). An operation that
        /// begins afterwards fails with ``ResultCode/invalidParameter`` (R21). A task that calls this function while it holds an open
        /// operation waits for itself.
        public func close() async {
            cancelAll()
            await operations.waitUntilEmpty()
            await services.close()
            leave()
        }

        /// Closes the session without waiting, as a callback must. `completion` is called when the session is closed.
        public func close(completion: @escaping @Sendable () -> Void) {
            cancelAll()
            Task { [self] in
                await close()
                completion()
            }
        }

        /// Cancels every operation. None begins after it.
        func cancelAll() { for operation in operations.seal() { operation.cancel() } }

        /// The services of a namespace. Absent is the server's default (R25); a name of a computer is refused (R26).
        private func services(of name: String?) throws(CIMError) -> CIMBusClient.Session {
            guard let name else { return services }
            guard let namespace = CIMNamespaceName(name) else {
                throw CIMError(
                    .invalidParameter,
                    "'\(name.prefix(200))' is no name of a namespace: parts separated by '/', without a computer: root/cimv2")
            }
            if namespace == services.namespace { return services }
            return guarded.withLock { guarded in
                if let session = guarded.namespaces[namespace] { return session }
                // Each keeps the classes it has met; a client that goes through very many namespaces starts again.
                if guarded.namespaces.count >= 64 { guarded.namespaces = [:] }
                let session = services.session(for: namespace)
                guarded.namespaces[namespace] = session
                return session
            }
        }

        // MARK: Beginning

        /// One request, as the functions of the session describe it.
        struct Request {
            /// What is done, for progress reports: "Invoke".
            var activity: String
            var namespace: String?
            var flags: OperationFlags = []
            var options: OperationOptions?
            var callbacks: OperationCallbacks?
            /// Asked where the options say so.
            var prompt: (message: String, type: PromptType)?
        }

        /// Where a request goes, and with what.
        struct Target: Sendable {
            let services: CIMBusClient.Session
            var options: CIMBusClient.OperationOptions
            let control: OperationControl
            let flags: OperationFlags
        }

        func begin<Element: Sendable>(
            _ request: Request, callback: (@Sendable (OperationControl, OperationResult<Element>) -> Void)?,
            _ prepare: (Target) throws(CIMError) -> Call<Element>
        ) -> Operation<Element> {
            let callbacks = request.callbacks ?? OperationCallbacks()
            let options = request.options ?? OperationOptions()
            let reporter = callbacks.wantsReports ? Reporter(request.activity, callbacks, options) : nil
            let onProgress = reporter.map { reporter in { @Sendable progress in reporter.report(Report(progress)) } }
            let namespace: Result<CIMBusClient.Session, CIMError>
            do throws(CIMError) { namespace = .success(try services(of: request.namespace)) } catch { namespace = .failure(error) }
            let sink = services.link.openSink(services: (try? namespace.get())?.services ?? services.services, onProgress: onProgress)
            let control = OperationControl(sink, self, reporter: reporter, isPulled: callback == nil)
            let isManual = request.flags.contains(.manualAcknowledgement)
            let call: Call<Element>
            do throws(CIMError) {
                try request.flags.check()
                let target = Target(
                    services: try namespace.get(),
                    options: CIMBusClient.OperationOptions(
                        timeout: options.timeout, context: try options.context(), onProgress: onProgress),
                    control: control, flags: request.flags)
                call = try prepare(target)
                try control.enter(operations)
            } catch {
                return refuse(control, error, callback)
            }
            let source = ResultSource(sink, call, reporter: reporter, reportsStart: request.flags.contains(.reportOperationStarted))
            reporter?.start(control)
            send(call, control, request.prompt, callbacks, options)
            guard let callback else { return Operation(control, pulling: source) }
            Task { await Self.deliver(source, to: callback, control, isManual: isManual) }
            return Operation(control)
        }

        /// The one result of an operation that did not begin; a callback has it at once (Semantics F.2).
        private func refuse<Element: Sendable>(
            _ control: OperationControl, _ error: CIMError, _ callback: (@Sendable (OperationControl, OperationResult<Element>) -> Void)?
        ) -> Operation<Element> {
            control.sink.finish(.failure(error))
            guard let callback else {
                return Operation(control, pulling: ResultSource(control.sink, nil, reporter: nil, reportsStart: false))
            }
            callback(control, OperationResult(moreResults: false, error: error))
            control.delivered()
            return Operation(control)
        }

        private static func deliver<Element: Sendable>(
            _ source: ResultSource<Element>, to callback: @Sendable (OperationControl, OperationResult<Element>) -> Void,
            _ control: OperationControl, isManual: Bool
        ) async {
            var source = source
            while true {
                var result = await source.next()
                await control.turn.take()
                let given: Signal<Void>? = isManual ? Signal() : nil
                result.acknowledgement = given.map { Acknowledgement($0) }
                callback(control, result)
                // The client's own is left: dropped, it is given.
                result.acknowledgement = nil
                await given?.value()
                control.turn.giveBack()
                if !result.moreResults { return control.delivered() }
            }
        }

        /// Sends, once the user agrees where one is to be asked.
        private func send<Element: Sendable>(
            _ call: Call<Element>, _ control: OperationControl, _ prompt: (message: String, type: PromptType)?,
            _ callbacks: OperationCallbacks, _ options: OperationOptions
        ) {
            guard let prompt, options.promptMode != .ignore else { return call.send(control.sink) }
            let isAsked = options.promptMode == .inquire
            let declined = CIMError(.callCancelled, "declined: \(prompt.message)")
            guard let promptUser = callbacks.promptUser else {
                if isAsked, !options.promptDefault.isYes { return control.sink.finish(.failure(declined)) }
                return call.send(control.sink)
            }
            Task {
                await control.turn.take()
                var response = Response.yes
                if isAsked {
                    let given = Signal<Response>()
                    promptUser(control, prompt.message, prompt.type, Answer(given, default: options.promptDefault))
                    response = await given.value()
                } else {
                    promptUser(control, prompt.message, prompt.type, nil)
                }
                control.turn.giveBack()
                guard response.isYes else { return control.sink.finish(.failure(declined)) }
                // Cancelled meanwhile: it is not sent.
                if !control.sink.isOver { call.send(control.sink) }
            }
        }
    }
}

extension MI.Call {
    /// A call of the namespace's Services, in its async form.
    static func services(
        _ target: MI.Session.Target, _ request: ServicesRequest, expecting className: String = "", reading: @escaping Reading
    ) -> MI.Call<Element> {
        let services = target.services
        return MI.Call(send: { services.start(request, $0) }, expectedClass: className, read: reading)
    }
}
