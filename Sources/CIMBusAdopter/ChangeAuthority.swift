import CIM
import CIMAdoption
import CIMBusProvider
import CIMBusWire
import DBus
import Glibc

/// Decides whose methods and writes are carried out: nobody may do through CIM what he may not do himself.
///
/// The service sees the adopter, and not the client. So the adopter acts for the user that it runs as, for root, and for whom polkit lets do
/// the action that the mapping names. No rule of the broker's adds to that.
public struct ChangeAuthority: Sendable {
    let services: any ServiceCalling
    /// Whether the broker is on the system bus, where polkit knows clients by their names.
    let isSystemBus: Bool
    let userID: UInt32

    public init(_ services: any ServiceCalling, isSystemBus: Bool, userID: UInt32 = geteuid()) {
        self.services = services
        self.isSystemBus = isSystemBus
        self.userID = userID
    }

    /// Throws AccessDenied where the client may not. True: a person may be asked.
    func check(_ action: String?, _ what: String, _ context: RequestContext) async throws(CIMError) -> Bool {
        let isInteractive = context.allowsInteractiveAuthorization
        try await check(action, what, user: context.clientUserID, name: context.clientName, isInteractive: isInteractive)
        return isInteractive
    }

    func check(_ action: String?, _ what: String, user: UInt32?, name: String?, isInteractive: Bool) async throws(CIMError) {
        if let user, user == userID || user == 0 { return }
        let client = user.map { "uid \($0)" } ?? "a client whom nobody named"
        guard let action else {
            throw CIMError(
                .accessDenied,
                "\(what): the adopter runs as uid \(userID) and does for \(client) nothing but read; use a broker and an adopter of your own, with --session"
            )
        }
        guard isSystemBus, let name else {
            throw CIMError(.accessDenied, "\(what): polkit cannot be asked about \(client) on this bus")
        }
        let answer: Message
        do throws(DBusError) {
            let target = ServiceTarget(BusName(verified: "org.freedesktop.PolicyKit1"), on: .own)
            let subject = DBusValue.structure([.string("system-bus-name"), .dictionary([("name", .string(name))])])
            let details = DBusValue.dictionary(key: Signature(verified: "s"), value: Signature(verified: "s"), [])
            answer = try await services.call(
                ServiceCall(
                    target, Self.path, InterfaceName(verified: "org.freedesktop.PolicyKit1.Authority"),
                    MemberName(verified: "CheckAuthorization"),
                    [subject, .string(action), details, .uint32(isInteractive ? 1 : 0), .string("")],
                    timeout: isInteractive ? .seconds(120) : .seconds(10)))
        } catch {
            throw CIMError(
                .accessDenied,
                "\(what): polkit was asked whether \(client) may \(action), and failed: \(error.name.text): \(error.message)", cause: error)
        }
        guard let fields = try? answer.values().first?.elements, fields.count >= 2 else {
            throw CIMError(.accessDenied, "\(what): polkit answered with (\(answer.signature))")
        }
        if fields[0].bool == true { return }
        let hint =
            fields[1].bool != true
            ? ""
            : isInteractive
                ? "; nobody could be asked: the client's session has no polkit agent (pkttyagent is one)"
                : "; polkit would ask for a password, and the call does not allow that"
        throw CIMError(.accessDenied, "\(what): polkit does not let \(client) do \(action)\(hint)")
    }

    private static let path = ObjectPath(verified: "/org/freedesktop/PolicyKit1/Authority")
}
