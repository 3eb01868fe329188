import CIM
import CIMBusCore
import CIMBusWire
import DBus
import Synchronization

/// The rules of rights: where they come from, and what is told of them (`org.cimbus1.Broker`).
extension Broker {
    func listRights(_ call: MethodCall) {
        guard let peer = peer(of: call), let caller = caller(peer) else { return }
        do throws(CIMError) {
            try checkMayReadSecurity(caller, .root, "ListRights")
            let rules = core.rights.rules.map { DBusValue.structure([.string($0.place), .string($0.text)]) }
            call.reply([.array(element: Signature(verified: "(ss)"), rules)])
        } catch {
            refuse(call, error)
        }
    }

    private func checkMayReadSecurity(_ caller: Caller, _ namespace: CIMNamespaceName, _ member: String) throws(CIMError) {
        do throws(Refusal) {
            try core.rights.check(.readSecurity, RightsSubject(namespace: namespace.text), for: caller)
        } catch {
            throw CIMError(error, member)
        }
    }

    /// What a principal may, and which rule says so of each right. About oneself everybody may ask.
    func checkRights(_ call: MethodCall) {
        guard let peer = peer(of: call), let own = caller(peer) else { return }
        var reader = call.reader
        guard let principal = try? reader.readString(), let scope = try? reader.readString(), let className = try? reader.readString(),
            let method = try? reader.readString()
        else { return }
        do throws(CIMError) {
            guard let namespace = scope.isEmpty ? .cimv2 : CIMNamespaceName(scope), schema.has(namespace) else {
                throw CIMError(.invalidNamespace, "CheckRights: there is no namespace \"\(scope.clipped(80))\"")
            }
            let subject = RightsSubject(
                namespace: namespace.text, className: className.isEmpty ? nil : className, method: method.isEmpty ? nil : method)
            if principal.isEmpty || principal == "user:\(own.uid)" { return answer(call, own, subject) }
            try checkMayReadSecurity(own, namespace, "CheckRights")
            let claim = Claim.look
            try admit(claim, of: peer, call)
            Task(executorPreference: loop) { [self] in
                let found = await RegisterCall.lookUps.run { Self.caller(principal) }
                switch found {
                case .success(let caller): await self.answer(call, caller, subject)
                case .failure(let error): call.fail(CIMError(.invalidParameter, "CheckRights: \(error.message.clipped(300))"))
                }
                await self.gaveBack(claim, by: peer)
            }
        } catch {
            refuse(call, error)
        }
    }

    /// A principal as somebody who asks: a user with the groups that the system knows, a group as a member who is in no other.
    private static func caller(_ principal: String) -> Result<Caller, RightsTextError> {
        do throws(RightsTextError) {
            return switch try RightsRule.Principal(principal, RightsFiles.number(of:isGroup:)) {
            case .user(let uid): .success(Caller(uid: uid, groups: SystemUsers.groups(ofUser: uid)))
            case .group(let gid): .success(Caller(uid: Self.nobody, groups: [gid]))
            case .everyone: .success(Caller(uid: Self.nobody))
            }
        } catch {
            return .failure(error)
        }
    }

    /// The user id of no user.
    private static let nobody = UInt32.max

    private func answer(_ call: MethodCall, _ caller: Caller, _ subject: RightsSubject) {
        let rights = core.rights
        let lines = Right.names.map { name, right in
            let decision = rights.decision(on: right, subject, for: caller)
            let word = decision.isAllowed ? "yes" : decision.authorization.map { "if polkit authorizes \($0.action)" } ?? "no"
            return "\(name): \(word), \(decision.reason)"
        }
        call.reply([.uint32(rights.rights(of: caller, subject).rawValue), .string(lines.joined(separator: "\n"))])
    }
}
