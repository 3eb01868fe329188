import CIM

/// How a registration that no process serves may get one (L11; SEMANTICS G.3).
public enum Activation: Hashable, Sendable {
    /// Nothing is under way. Can transition to: expected, starting.
    case idle
    /// Its process outlived the broker's last life, and has until then to register again. Can transition to: idle, starting.
    case expected(until: Microseconds)
    /// It is being started, and has until then to register. Can transition to: idle, failed.
    case starting(until: Microseconds)
    /// It could not be started, for this reason; it is not tried again before then. Can transition to: idle, starting.
    case failed(until: Microseconds, Explanation)

    /// Calls wait until then, and no longer.
    var limit: Microseconds? {
        switch self {
        case .expected(let until), .starting(let until): until
        case .idle, .failed: nil
        }
    }

    public var isStarting: Bool { if case .starting = self { true } else { false } }
}

extension Registration {
    /// What the definition says that decisions need.
    public struct Terms: Hashable, Sendable, Codable {
        /// Whether each user has a process of their own (SEMANTICS D.1, PerUserInitialization).
        public var isPerUser: Bool
        /// The name on the bus that starts it; nil when nothing does.
        public var busName: String?

        public init(isPerUser: Bool = false, busName: String? = nil) {
            self.isPerUser = isPerUser
            self.busName = busName
        }
    }

    /// Calls that were sent to the provider, by kind (SEMANTICS D.8, `ProviderOperation_*`).
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
            case .putClass, .deleteClass, .createClassEnum: break
            }
        }
    }
}
