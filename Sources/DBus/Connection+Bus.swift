/// Who is behind a name, as the bus saw it when they connected.
public struct PeerCredentials: Hashable, Sendable {
    /// The effective user; nil when the bus does not know.
    public var userID: UInt32?
    /// May have been given to another process since: for display, never for decisions.
    public var processID: UInt32?
    public var groupIDs: [UInt32]?
    public var securityLabel: [UInt8]?
}

/// How a name was got. D-Bus specification, `RequestName`.
public enum NameRequestOutcome: UInt32, Hashable, Sendable {
    case primaryOwner = 1
    case queued = 2
    /// Somebody else has it and keeps it.
    case exists = 3
    case alreadyOwner = 4
}

/// What to ask for with a name. D-Bus specification, `RequestName`.
public struct NameRequestFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let allowReplacement = NameRequestFlags(rawValue: 1)
    public static let replaceExisting = NameRequestFlags(rawValue: 2)
    public static let doNotQueue = NameRequestFlags(rawValue: 4)
}

extension Message {
    /// A call of the message bus itself.
    public static func busCall(_ member: String, _ values: [DBusValue] = []) throws(DBusError) -> Message {
        guard let member = try? MemberName(member) else { throw DBusError(code: .malformed, "\(member) is no method of the message bus") }
        return try methodCall(destination: .bus, path: .bus, interface: .bus, member: member, values: values)
    }
}

extension Connection {
    /// Calls a method of the bus itself.
    nonisolated(nonsending) func callBus(_ member: String, _ values: [DBusValue]) async throws(DBusError) -> [DBusValue] {
        let reply = try await call(.busCall(member, values))
        do { return try reply.values() } catch { throw DBusError(code: .malformed, error.description) }
    }

    /// Asks for a well-known name.
    public nonisolated(nonsending) func requestName(
        _ name: WellKnownName, flags: NameRequestFlags = .doNotQueue
    ) async throws(DBusError) -> NameRequestOutcome {
        let values = try await callBus("RequestName", [.string(name.text), .uint32(flags.rawValue)])
        guard let number: UInt32 = values.first?.integer(), let outcome = NameRequestOutcome(rawValue: number) else {
            throw DBusError(code: .malformed, "the bus answered RequestName with \(values)")
        }
        return outcome
    }

    /// Gives a name back. Nothing happens when it was not this connection's.
    public nonisolated(nonsending) func releaseName(_ name: WellKnownName) async throws(DBusError) {
        _ = try await callBus("ReleaseName", [.string(name.text)])
    }

    /// Who owns a name now; nil when nobody does.
    public nonisolated(nonsending) func nameOwner(of name: BusName) async throws(DBusError) -> UniqueName? {
        do throws(DBusError) {
            let values = try await callBus("GetNameOwner", [.string(name.text)])
            guard let text = values.first?.text else { throw DBusError(code: .malformed, "the bus answered GetNameOwner with \(values)") }
            // The bus is the one peer whose unique name is a well-known one.
            return UniqueName(verified: text)
        } catch  where error.code == .errorReply(.nameHasNoOwner) {
            return nil
        }
    }

    /// Who is behind a name. Throws `org.freedesktop.DBus.Error.NameHasNoOwner` when nobody is. One round trip to the bus: keep the
    /// answer per unique name, which is never given to another.
    public nonisolated(nonsending) func credentials(of name: BusName) async throws(DBusError) -> PeerCredentials {
        let values = try await callBus("GetConnectionCredentials", [.string(name.text)])
        guard let entries = values.first?.stringDictionary else {
            throw DBusError(code: .malformed, "the bus answered GetConnectionCredentials with \(values)")
        }
        var label: [UInt8]?
        if case .bytes(let bytes)? = entries["LinuxSecurityLabel"] { label = bytes }
        return PeerCredentials(
            userID: entries["UnixUserID"]?.integer(), processID: entries["ProcessID"]?.integer(),
            groupIDs: entries["UnixGroupIDs"]?.elements?.compactMap { $0.integer() }, securityLabel: label)
    }
}
