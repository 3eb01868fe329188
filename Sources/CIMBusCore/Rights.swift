import CIM

/// Who may do what (Design 3; Semantics D.5, D.9): the one place that says it. How much of it at a time, ``QuotaLedger`` says.
///
/// Root and the broker's own user may everything, always. For all others the first rule decides that fits; where none does, everybody has
/// ``Right/granted``, and nobody anything else.
public struct Rights: Hashable, Sendable {
    /// The user that the broker runs as.
    public let broker: UInt32
    /// Those of the command line, which come first.
    private let own: [RightsRule]
    /// In the order in which they are asked.
    public private(set) var rules: [RightsRule]

    /// - Parameter allowed: whom the administrator lets register which provider, by the command line.
    public init(broker: UInt32, allowed: [(name: String, uid: UInt32)] = [], rules: [RightsRule] = []) {
        self.broker = broker
        own = allowed.map { name, uid in
            RightsRule(
                .allow, .user(uid), .register, in: .everywhere, providers: NamePattern(name),
                place: "--allow-register \(name)=\(uid)", text: "allow user:\(uid) Register ** provider \(name)")
        }
        self.rules = own + rules
    }

    /// The rules of files are these from now on.
    public mutating func replace(_ rules: [RightsRule]) { self.rules = own + rules }

    // MARK: - Decisions

    /// What was decided, and by which rule; nil: by none.
    public struct Decision: Hashable, Sendable {
        public let isAllowed: Bool
        public let rule: RightsRule?
        /// Whether the caller may everything, and no rule was asked.
        public let isAdministrators: Bool
        /// What would let it be allowed.
        public var authorization: Authorization?

        /// In words, without a full stop.
        public var reason: String {
            if isAdministrators { return "root and the broker's user may everything" }
            return rule.map { "\($0.place): \($0.text)" } ?? (isAllowed ? "everybody may, where no rule decides" : "no rule grants it")
        }
    }

    /// Root and the broker's user.
    public func isAdministrator(uid: UInt32) -> Bool { uid == 0 || uid == broker }

    /// - Parameter right: one.
    public func decision(on right: Right, _ subject: RightsSubject, for caller: Caller) -> Decision {
        if isAdministrator(uid: caller.uid) { return Decision(isAllowed: true, rule: nil, isAdministrators: true) }
        return decisionByRules(on: right, subject, for: caller)
    }

    private func decisionByRules(on right: Right, _ subject: RightsSubject, for caller: Caller) -> Decision {
        guard let rule = rules.first(where: { $0.decides(on: right, subject, for: caller) }) else {
            return Decision(isAllowed: Right.granted.contains(right), rule: nil, isAdministrators: false)
        }
        switch rule.verdict {
        case .allow: return Decision(isAllowed: true, rule: rule, isAdministrators: false)
        case .deny: return Decision(isAllowed: false, rule: rule, isAdministrators: false)
        case .auth(let action):
            let wanted = Authorization(action: action ?? right.action, subject: subject)
            let isAllowed = caller.authorizations.contains { $0.covers(wanted) }
            return Decision(isAllowed: isAllowed, rule: rule, isAdministrators: false, authorization: isAllowed ? nil : wanted)
        }
    }

    /// Whether the caller has one of these rights.
    public func allows(_ rights: Right, _ subject: RightsSubject, for caller: Caller) -> Bool {
        if isAdministrator(uid: caller.uid) { return true }
        if rules.isEmpty { return !Right.granted.isDisjoint(with: rights) }
        return Right.names.contains { rights.contains($0.right) && decisionByRules(on: $0.right, subject, for: caller).isAllowed }
    }

    /// All rights of the caller.
    public func rights(of caller: Caller, _ subject: RightsSubject) -> Right {
        if isAdministrator(uid: caller.uid) { return .all }
        if rules.isEmpty { return .granted }
        return Right.names.reduce(into: Right()) { rights, entry in
            if decisionByRules(on: entry.right, subject, for: caller).isAllowed { rights.formUnion(entry.right) }
        }
    }

    /// Those rights of the caller that a rule grants.
    public func rightsByRule(of caller: Caller, _ subject: RightsSubject) -> Right {
        if rules.isEmpty { return [] }
        return Right.names.reduce(into: Right()) { rights, entry in
            let decision = decisionByRules(on: entry.right, subject, for: caller)
            if decision.rule != nil, decision.isAllowed { rights.formUnion(entry.right) }
        }
    }

