import CDBus
import Glibc

/// A failed call, or a failure of the transport.
///
/// ``code`` says which; never match on ``message``. What a peer answered is kept whole in ``reply``.
///
/// The code also says whose fault the failure is. `errorReply`: the peer says it. `tooLarge`, `malformed`, `notSupported`: the caller's on
/// this side. `address`, `authentication`: that of whoever configured this side. `outOfMemory`: the machine's. `timedOut`, `cancelled`,
/// `disconnected`, `queueFull`: nobody's.
public struct DBusError: Error, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The peer, or the bus on its behalf, answered with this error.
        case errorReply(ErrorName)
        /// No reply within the time allowed. The call may still have had its effect.
        case timedOut
        /// The waiting task was cancelled. The call may still have its effect.
        case cancelled
        /// The connection ended before the reply came, or had ended before the call.
        case disconnected
        /// A message over the protocol's limits.
        case tooLarge
        /// A message that no receiver would take: names, signature and body do not fit together, or a body that cannot be encoded.
        case malformed
        /// More bytes wait to be sent than ``ConnectionOptions/maximumQueuedBytes`` allows. Nothing was sent.
        case queueFull
        /// The server refused this process, or hung up before it let it in.
        case authentication
        /// The address is unknown, malformed, or nobody listens there.
        case address
        /// Not possible on this connection, e.g. file descriptors.
        case notSupported
        /// Memory that this side needed could not be had. Nothing was sent; a smaller message may still go.
        case outOfMemory
    }

    public let code: Code
    /// For people.
    public let message: String
    /// The error message as it arrived; nil for what did not arrive.
    public let reply: Message?
    private let ownDetails: [DBusValue]

    /// An error to answer a call with.
    /// - Parameter details: values that follow the text in the reply.
    public init(_ name: ErrorName, _ message: String, details: [DBusValue] = []) {
        code = .errorReply(name)
        self.message = message
        reply = nil
        ownDetails = details
    }

    /// A failure on this side.
    public init(code: Code, _ message: String) {
        self.code = code
        self.message = message
        reply = nil
        ownDetails = []
    }

    /// What an error message says. Its text is empty when its first value is no string.
    public init(reply: Message) {
        code = .errorReply(ErrorName(verified: reply.errorName ?? ErrorName.failed.text))
        self.reply = reply
        ownDetails = []
        var text = ""
        if reply.firstType == TypeCode.string {
            var reader = reply.reader
            if let first = try? reader.readString() { text = first }
        }
        message = text
    }

    /// The D-Bus error name: the peer's, or the standard one for a local failure.
    public var name: ErrorName {
        switch code {
        case .errorReply(let name): name
        case .timedOut: .timeout
        case .cancelled: .noReply
        case .disconnected: .disconnected
        case .tooLarge, .queueFull: .limitsExceeded
        case .malformed: .inconsistentMessage
        case .authentication: .authenticationFailed
        case .address: .badAddress
        case .notSupported: .notSupported
        case .outOfMemory: .noMemory
        }
    }

    /// The values that follow the text; none when they cannot be decoded. Decoded anew at each use.
    public var details: [DBusValue] {
        guard let reply else { return ownDetails }
        guard let values = try? reply.values(), reply.firstType == TypeCode.string else { return [] }
        return Array(values.dropFirst())
    }

    public var description: String { "\(name): \(message)" }
}

extension DBusError {
    /// A failure of libdbus: what it calls NoMemory is ``Code/outOfMemory``, whatever it was about.
    init(_ failure: CDBus.DBusError, otherwise code: Code, _ what: String, unstated reason: String) {
        let isMemory = failure.name.map { strcmp($0, DBUS_ERROR_NO_MEMORY) == 0 } ?? false
        self.init(code: isMemory ? .outOfMemory : code, "\(what): \(failure.message.map { String(cString: $0) } ?? reason)")
    }
}
