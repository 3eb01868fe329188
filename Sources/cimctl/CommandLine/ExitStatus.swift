import ArgumentParser
import CIMBusClient

/// How the program ends: what a script can tell apart without reading words.
enum ExitStatus: Int32, CaseIterable, Sendable {
    case done = 0
    case failed = 1
    /// There is no such instance, class, method or namespace.
    case notFound = 2
    /// No broker was reached, or it went away.
    case noBroker = 3
    case timedOut = 4
    /// The user may not.
    case refused = 5
    /// A mistake on the command line (`EX_USAGE`).
    case usage = 64

    init(_ status: WBEMStatus) {
        switch status {
        case .notFound, .invalidClass, .invalidNamespace, .invalidMethod: self = .notFound
        case .transportFailure, .fatalTransportError: self = .noBroker
        case .timedOut, .providerTimedOut: self = .timedOut
        case .accessDenied, .privilegeNotHeld: self = .refused
        default: self = .failed
        }
    }

    init(_ error: CIMError) { self = (error.cause as? Advice)?.isAboutText == true ? .failed : ExitStatus(error.status) }

    var code: ExitCode { ExitCode(rawValue) }
}
