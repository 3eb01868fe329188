import CIM

/// How a registration that no process serves may get one (L11; Semantics G.3).
public enum Activation: Hashable, Sendable {
    /// Nothing is under way: it is served by a process, or nothing has been tried. Can transition to: expected, starting; failed, when a process that
    /// was started leaves before it has shown that it serves, or says of itself that it cannot initialize itself.
    case idle
    /// Its process outlived the broker's last life, and has until then to register again. Can transition to: idle, when it does or does not; failed, when it
    /// says that it cannot initialize itself. Where calls wait and it does not register, it is started from idle.
    case expected(until: Microseconds)
    /// It is being started, and has until then to register. Can transition to: idle, when it does; failed.
    case starting(until: Microseconds)
    /// It could not be started, for this reason; it is not tried again before then. Can transition to: starting; idle, when it registers, answers a
    /// call, or can be started in another way.
    case failed(until: Microseconds, Explanation)

    /// Calls wait until then, and no longer.
    var limit: Microseconds? {
        switch self {
        case .expected(let until), .starting(let until): until
        case .idle, .failed: nil
        }
    }

    enum Kind: Charted {
        case idle, expected, starting, failed

        var place: Int {
            switch self {
            case .idle: 1
            case .expected: 2
            case .starting: 3
            case .failed: 4
            }
        }

        // A registration is defined before anything is known of a process, and goes in whatever state this is.
        static let chart: Steps<Kind> = [
            .idle: [.expected, .starting, .failed], .expected: [.idle, .failed], .starting: [.idle, .failed], .failed: [.idle, .starting],
        ]
    }

    var kind: Kind {
        switch self {
        case .idle: .idle
        case .expected: .expected
        case .starting: .starting
        case .failed: .failed
        }
    }

    public var isStarting: Bool { if case .starting = self { true } else { false } }
}

extension Registration {
    /// What the definition says that decisions need.
    public struct Terms: Hashable, Sendable, Codable {
        /// Whether each user has a process of their own (Semantics D.1, PerUserInitialization).
        public var isPerUser: Bool
        /// The name on the bus that starts it; nil when nothing does.
        public var busName: String?

        public init(isPerUser: Bool = false, busName: String? = nil) {
            self.isPerUser = isPerUser
            self.busName = busName
        }
    }

    /// Calls that were sent to the provider, by kind (Semantics D.8, `ProviderOperation_*`).
    public struct Calls: Hashable, Sendable {
        public private(set) var getObject: UInt64 = 0
        public private(set) var putInstance: UInt64 = 0
        public private(set) var deleteInstance: UInt64 = 0
        public private(set) var createInstanceEnum: UInt64 = 0
        public private(set) var execMethod: UInt64 = 0
        public private(set) var execQuery: UInt64 = 0

        mutating func count(_ kind: Request.Kind) {
            switch kind {
            case .getObject: getObject += 1
            case .putInstance: putInstance += 1
            case .deleteInstance: deleteInstance += 1
            case .createInstanceEnum: createInstanceEnum += 1
            case .execMethod: execMethod += 1
            case .execQuery: execQuery += 1
            case .putClass, .deleteClass, .createClassEnum, .execNotificationQuery: break
            }
        }
    }
}
