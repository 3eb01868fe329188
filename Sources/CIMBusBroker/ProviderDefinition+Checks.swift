import CIM
import CIMRepository
import DBus

/// What a definition must say so that the broker can serve it (Semantics D.2, D.3, D.5, G.3).
extension ProviderDefinition {
    /// Why it is not served; nil when it is. ProviderLoadFailure for what WMI would host itself, InvalidProviderRegistration for what nobody can
    /// make sense of.
    var fault: CIMError? {
        func malformed(_ text: String) -> CIMError {
            CIMError(.invalidProviderRegistration, "the definition of provider \(name.clipped()) in \(namespace) is malformed: \(text)")
        }
        let model = (hostingModel ?? "NetworkServiceHostOrSelfHost")
        switch HostingModel(model) {
        case .decoupled: break
        case .hosted:
            return CIMError(
                .providerLoadFailure,
                "provider \(name.clipped()) in \(namespace) has the HostingModel \(model.clipped(80)): the broker hosts no providers; let it run as "
                    + "a process of its own and write \"Decoupled:DBus\"")
        case nil: return malformed("HostingModel \"\(model.clipped(80))\" is none; write \"Decoupled:DBus\"")
        }
        if let busName, (try? WellKnownName(busName)) == nil {
            return malformed("BusName \"\(busName.clipped(80))\" is not a name that the bus can start, such as \"org.example.Clocks\"")
        }
        let words = (securityDescriptor ?? "").split { " ,;".contains($0) }
        if words.count != allowedUserIDs.count + allowedGroupIDs.count {
            return malformed("SecurityDescriptor \"\(securityDescriptor?.clipped(80) ?? "")\"; write words such as \"uid:1000 gid:100\"")
        }
        let levels = ["WQL:UnarySelect", "WQL:References", "WQL:Associators", "WQL:V1ProviderDefined"]
        if let wrong = instances?.queries.first(where: { level in !levels.contains { CIMName.equal($0, level) } }) {
            return malformed("QuerySupportLevels has \"\(wrong.clipped(80))\"; it takes \(levels.joined(separator: ", "))")
        }
        if let type = instances?.interactionType, type != 0 {
            return malformed("InteractionType is \(type); the broker asks providers, which is 0 (pull)")
        }
        if let registration = otherRegistrations.min() {
            return malformed("it has a \(registration); a decoupled provider is none of classes or properties")
        }
        return nil
    }

    func allows(uid: UInt32, groups: [UInt32]) -> Bool {
        allowedUserIDs.contains(uid) || groups.contains { allowedGroupIDs.contains($0) }
    }
}

/// The words of Semantics D.2.
enum HostingModel {
    /// A process of its own, which registers.
    case decoupled
    /// A host process of WMI's, which there is none of here.
    case hosted

    init?(_ text: String) {
        let parts = text.lowercased().split(separator: ":", omittingEmptySubsequences: false)
        switch parts.first {
        case "decoupled":
            let isKnown =
                switch parts.dropFirst().first {
                case "dbus", "noncom": parts.count == 2
                case "com": parts.count == 2 || parts.count == 3 && ["foldidentity(true)", "foldidentity(false)"].contains(parts[2])
                default: false
                }
            guard isKnown else { return nil }
            self = .decoupled
        case "wmicore", "wmicoreorselfhost", "selfhost", "networkservicehostorselfhost":
            guard parts.count == 1 else { return nil }
            self = .hosted
        case "localsystemhost", "localsystemhostorselfhost", "networkservicehost", "localservicehost":
            guard parts.count <= 2 else { return nil }
            self = .hosted
        default: return nil
        }
    }
}

extension RepositoryChange {
    /// Throws ProviderNotCapable for what the broker itself has.
    func checkIsNotBrokers() throws(CIMError) {
        switch self {
        case .putInstance(let instance, _, _, _):
            if ProviderMonitor.isBrokers(instance.className) { throw ProviderMonitor.readOnly(instance.className) }
        case .deleteInstance(let path, _, _):
            if ProviderMonitor.isBrokers(path.className) { throw ProviderMonitor.readOnly(path.className) }
        default: break
        }
    }

    /// Throws AccessDenied for what only an operating system may say of its own providers (Semantics D.2).
    /// - Parameter schema: what is stored with the change.
    func checkIsAllowed(over schema: Schema) throws(CIMError) {
        guard case .putInstance(let instance, let namespace, _, _) = self,
            schema.class(instance.className, in: namespace)?.isSameOrDerived(from: "__Win32Provider") == true,
            let model = instance["HostingModel"]?.stringValue, model.lowercased().hasPrefix("wmicore")
        else { return }
        throw CIMError(
            .accessDenied, "HostingModel \(model.clipped(80)) is the operating system's; write \"Decoupled:DBus\" and register it")
    }
}
