import CIM
import CIMBusCore
import DBus

/// What polkit has been asked and has not answered, and the connection that asks it.
struct Authorizations {
    private var open: [UInt64: PeerID] = [:]
    private var last: UInt64 = 0
    /// One of its own: a person takes long to answer, and the bus lets a connection wait for 128 replies, which the core shares out.
    var connection: Connection?

    mutating func begin(about peer: PeerID) -> UInt64 {
        last += 1
        open[last] = peer
        return last
    }

    /// - Returns: whether anybody still waits for the answer.
    mutating func end(_ question: UInt64) -> Bool { open.removeValue(forKey: question) != nil }

    /// - Returns: the questions about a peer that nobody waits for any more.
    mutating func drop(about peer: PeerID) -> [UInt64] {
        let dropped = open.filter { $0.value == peer }.map(\.key).sorted()
        for question in dropped { open[question] = nil }
        return dropped
    }
}

/// What rules leave to polkit (`auth`): the caller's connection to the bus is the subject, and a person is asked only where the call allows it.
extension Broker {
    /// No request needs so many.
    private static let mostAuthorizations = 8
    private static let wait = Duration.seconds(25)
    /// With a person in it.
    private static let longWait = Duration.seconds(300)
    private static let interface = InterfaceName(verified: "org.freedesktop.PolicyKit1.Authority")
    private static let authority = BusName(verified: "org.freedesktop.PolicyKit1")
    private static let path = ObjectPath(verified: "/org/freedesktop/PolicyKit1/Authority")

    /// The caller with what the refusal of his call says that he is to be authorized for.
    /// - Throws: the refusal, with what polkit says, where it says no; ServerTooBusy. One that no authorization helps against is thrown as it is.
    func authorized(_ caller: Caller, after refusal: CIMError, _ call: MethodCall) async throws(CIMError) -> Caller {
        guard let wanted = refusal.denial?.authorization, caller.authorizations.count < Self.mostAuthorizations,
            let peer = peer(of: call), let name = peers.name(of: peer)
        else { throw refusal }
        let claim = Claim.authorization(of: caller.uid)
        try admit(claim, of: peer, call)
        let question = authorizations.begin(about: peer)
        let isInteractive = call.message.flags.contains(.allowInteractiveAuthorization)
        let reason = await ask(question, whether: wanted, for: name, isInteractive)
        guard authorizations.end(question) else { throw refusal }
        gaveBack(claim, by: peer)
        if let reason {
            throw CIMError(refusal.status, "\(refusal.message); \(reason)", cause: refusal.cause)
        }
        return caller.authorized(for: wanted)
    }

    /// - Returns: why not; nil: polkit authorizes it.
    private func ask(_ question: UInt64, whether wanted: Authorization, for name: BusName, _ isInteractive: Bool) async -> String? {
        let subject = wanted.subject
        let details = [("namespace", subject.namespace), ("class", subject.className ?? ""), ("method", subject.method ?? "")]
        let texts = Signature(verified: "s")
        do throws(DBusError) {
            let message = try Message.methodCall(
                destination: Self.authority, path: Self.path, interface: Self.interface,
                member: MemberName(verified: "CheckAuthorization"),
                values: [
                    .structure([.string("system-bus-name"), .dictionary([("name", .string(name.text))])]), .string(wanted.action),
                    .dictionary(key: texts, value: texts, details.map { (.string($0.0), .string($0.1)) }), .uint32(isInteractive ? 1 : 0),
                    .string("\(question)"),
                ])
            let reply = try await polkit().call(message, timeout: isInteractive ? Self.longWait : Self.wait)
            guard case .structure(let result)? = (try? reply.values())?.first, result.count == 3,
                case .boolean(let isAuthorized) = result[0], case .boolean(let needsPerson) = result[1]
            else { return "polkit's answer cannot be read" }
            if isAuthorized { return nil }
            if !needsPerson { return "polkit does not authorize it for \(wanted.action)" }
            return isInteractive
                ? "nobody could be asked to authorize \(wanted.action): the caller's session has no polkit agent (pkttyagent is one)"
                : "somebody would have to be asked to authorize \(wanted.action), and the call does not allow that"
        } catch {
            if error.code == .timedOut { cancel(question) }
            return "polkit cannot be asked about \(wanted.action): \(error.message.clipped(300))"
        }
    }

    private func polkit() async throws(DBusError) -> Connection {
        if let connection = authorizations.connection { return connection }
        var options = ConnectionOptions()
        options.logger = logger
        let new = try await Connection.connect(to: configuration.address, on: loop, options: options)
        // Somebody else may have been faster.
        if let connection = authorizations.connection {
            await new.close()
            return connection
        }
        authorizations.connection = new
        new.onDisconnected { [weak self] _ in self?.assumeIsolated { $0.authorizations.connection = nil } }
        return new
    }

    /// Nobody waits for an answer about the peer any more, and no person is to be bothered.
    func dropQuestions(about peer: PeerID) {
        guard let uid = uid(of: peer) else { return }
        for question in authorizations.drop(about: peer) {
            gaveBack(.authorization(of: uid), by: peer)
            cancel(question)
        }
    }

    private func cancel(_ question: UInt64) {
        guard let connection = authorizations.connection,
            let message = try? Message.methodCall(
                destination: Self.authority, path: Self.path, interface: Self.interface,
                member: MemberName(verified: "CancelCheckAuthorization"), flags: [.noReplyExpected, .noAutoStart],
                values: [.string("\(question)")])
        else { return }
        connection.assumeIsolated { _ = try? $0.send(message) }
    }
}
