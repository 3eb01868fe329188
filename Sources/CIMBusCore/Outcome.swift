import CIM

/// What an operation ended with: the four values of one final `SetStatus` (Semantics B.3).
public struct Outcome: Hashable, Sendable, Codable {
    public var status: WBEMStatus
    /// `strParam`; for a put, the path of the instance that was written.
    public var parameter: String
    /// The provider's own status object, if it sent one.
    public var object: PayloadID?
    /// Why the broker decided this itself, if it did.
    public var explanation: Explanation?

    public init(_ status: WBEMStatus, parameter: String = "", object: PayloadID? = nil, explanation: Explanation? = nil) {
        self.status = status
        self.parameter = parameter
        self.object = object
        self.explanation = explanation
    }

    /// A failure that the broker found before it asked anybody, told through the sink (A.5).
    public static func stated(_ status: WBEMStatus, _ text: String) -> Outcome {
        Outcome(status, explanation: Explanation(.stated, text: text))
    }

    /// The broker's own decision.
    public static func because(_ reason: Explanation.Reason, text: String = "") -> Outcome {
        Outcome(reason.status, explanation: Explanation(reason, text: text))
    }
}

/// Why the broker ended an operation, as data. The broker turns it into the words and the `CIMBus_ExtendedStatus` a client sees.
public struct Explanation: Hashable, Sendable, Codable {
    public enum Reason: String, Hashable, Sendable, Codable, CaseIterable {
        /// The provider left the bus, or its process ended (L6, P3, P4).
        case providerVanished
        /// The provider did not answer a ping (L8).
        case providerUnresponsive
        /// Every reference came back, and no status (L5).
        case releasedWithoutStatus
        /// No word from the provider in its time of silence (L8, P1).
        case providerSilent
        /// No call slot became free at the provider (L8).
        case noCallSlot
        /// The client's own deadline passed (L8).
        case deadlinePassed
        /// More `Indicate` calls than the credit allows, or one that wants no reply (Design 3).
        case flooded
        /// Success without exactly one object for a `GetObject`, or several out-parameter objects of one method.
        case wrongObjectCount
        /// An object that does not fit its class (Design 3).
        case misfit
        /// A result that is larger than the broker takes, where nothing is left to retry (R15, Design 3).
        case oversized
        /// The provider's answer was a D-Bus error outside the contract, or not of the contract's form.
        case badAnswer
        /// The provider left a call unanswered that nobody waits for any more, while it answers others (L8).
        case replyLost
        /// A provider that serves one call at a time was asked by itself (L12).
        case notReentrant
        /// Nested too deep (L12).
        case tooDeep
        /// The client owed credit, or did not pull, for too long (L8, L13).
        case clientTooSlow
        /// A result too large for the form it was asked in (Design 3).
        case resultTooLarge
        /// Somebody with the right to do so cancelled it (L9).
        case cancelled
        /// The operation this one was nested in has ended (L12).
        case parentEnded
        /// The provider unregistered before the call was sent (L8).
        case unregistered
        /// The provider is registered and not running (Semantics G.3).
        case notRunning
        /// It could not be started (Semantics G.3).
        case startFailed
        /// It was started, and could not initialize itself (Semantics D.4).
        case initializationFailed
        /// Each user has a provider of their own, and the caller has none (Semantics D.1).
        case noRegistrationOfUser
        /// An administrator suspended the provider.
        case suspended
        /// The broker stops.
        case shuttingDown
        /// The text says it all; the outcome has the status.
        case stated

        /// The status a client sees for this reason (Semantics G.3).
        public var status: WBEMStatus {
            switch self {
            case .providerVanished, .providerUnresponsive, .releasedWithoutStatus, .flooded, .wrongObjectCount, .badAnswer, .replyLost,
                .unregistered:
                .providerFailure
            case .providerSilent, .noCallSlot: .providerTimedOut
            case .deadlinePassed: .timedOut
            case .misfit: .invalidObject
            case .oversized: .outOfMemory
            case .notReentrant, .tooDeep: .providerNotCapable
            case .clientTooSlow: .clientTooSlow
            case .resultTooLarge: .quotaViolation
            case .cancelled, .parentEnded: .callCancelled
            case .notRunning, .startFailed, .noRegistrationOfUser: .providerLoadFailure
            case .initializationFailed: .initializationFailure
            case .suspended: .providerSuspended
            case .shuttingDown: .shuttingDown
            case .stated: .failed
            }
        }

        /// Whether it counts as a failure of the provider that was asked: something that the provider did, or did not do.
        var isProviders: Bool {
            switch self {
            case .providerVanished, .providerUnresponsive, .releasedWithoutStatus, .providerSilent, .noCallSlot, .deadlinePassed, .flooded,
                .wrongObjectCount, .misfit, .oversized, .badAnswer, .replyLost, .notReentrant, .unregistered, .notRunning, .startFailed,
                .initializationFailed:
                true
            case .tooDeep, .clientTooSlow, .resultTooLarge, .cancelled, .parentEnded, .noRegistrationOfUser, .suspended, .shuttingDown,
                .stated:
                false
            }
        }
    }

    public var reason: Reason
    /// The provider it is about, and the process that was called.
    public var registration: RegistrationID?
    public var pid: UInt32?
    /// What was wrong, in words, where the reason alone does not say it.
    public var text: String

    public init(_ reason: Reason, text: String = "") {
        self.reason = reason
        self.text = text
    }
}

/// Why a call was refused before it changed anything. It becomes the D-Bus error reply of that call. The fault is the caller's where there
/// is no ``culprit``, unless the status says otherwise (see `CIMError`).
public struct Refusal: Error, Hashable, Sendable {
    public var status: WBEMStatus
    /// What, where, and what to do.
    public var message: String
    /// The peer that caused the refusal, where it is another peer than the caller.
    public var culprit: PeerID?
    /// Where it is a right that is missing: which one, and what says so.
    public var denial: Denial?

    public init(_ status: WBEMStatus, _ message: String, culprit: PeerID? = nil, denial: Denial? = nil) {
        self.status = status
        self.message = message
        self.culprit = culprit
        self.denial = denial
    }
}
