import CIM
import CIMBusCore
import DBus
import Logging

/// Keeps users from filling the log: of each kind of line that a user's peers give rise to, one a second is written, and then how many were not.
///
/// What fills the log pushes out of the journal what others did, and why.
struct LogGate {
    /// What a line is about.
    enum Kind: String, Hashable {
        case registration = "registrations"
        case refusal = "refused registrations"
        case violation = "breaches of the contract"
        case word = "words for the log"
        case reconnection = "private connections opened anew"
        case denial = "refusals"
        case bound = "refusals at a bound"
        case write = "writes"
        case method = "method calls"
        case administration = "changes of the broker"
    }

    enum Verdict: Hashable {
        case write
        /// The first that is not written within its second: when that is over, ``end(_:of:)`` is to be called.
        case count
        case drop
    }

    private struct Key: Hashable {
        let uid: UInt32
        let kind: Kind
    }

    /// How many were not written in the second that has begun.
    private var left: [Key: Int] = [:]
    private var began: [Key: Microseconds] = [:]

    static let interval: Microseconds = .seconds(1)
    /// Past so many users and kinds nothing is written of others: somebody makes users by the thousand.
    private static let most = 4_096

    mutating func verdict(_ kind: Kind, of uid: UInt32, at now: Microseconds) -> Verdict {
        let key = Key(uid: uid, kind: kind)
        if let start = began[key], now - start < Self.interval {
            left[key, default: 0] += 1
            return left[key] == 1 ? .count : .drop
        }
        if began.count >= Self.most { began = began.filter { now - $0.value < Self.interval } }
        guard began.count < Self.most else { return .drop }
        began[key] = now
        return .write
    }

    /// The second is over.
    /// - Returns: how many were not written.
    mutating func end(_ kind: Kind, of uid: UInt32) -> Int { left.removeValue(forKey: Key(uid: uid, kind: kind)) ?? 0 }
}

extension Broker {
    /// Writes a line that a peer gave rise to, unless it is one of many. What concerns root's and the broker's own processes is always written.
    /// - Parameter uid: the peer's user; nil: nobody knows it.
    func log(
        _ level: Logger.Level, _ kind: LogGate.Kind, of uid: UInt32?, _ text: @autoclosure () -> String,
        _ metadata: @autoclosure () -> Logger.Metadata = [:]
    ) {
        guard level >= logger.logLevel else { return }
        gated(kind, of: uid, isAlways: core.rights.isAdministrator(uid: uid ?? .max)) {
            logger.log(level: level, "\(text())", metadata: metadata())
        } more: { broker, text in
            broker.logger.log(level: level, "\(text)")
        }
    }

    /// A peer was refused something because its user, or all, have as much as they may: an administrator is told who it is.
    func tellBound(_ status: WBEMStatus, _ words: String, of peer: PeerID) {
        guard status == .quotaViolation || status == .serverTooBusy, logger.logLevel <= .notice, let uid = uid(of: peer) else { return }
        gated(.bound, of: uid, isAlways: false) {
            logger.notice(
                "uid \(uid) is at a bound: \(words) (cimctl quotas shows who has how much)",
                metadata: LogMessage.atBound.metadata([("client_uid", "\(uid)"), ("status", status.errorName ?? status.hex)]))
        } more: { broker, text in
            broker.logger.notice("\(text)")
        }
    }

    /// Has a line written, unless it is one of many.
    /// - Parameters:
    ///   - isAlways: it is written however many there are.
    ///   - more: the second is over, and so many were not written, as the text says.
    func gated(
        _ kind: LogGate.Kind, of uid: UInt32?, isAlways: Bool, write: () -> Void,
        more: @escaping @Sendable (isolated Broker, _ text: String) -> Void
    ) {
        let user = uid ?? .max
        switch isAlways ? .write : gate.verdict(kind, of: user, at: CoreHost.now) {
        case .write: write()
        case .count:
            loop.schedule(after: .microseconds(LogGate.interval)) { [weak self] in
                self?.assumeIsolated { broker in
                    let count = broker.gate.end(kind, of: user)
                    more(broker, "\(count) more \(kind.rawValue) of uid \(user) within a second are not written here")
                }
            }
        case .drop: break
        }
    }
}
