import CIM

/// Who may do what (Design 3; Semantics D.5, D.9): the one place that says it. How much of it at a time, ``QuotaLedger`` says.
public struct Rights: Hashable, Sendable {
    /// The user that the broker runs as.
    public var broker: UInt32
    private var allowed: [CIMName: Set<UInt32>]

    /// - Parameter allowed: whom the administrator lets register which provider.
    public init(broker: UInt32, allowed: [(name: String, uid: UInt32)] = []) {
        self.broker = broker
        self.allowed = [:]
        for entry in allowed { self.allowed[CIMName(entry.name), default: []].insert(entry.uid) }
    }

    /// Who may change classes, static instances and namespaces (Semantics D.9.1: FULL_WRITE_REP), and register providers for other users.
    public func mayWrite(uid: UInt32) -> Bool { uid == 0 || uid == broker }

    /// Who may register a provider under a name, whatever its definition says.
    public func mayRegister(_ name: String, uid: UInt32) -> Bool {
        mayWrite(uid: uid) || allowed[CIMName(name)]?.contains(uid) == true
    }

    /// Who may suspend, resume, load and ping the provider of a registration of `owner`'s.
    public func mayManage(registrationOf owner: UInt32, uid: UInt32) -> Bool { mayWrite(uid: uid) || uid == owner }

    /// Who may see and cancel an operation of `owner`'s, and take its results.
    public func mayManage(operationOf owner: UInt32, uid: UInt32) -> Bool { uid == 0 || uid == owner }

    /// - Throws: AccessDenied.
    public func check(_ claim: Claim, uid: UInt32) throws(Refusal) {
        switch claim {
        case .change(let namespace):
            if mayWrite(uid: uid) { return }
            throw Refusal(.accessDenied, "uid \(uid) may not change what is stored in \(namespace); root and the broker's user may")
        case .compilation(let isCheck):
            if isCheck || mayWrite(uid: uid) { return }
            throw Refusal(.accessDenied, "uid \(uid) may not change what is stored; root and the broker's user may")
        case .registration(let name, let isGranted):
            if isGranted || mayRegister(name, uid: uid) { return }
            throw Refusal(
                .accessDenied,
                "uid \(uid) may not register provider \(name); start cimbusd with --allow-register \(name)=\(uid), "
                    + "or write \"uid:\(uid)\" into the SecurityDescriptor of its definition")
        case .management(let owner):
            if mayManage(registrationOf: owner, uid: uid) { return }
            throw Refusal(.accessDenied, "only root, the broker's user and uid \(owner) may do this")
        // Anybody may have a place, as long as there are some.
        case .registeredMOF, .look, .ping, .reading, .socket: break
        }
    }
}
