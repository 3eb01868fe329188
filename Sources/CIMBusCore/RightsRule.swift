import CIM

/// Who asks for something.
public struct Caller: Hashable, Sendable {
    public let uid: UInt32
    /// The groups of the user, as the bus tells them.
    public let groups: [UInt32]
    /// What polkit has said yes to, for the one request that is made.
    public internal(set) var authorizations: [Authorization] = []

    public init(uid: UInt32, groups: [UInt32] = []) {
        self.uid = uid
        self.groups = groups
    }

    /// The same caller, who has been authorized for one thing more.
    public func authorized(for authorization: Authorization) -> Caller {
        var caller = self
        caller.authorizations.append(authorization)
        return caller
    }
}

/// Something that a caller may do once polkit has authorized him: an action of polkit's, and what it is to be done to.
public struct Authorization: Hashable, Sendable {
    public let action: String
    public let subject: RightsSubject

    /// Whether it is for the same: names are the same in any case.
    func covers(_ other: Authorization) -> Bool { action == other.action && subject.isSame(as: other.subject) }
}

/// Why somebody may not do something.
public struct Denial: Hashable, Sendable {
    /// The names of the rights of which any would do, with " or " between them.
    public let right: String
    /// Where the rule stands that decided; nil: no rule did.
    public let place: String?
    /// What he is to be authorized for, and then he may; nil: he may not.
    public let authorization: Authorization?
}

/// What a right is asked for.
public struct RightsSubject: Hashable, Sendable {
    public let namespace: String
    public let className: String?
    public let method: String?
    /// The provider that is to be registered.
    public let provider: String?

    public init(namespace: String, className: String? = nil, method: String? = nil, provider: String? = nil) {
        self.namespace = namespace
        self.className = className
        self.method = method
        self.provider = provider
    }

    fileprivate func isSame(as other: RightsSubject) -> Bool {
        func same(_ name: String?, _ other: String?) -> Bool {
            if let name, let other { CIMName.equal(name, other) } else { name == nil && other == nil }
        }
        return CIMName.equal(namespace, other.namespace) && same(className, other.className) && same(method, other.method)
            && same(provider, other.provider)
    }
}

/// One rule of an administrator's: it allows somebody something, denies it, or lets polkit decide.
public struct RightsRule: Hashable, Sendable {
    public enum Principal: Hashable, Sendable {
        case user(UInt32)
        case group(UInt32)
        case everyone

        func includes(_ caller: Caller) -> Bool {
            switch self {
            case .user(let uid): caller.uid == uid
            case .group(let gid): caller.groups.contains(gid)
            case .everyone: true
            }
        }
    }

    /// A namespace, alone or with those below it.
    public struct Scope: Hashable, Sendable {
        /// Empty, with those below it: every namespace.
        public let namespace: String
        public let includesBelow: Bool

        public init(namespace: String, includesBelow: Bool) {
            self.namespace = namespace
            self.includesBelow = includesBelow
        }

        func includes(_ other: String) -> Bool {
            if namespace.isEmpty || CIMName.equal(other, namespace) { return includesBelow || !namespace.isEmpty }
            return includesBelow && CIMName.hasPrefix(other, namespace + "/")
        }
    }

    public enum Verdict: Hashable, Sendable {
        case allow
        case deny
        /// Who is authorized for the action may; nil: for the one of the right (``Right/action``).
        case auth(action: String?)
    }

    public let verdict: Verdict
    public let principal: Principal
    public let rights: Right
    public let scope: Scope
    /// Nil: every class, and what is of no class.
    public let classes: NamePattern?
    public let methods: NamePattern?
    public let providers: NamePattern?
    /// Where it stands: a file and a line, or an option.
    public let place: String
    /// The rule as it is written.
    public let text: String

    public init(
        _ verdict: Verdict, _ principal: Principal, _ rights: Right, in scope: Scope, classes: NamePattern? = nil,
        methods: NamePattern? = nil, providers: NamePattern? = nil, place: String, text: String
    ) {
        self.verdict = verdict
        self.principal = principal
        self.rights = rights
        self.scope = scope
        self.classes = classes
        self.methods = methods
        self.providers = providers
        self.place = place
        self.text = text
    }

    /// Whether it decides on that right, for that subject and caller.
    func decides(on right: Right, _ subject: RightsSubject, for caller: Caller) -> Bool {
        rights.contains(right) && principal.includes(caller) && scope.includes(subject.namespace)
            && Self.fits(classes, subject.className) && Self.fits(methods, subject.method) && Self.fits(providers, subject.provider)
    }

    private static func fits(_ pattern: NamePattern?, _ name: String?) -> Bool {
        guard let pattern else { return true }
        return name.map { pattern.matches($0) } ?? false
    }
}

/// A name in which `*` stands for any letters, also none, and `?` for one. Upper and lower case are the same, as in every name of CIM.
public struct NamePattern: Hashable, Sendable {
    public let text: String
    private let bytes: [UInt8]

    public init(_ text: String) {
        self.text = text
        bytes = text.utf8.map(CIMName.fold)
    }

    public func matches(_ name: String) -> Bool {
        let name = Array(name.utf8)
        var (at, place) = (0, 0)
        // Behind the last star: where to go on in the pattern, and with which letter when what follows it does not fit.
        var retry: (at: Int, place: Int)?
        while place < name.count {
            if at < bytes.count, bytes[at] == UInt8(ascii: "*") {
                at += 1
                retry = (at, place)
            } else if at < bytes.count, bytes[at] == UInt8(ascii: "?") || bytes[at] == CIMName.fold(name[place]) {
                at += 1
                place += 1
            } else if let last = retry {
                (at, place) = (last.at, last.place + 1)
                retry = (at, place)
            } else {
                return false
            }
        }
        return bytes[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
