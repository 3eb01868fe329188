import CIM
import DBus
import Logging

extension MI {
    /// A client of MI. Its sessions end with it (MI_Application, Semantics F.1).
    public final class Application: Sendable {
        /// What the client calls itself. The labels of its loggers have this name.
        public let id: String
        private let sessions = OpenLedger<Session>()

        public init(id: String = "") { self.id = id }

        /// Connects to a broker (MI_Application_NewSession).
        ///
        /// Throws InvalidParameter when the application is closed, TransportFailure when nobody listens at `address` or no broker is on
        /// that bus, AccessDenied when the bus refuses this process.
        /// - Parameter loop: the loop that carries the connection. Nil means the common loop of the process.
        public func newSession(
            to address: BusAddress = .system, on loop: EventLoop? = nil, logger: Logger? = nil
        ) async throws(CIMError) -> Session {
            let logger = logger ?? Logger(label: id.isEmpty ? "cimbus.mi" : "cimbus.mi.\(id)")
            let services = try await CIMBusClient.Session.connect(to: address, on: loop, logger: logger)
            let session = Session(services, sessions)
            guard session.enter() else {
                await services.close()
                throw CIMError(.invalidParameter, "the application is closed")
            }
            return session
        }

        /// Cancels every operation, and waits until every session is closed or dropped, and so every operation. Afterwards no session can
        /// be made. This function closes no session itself: the holder of a session must close it, in another task.
        public func close() async {
            for session in sessions.seal() { session.cancelAll() }
            await sessions.waitUntilEmpty()
        }
    }
}