    /// Whether the caller may look at some classes of a namespace and not at others.
    public func isSelective(for caller: Caller, in namespace: String) -> Bool {
        !isAdministrator(uid: caller.uid)
            && rules.contains { $0.classes != nil && $0.principal.includes(caller) && $0.scope.includes(namespace) }
    }

    /// - Throws: AccessDenied, where the caller has none of these rights.
    /// - Parameter rights: any of them will do.
    public func check(_ rights: Right, _ subject: RightsSubject, for caller: Caller) throws(Refusal) {
        if allows(rights, subject, for: caller) { return }
        let wanted = Right.names.filter { rights.contains($0.right) }
        let names = wanted.map(\.name).joined(separator: " or ")
        let decisions = wanted.map { decisionByRules(on: $0.right, subject, for: caller) }
        let deciding = decisions.first { $0.authorization != nil } ?? decisions.first { $0.rule != nil }
        let reason = deciding?.rule.map { "\($0.place) says \"\($0.text)\"" } ?? "no rule grants it"
        throw Refusal(
            .accessDenied, "uid \(caller.uid) has not the right \(names) for \(subject.words): \(reason)",
            denial: Denial(right: names, place: deciding?.rule?.place, authorization: deciding?.authorization))
    }

    // MARK: - What is no right

    /// Who may suspend, resume, load and ping the provider of a registration of `owner`'s.
    public func mayManage(registrationOf owner: UInt32, uid: UInt32) -> Bool { isAdministrator(uid: uid) || uid == owner }

    /// Who may see and cancel an operation of `owner`'s, and take its results.
    public func mayManage(operationOf owner: UInt32, uid: UInt32) -> Bool { uid == 0 || uid == owner }

    /// Whether there is anything stored that the caller may change.
    public func mayWriteSomething(_ caller: Caller) -> Bool {
        isAdministrator(uid: caller.uid)
            || rules.contains { $0.verdict != .deny && !$0.rights.isDisjoint(with: .storedWrite) && $0.principal.includes(caller) }
    }

    /// - Throws: AccessDenied.
    public func check(_ claim: Claim, of caller: Caller) throws(Refusal) {
        let uid = caller.uid
        switch claim {
        case .compilation(let isCheck):
            if isCheck || mayWriteSomething(caller) { return }
            throw Refusal(
                .accessDenied, "uid \(uid) may not change what is stored, in no namespace: no rule grants FullWrite or PartialWrite",
                denial: Denial(right: "FullWrite or PartialWrite", place: nil, authorization: nil))
        case .registration(let namespace, let name, let isGranted):
            let decision = decision(on: .register, RightsSubject(namespace: namespace, provider: name), for: caller)
            // A rule of the administrator's stands above what a definition says.
            if decision.isAllowed || isGranted && decision.rule == nil { return }
            if let rule = decision.rule {
                throw Refusal(
                    .accessDenied,
                    "uid \(uid) has not the right Register for provider \(name) in \(namespace): \(rule.place) says \"\(rule.text)\"",
                    denial: Denial(right: "Register", place: rule.place, authorization: nil))
            }
            throw Refusal(
                .accessDenied,
                "uid \(uid) has not the right Register for provider \(name) in \(namespace); write a rule "
                    + "\"allow user:\(uid) Register \(namespace) provider \(name)\", or \"uid:\(uid)\" into the SecurityDescriptor of its "
                    + "definition, or start cimbusd with --allow-register \(name)=\(uid)",
                denial: Denial(right: "Register", place: nil, authorization: nil))
        case .management(let owner):
            if mayManage(registrationOf: owner, uid: uid) { return }
            throw Refusal(.accessDenied, "only root, the broker's user and uid \(owner) may do this")
        // Anybody may have a place, as long as there are some.
        case .registeredMOF, .look, .ping, .reading, .socket, .authorization: break
        }
    }
}

extension Right {
    /// What everybody has where no rule decides, as on Windows.
    public static let granted: Right = [.enable, .methodExecute, .writeProvider, .subscribe]
    /// Either lets an instance be written that the repository keeps.
    public static let storedWrite: Right = [.partialWrite, .fullWrite]
}

extension RightsRule.Scope {
    /// Every namespace.
    public static let everywhere = RightsRule.Scope(namespace: "", includesBelow: true)
}

extension RightsSubject {
    /// "method Shut of class X in root/cimv2".
    var words: String {
        let place = "in \(namespace)"
        if let provider { return "provider \(provider) \(place)" }
        guard let className else { return "what is \(place)" }
        return method.map { "method \($0) of class \(className) \(place)" } ?? "class \(className) \(place)"
    }
}
